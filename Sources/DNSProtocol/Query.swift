import Bytes

/// DNS as Consul speaks it (RFC 1035, with EDNS of RFC 6891 and client subnets of RFC 7871): what a
/// client asks, and the message that answers it. Values in, bytes out.
///
/// What it must never do: know what there is to find, or trust a length that a client sent.
///
/// Map: `Query` reads a message, `Response` makes one (`MessageWriter` the bytes), `Record` is what
/// it carries, `DomainName` and `Address` are what records speak of.
public struct Query: Sendable {
    public var id: UInt16
    /// The second word of the header.
    var flags: UInt16
    public var name: DomainName
    public var type: RecordType
    /// It is not looked at, as in Consul: everything is of class IN.
    var queryClass: UInt16
    public var edns: EDNS?

    /// What the client can take, and where its own client sits.
    public struct EDNS: Equatable, Sendable {
        public var payloadBytes: UInt16
        public var subnet: Subnet?

        public init(payloadBytes: UInt16, subnet: Subnet? = nil) {
            self.payloadBytes = payloadBytes
            self.subnet = subnet
        }
    }

    public struct Subnet: Equatable, Sendable {
        var family: UInt16
        var prefixLength: UInt8
        var address: [UInt8]
    }

    /// What is to be done about a message.
    public enum Intake: Sendable {
        case query(Query)
        /// It is answered by a header, and its question where that could be read.
        case refusal([UInt8], ResponseCode)
        /// It is no question, or not even a header.
        case silence
    }

    public init(
        id: UInt16 = 0,
        name: DomainName,
        type: RecordType,
        edns: EDNS? = nil
    ) {
        self.id = id
        flags = 0
        self.name = name
        self.type = type
        queryClass = 1
        self.edns = edns
    }

    /// Reads a message, and refuses in the order and with the codes of the library that Consul
    /// uses (github.com/miekg/dns).
    public static func read(_ message: RawSpan) -> Intake {
        var reader = SpanReader(message)
        do throws(BytesError) {
            let (id, flags): (UInt16, UInt16) = (try reader.integer(), try reader.integer())
            let counts: [UInt16] = [
                try reader.integer(), try reader.integer(), try reader.integer(),
                try reader.integer(),
            ]
            if flags & Flags.response != 0 { return .silence }
            let operation = flags >> 11 & 15
            guard operation == 0 || operation == 4 else {
                return refusal(id, flags, code: .notImplemented)
            }
            let formatError = flags & ~Flags.operation
            if counts == [1, 0, 0, 0], reader.isAtEnd {
                return refusal(id, flags, code: .refused)
            }
            guard counts[0] == 1, counts[1] <= 1, counts[2] <= 1, counts[3] <= 2,
                var query = question(id, flags, &reader)
            else { return refusal(id, formatError, code: .formatError) }
            guard query.takeRecords(counts[1...].reduce(0, +), &reader) else {
                return refusal(id, formatError, code: .formatError, query)
            }
            return .query(query)
        } catch {
            return .silence
        }
    }

    private static func refusal(
        _ id: UInt16,
        _ flags: UInt16,
        code: ResponseCode,
        _ question: Query? = nil
    ) -> Intake {
        var writer = ByteWriter(reserving: 12)
        writer.integer(id)
        writer.integer(Flags.response | flags & Flags.refused | code.rawValue)
        writer.integer(UInt16(question == nil ? 0 : 1))
        writer.integer(UInt16(0))
        writer.integer(UInt32(0))
        if let question {
            writer.append(question.name.wire)
            writer.integer(question.type.rawValue)
            writer.integer(question.queryClass)
        }
        return .refusal(writer.bytes, code)
    }

    private static func question(
        _ id: UInt16,
        _ flags: UInt16,
        _ reader: inout SpanReader
    ) -> Query? {
        do throws(BytesError) {
            let name = try name(&reader)
            // A message may end before the type, or the class; they are 0 then.
            let type = reader.isAtEnd ? 0 : try reader.integer(as: UInt16.self)
            var query = Query(id: id, name: name, type: RecordType(rawValue: type))
            query.flags = flags
            query.queryClass = reader.isAtEnd ? 0 : try reader.integer()
            return query
        } catch {
            return nil
        }
    }

    /// Looks for EDNS' record among those that follow the question. Some may be announced and not
    /// be there.
    /// - Returns: false for a damaged one.
    private mutating func takeRecords(_ count: UInt16, _ reader: inout SpanReader) -> Bool {
        do throws(BytesError) {
            for _ in 0..<count where !reader.isAtEnd {
                if let found = try Self.record(&reader) { edns = found }
            }
            return true
        } catch {
            return false
        }
    }

    /// A name without compression: a question stands before all that it could point to.
    private static func name(_ reader: inout SpanReader) throws(BytesError) -> DomainName {
        let start = reader.offset
        while true {
            let length: UInt8 = try reader.integer()
            let count = reader.offset - start + Int(length)
            guard count <= DomainName.bytesMax else {
                throw .badLength(offset: start, length: count, bound: DomainName.bytesMax)
            }
            if length == 0 { break }
            guard length <= DomainName.labelBytesMax else {
                throw .badTag(offset: reader.offset, tag: UInt64(length))
            }
            _ = try reader.bytes(Int(length))
        }
        return DomainName(wire: reader.span.extracting(start..<reader.offset).copiedBytes())
    }

    /// Passes over a record, and reads it if it is EDNS'.
    private static func record(_ reader: inout SpanReader) throws(BytesError) -> EDNS? {
        try skipName(&reader)
        let type = RecordType(rawValue: try reader.integer())
        let payloadBytes: UInt16 = try reader.integer()
        _ = try reader.integer(as: UInt32.self)
        let length: UInt16 = try reader.integer()
        var data = SpanReader(try reader.bytes(Int(length)))
        guard type == .opt else { return nil }
        var edns = EDNS(payloadBytes: payloadBytes)
        while !data.isAtEnd {
            let option: UInt16 = try data.integer()
            let count: UInt16 = try data.integer()
            var value = SpanReader(try data.bytes(Int(count)))
            if option == Subnet.option { edns.subnet = try Subnet(&value) }
        }
        return edns
    }

    private static func skipName(_ reader: inout SpanReader) throws(BytesError) {
        while true {
            let length: UInt8 = try reader.integer()
            if length == 0 { return }
            // A pointer ends a name.
            if length >= 0xc0 {
                _ = try reader.integer(as: UInt8.self)
                return
            }
            guard length <= DomainName.labelBytesMax else {
                throw .badTag(offset: reader.offset, tag: UInt64(length))
            }
            _ = try reader.bytes(Int(length))
        }
    }
}

extension Query.Subnet {
    /// EDNS's number for it.
    static let option: UInt16 = 8

    /// ```
    /// | family 2 | source prefix 1 | scope prefix 1 | address, as long as its prefix |
    /// ```
    fileprivate init(_ reader: inout SpanReader) throws(BytesError) {
        family = try reader.integer()
        prefixLength = try reader.integer()
        _ = try reader.integer(as: UInt8.self)
        address = reader.rest().copiedBytes()
        let bits = family == 1 ? 32 : 128
        guard family <= 2, Int(prefixLength) <= bits, address.count * 8 <= bits else {
            throw .badLength(offset: 0, length: Int(prefixLength), bound: bits)
        }
    }
}

/// The second word of a message's header (RFC 1035, 4.1.1).
enum Flags {
    static let response: UInt16 = 0x8000
    static let operation: UInt16 = 0x7800
    static let authoritative: UInt16 = 0x0400
    static let truncated: UInt16 = 0x0200
    static let recursionDesired: UInt16 = 0x0100
    static let recursionAvailable: UInt16 = 0x0080
    static let checkingDisabled: UInt16 = 0x0010
    static let authenticData: UInt16 = 0x0020
    /// What a refusal has as its question.
    static let refused =
        operation | truncated | recursionDesired | recursionAvailable | authenticData
        | checkingDisabled
}

/// RFC 1035, 4.1.1.
public enum ResponseCode: UInt16, CaseIterable, Sendable {
    case noError = 0
    case formatError = 1
    case serverFailure = 2
    case nameError = 3
    case notImplemented = 4
    case refused = 5
}
