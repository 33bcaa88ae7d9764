public import Bytes

/// What stands before every command's body.
///
/// ```
///  0        format version: 1, or 2 with a token
///  1        CommandKind
///  2 ..<10  time, Int64 milliseconds since 1970, stamped by the leader
/// 10 ..<18  ZooKeeper session, Int64; 0 = none
/// 18 ..<26  connection token that the session must be attached to, UInt64; 0 = not checked
/// 26        bytes of the client's address: 0, 4 or 16
/// 27 ..     address, then its port, UInt16 (both absent for 0)
/// ..        in format 2: the token's accessor, 16 bytes
/// ..        body
/// ```
/// Integers are big-endian.
public struct CommandHeader: Equatable, Sendable {
    private static let format: UInt8 = 1
    private static let formatWithToken: UInt8 = 2
    static let formatMax = formatWithToken
    static let timeOffset = 2

    /// The leader's clock. Zero until `stamp`.
    public var timeMilliseconds: Int64
    public var session: SessionID
    /// The token of `AttachSession` or `CreateSession` that this request came through. When another
    /// connection has taken the session since, the command fails with `sessionMoved`.
    public var connection: UInt64
    public var client: ClientAddress
    /// The accessor of the Consul token that the request came with, while there are ACLs; without
    /// one the anonymous token's.
    public var token: UUIDValue?

    @inlinable
    public init(
        timeMilliseconds: Int64 = 0,
        session: SessionID = .none,
        connection: UInt64 = 0,
        client: ClientAddress = .none,
        token: UUIDValue? = nil
    ) {
        self.timeMilliseconds = timeMilliseconds
        self.session = session
        self.connection = connection
        self.client = client
        self.token = token
    }

    /// Writes the leader's time into an encoded command. The payload must be one.
    public static func stamp(_ payload: inout [UInt8], timeMilliseconds: Int64) {
        precondition(payload.count >= timeOffset + 8, "payload of \(payload.count) bytes")
        let bits = UInt64(bitPattern: timeMilliseconds)
        for position in 0..<8 {
            payload[timeOffset + position] = UInt8(truncatingIfNeeded: bits >> (56 - 8 * position))
        }
    }

    /// The leader's time in an encoded command, without decoding it; nil if it is none.
    public static func time(of payload: RawSpan) -> Int64? {
        guard payload.byteCount >= timeOffset + 8, isKnown(payload[byte: 0]) else { return nil }
        var bits: UInt64 = 0
        for place in 0..<8 { bits = bits << 8 | UInt64(payload[byte: timeOffset + place]) }
        return Int64(bitPattern: bits)
    }

    @usableFromInline
    func encode(_ kind: CommandKind, into writer: inout ByteWriter) {
        writer.integer(token == nil ? Self.format : Self.formatWithToken)
        writer.integer(kind.rawValue)
        writer.integer(timeMilliseconds)
        writer.integer(session.value)
        writer.integer(connection)
        client.encode(into: &writer)
        token?.encode(into: &writer)
    }

    /// Reads header and kind; the reader then stands at the body.
    @_lifetime(reader: copy reader)
    public static func decode(
        _ reader: inout SpanReader
    ) throws(CommandError) -> (header: CommandHeader, kind: CommandKind) {
        let version: UInt8
        let number: UInt8
        do throws(BytesError) {
            version = try reader.integer()
            number = try reader.integer()
        } catch {
            throw .malformed(error)
        }
        guard isKnown(version) else { throw .unknownFormat(version: version) }
        guard let kind = CommandKind(rawValue: number) else { throw .unknownKind(number) }
        do throws(BytesError) {
            var header = try CommandHeader(fieldsFrom: &reader)
            if version == formatWithToken { header.token = try UUIDValue(from: &reader) }
            return (header, kind)
        } catch {
            throw .malformed(error)
        }
    }

    private static func isKnown(_ version: UInt8) -> Bool {
        version == format || version == formatWithToken
    }

    @_lifetime(reader: copy reader)
    private init(fieldsFrom reader: inout SpanReader) throws(BytesError) {
        timeMilliseconds = try reader.integer()
        session = SessionID(try reader.integer())
        connection = try reader.integer()
        client = try ClientAddress(from: &reader)
    }
}
