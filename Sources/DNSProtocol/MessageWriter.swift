import Bytes

/// Writes a message, with names that stood there before as pointers to them (RFC 1035, 4.1.4).
struct MessageWriter {
    private var writer = ByteWriter(reserving: 512)
    private let isCompressed: Bool
    /// Where names and their ends begin.
    private var places: [ArraySlice<UInt8>: UInt16] = [:]
    private var question: DomainName?
    /// Behind the head.
    private static let questionPlace: UInt16 = 12

    init(isCompressed: Bool) {
        self.isCompressed = isCompressed
    }

    var bytes: [UInt8] { writer.bytes }

    mutating func integer<Value: FixedWidthInteger>(_ value: Value) {
        writer.integer(value)
    }

    /// - Parameter mayPoint: false where a reader would look for no pointer (RFC 2782, RFC 3597).
    mutating func name(_ name: DomainName, mayPoint: Bool = true) {
        guard isCompressed else { return writer.append(name.wire) }
        if mayPoint, name == question { return writer.integer(0xc000 | Self.questionPlace) }
        var rest = name.wire[...]
        while let length = rest.first, length > 0 {
            if mayPoint, let place = places[rest] { return writer.integer(0xc000 | place) }
            if places[rest] == nil, writer.count < 0x4000 { places[rest] = UInt16(writer.count) }
            writer.bytes += rest.prefix(1 + Int(length))
            rest = rest.dropFirst(1 + Int(length))
        }
        writer.integer(UInt8(0))
    }

    /// The name that was asked for, which most records are of; it comes first.
    mutating func questionName(_ name: DomainName) {
        precondition(writer.count == Self.questionPlace, "a question at \(writer.count)")
        self.name(name)
        question = name
    }

    /// ```
    /// | owner | type 2 | class 2 | seconds to live 4 | bytes 2 | data |
    /// ```
    mutating func record(_ record: Record) {
        name(record.owner)
        integer(record.data.type.rawValue)
        integer(UInt16(1))
        integer(record.secondsToLive)
        let lengthAt = writer.count
        integer(UInt16(0))
        data(record.data)
        let count = UInt16(clamping: writer.count - lengthAt - 2)
        writer.bytes[lengthAt] = UInt8(count >> 8)
        writer.bytes[lengthAt + 1] = UInt8(truncatingIfNeeded: count)
    }

    private mutating func data(_ data: RecordData) {
        switch data {
        case .address(.v4(let bits)): integer(bits)
        case .address(.v6(let high, let low)):
            integer(high)
            integer(low)
        case .cname(let name), .ns(let name), .ptr(let name): self.name(name)
        case .soa(let authority):
            name(authority.server)
            name(authority.mailbox)
            integer(authority.serial)
            integer(authority.refreshSeconds)
            integer(authority.retrySeconds)
            integer(authority.expireSeconds)
            integer(authority.minimumSeconds)
        case .srv(let weight, let port, let target):
            // The priority is always 1.
            integer(UInt16(1))
            integer(weight)
            integer(port)
            name(target, mayPoint: false)
        case .txt(let text):
            var rest = text.bytes[...]
            repeat {
                let part = rest.prefix(255)
                integer(UInt8(part.count))
                writer.bytes += part
                rest = rest.dropFirst(part.count)
            } while !rest.isEmpty
        }
    }

    /// RFC 6891, 6.1.2: the record of this side, which takes what the client takes.
    mutating func edns(_ edns: Query.EDNS) {
        integer(UInt8(0))
        integer(RecordType.opt.rawValue)
        integer(edns.payloadBytes)
        integer(UInt32(0))
        guard let subnet = edns.subnet else { return integer(UInt16(0)) }
        integer(UInt16(8 + subnet.address.count))
        integer(Query.Subnet.option)
        integer(UInt16(4 + subnet.address.count))
        integer(subnet.family)
        integer(subnet.prefixLength)
        // The answer is the same for everybody.
        integer(UInt8(0))
        writer.append(subnet.address)
    }
}
