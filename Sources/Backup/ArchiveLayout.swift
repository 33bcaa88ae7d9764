import Bytes

/// The bytes around the state.
///
///     gzip   | 1f 8b 08 00 | 00 00 00 00 | 00 ff | block ... | block: last | CRC-32 4 | length 4 |
///     block  | 00 (01: last) | length 2 | ~length 2 | bytes |          little-endian, as gzip is
///     bytes  | head | meta.json | head | state.bin | head | SHA256SUMS | 1024 zeros |
///     head   512 bytes of ustar; each member is filled up with zeros to a multiple of 512
///
/// `meta.json` is `ArchiveHead`, `state.bin` the copy of the state (an LMDB file), and
/// `SHA256SUMS` a line for each of both: 64 digits, two spaces, the name.
enum ArchiveLayout {
    static let headName = "meta.json"
    static let stateName = "state.bin"
    static let sumsName = "SHA256SUMS"

    static let gzipHeader: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]
    static let blockHeadBytes = 5
    /// A stored block's length has 16 bits.
    static let blockBytesMax = 65_535
    static let trailerBytes = 8
    static let unitBytes = 512
    static let endBytes = 1_024

    static func blockHead(bytes: Int, isLast: Bool) -> [UInt8] {
        let length = UInt16(bytes)
        return [
            isLast ? 1 : 0, UInt8(truncatingIfNeeded: length), UInt8(length >> 8),
            UInt8(truncatingIfNeeded: ~length), UInt8(~length >> 8),
        ]
    }

    static func littleEndian(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    }

    /// Zeros after a member of so many bytes.
    static func padding(after bytes: Int) -> Int { -bytes & (unitBytes - 1) }

    static func sums(head: [UInt8], state: [UInt8]) -> [UInt8] {
        Array(
            "\(Hexadecimal.text(head))  \(headName)\n\(Hexadecimal.text(state))  \(stateName)\n"
                .utf8
        )
    }
}

/// The 512 bytes before a member of a tar, as POSIX's ustar has them.
///
///     | name 100 | mode 8 | uid 8 | gid 8 | size 12 | mtime 12 | sum 8 | type 1 | linked name 100
///     | "ustar" 0 "00" | ... zeros |
///
/// Numbers are octal text; a size of 8 GiB and more is binary with the highest bit set, which
/// GNU's tar, Go's and Python's read.
struct TarHead {
    var name: String
    var size: Int

    private static let sizePlace = 124..<136
    private static let sumPlace = 148..<156
    private static let typePlace = 156
    private static let magic = Array("ustar".utf8)

    init(name: String, size: Int) {
        self.name = name
        self.size = size
    }

    func encoded(seconds: Int64) -> [UInt8] {
        var head = [UInt8](repeating: 0, count: ArchiveLayout.unitBytes)
        func put(_ text: [UInt8], at place: Int) {
            head.replaceSubrange(place..<(place + text.count), with: text)
        }
        put(Array(name.utf8.prefix(99)), at: 0)
        put(Array("0000600\0".utf8), at: 100)
        put(Array("0000000\0".utf8), at: 108)
        put(Array("0000000\0".utf8), at: 116)
        if size < 1 << 33 {
            put(Self.octal(UInt64(size), digits: 11), at: Self.sizePlace.lowerBound)
        } else {
            head[Self.sizePlace.lowerBound] = 0x80
            var writer = ByteWriter(reserving: 8)
            writer.integer(UInt64(size))
            put(writer.bytes, at: Self.sizePlace.upperBound - 8)
        }
        put(Self.octal(UInt64(max(0, seconds)), digits: 11), at: 136)
        head[Self.typePlace] = UInt8(ascii: "0")
        put(Self.magic, at: 257)
        put(Array("00".utf8), at: 263)
        put(
            Self.octal(UInt64(Self.sum(head)), digits: 6) + [0, 0x20],
            at: Self.sumPlace.lowerBound
        )
        return head
    }

    /// Nil for the zeros at the end.
    static func decoded(_ head: [UInt8]) throws(BackupError) -> TarHead? {
        guard head.contains(where: { $0 != 0 }) else { return nil }
        guard head[257..<262].elementsEqual(magic) else {
            throw .foreign("what is in the gzip is no tar")
        }
        guard number(head[sumPlace]) == sum(head), let size = number(head[sizePlace]) else {
            throw .damaged("the head of a member")
        }
        guard [0, UInt8(ascii: "0")].contains(head[typePlace]) else {
            throw .foreign("a member is no file")
        }
        let name = String(decoding: head.prefix(100).prefix { $0 != 0 }, as: UTF8.self)
        return TarHead(name: name, size: size)
    }

    /// The sum of all bytes, its own field taken for spaces.
    private static func sum(_ head: [UInt8]) -> Int {
        var sum = 0
        for (place, byte) in head.enumerated() { sum += sumPlace ~= place ? 0x20 : Int(byte) }
        return sum
    }

    /// With the NUL that ends it, where there is room.
    private static func octal(_ value: UInt64, digits: Int) -> [UInt8] {
        let text = String(value, radix: 8)
        return Array((String(repeating: "0", count: max(0, digits - text.count)) + text).utf8)
    }

    private static func number(_ field: ArraySlice<UInt8>) -> Int? {
        if field.first == 0x80 {
            return field.dropFirst().reduce(0) { value, byte in
                value.flatMap { $0 < 1 << 48 ? $0 << 8 | Int(byte) : nil }
            }
        }
        let digits = field.filter { $0 != 0 && $0 != 0x20 }
        let zero = UInt8(ascii: "0")
        guard !digits.isEmpty, digits.count <= 20,
            digits.allSatisfy({ $0 >= zero && $0 < zero + 8 })
        else { return nil }
        return digits.reduce(0) { $0 << 3 | Int($1 - zero) }
    }
}
