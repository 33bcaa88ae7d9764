internal import Bytes
internal import Commands
internal import Crypto

/// Keys of the tables `catalog` and `leases`: a tag, then names, each ended by 00 00.
///
/// ```
/// catalog  "n" node                     NodeRecord      "x" service name      service index
///          "u" node id                  node's name     "y" node              node index
///          "s" node, service id         ServiceRecord   "c" node, check id    CheckRecord
///          "S" name, node, service id   -               "C" service name, node, check id   -
/// leases   "i" session                  SessionRecord   "n" node, session     -
///          "c" node, check id, session  -
/// ```
/// Names compare without regard to ASCII case, as in Consul's indexes. A 00 in a name is written
/// as 00 FF. A name of more than 119 bytes is written as its first 88 and its SHA-256.
struct CatalogKey: ~Copyable {
    static let node = UInt8(ascii: "n")
    static let nodeID = UInt8(ascii: "u")
    static let service = UInt8(ascii: "s")
    static let serviceName = UInt8(ascii: "S")
    static let check = UInt8(ascii: "c")
    static let checkService = UInt8(ascii: "C")
    static let serviceIndex = UInt8(ascii: "x")
    static let nodeIndex = UInt8(ascii: "y")
    static let session = UInt8(ascii: "i")

    static let plainNameBytesMax = 119
    static let sharedNameBytes = 88

    var buffer = KeyBuffer()

    init(_ tag: UInt8) {
        buffer.append(tag)
    }

    init(_ tag: UInt8, _ names: ByteString...) {
        buffer.append(tag)
        for name in names { append(name) }
    }

    var span: RawSpan {
        @_lifetime(borrow self)
        get { buffer.span }
    }

    mutating func append(_ name: ByteString) {
        let written = Self.escaped(name)
        if written.count <= Self.plainNameBytesMax {
            buffer.append(written.rawSpan)
        } else {
            buffer.append(written.rawSpan.extracting(first: Self.sharedNameBytes))
            var hash = SHA256()
            hash.update(data: written)
            for byte in hash.finalize() { buffer.append(byte) }
        }
        buffer.append(0)
        buffer.append(0)
    }

    private static func escaped(_ name: ByteString) -> [UInt8] {
        var written: [UInt8] = []
        written.reserveCapacity(name.bytes.count + 1)
        for byte in name.bytes {
            written.append(byte.lowercased)
            if byte == 0 { written.append(0xff) }
        }
        return written
    }
}
