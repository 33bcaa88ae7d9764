internal import Bytes

/// Opens a session. The header's session is the new id, its connection the owner's token.
///
/// ```
/// timeout milliseconds zig-zag varint, password byte string (16 bytes)
/// ```
public struct CreateSession: Equatable, Sendable {
    public static let kind = CommandKind.createSession

    public var timeoutMilliseconds: Int32
    public var password: [UInt8]

    public init(timeoutMilliseconds: Int32, password: [UInt8]) {
        self.timeoutMilliseconds = timeoutMilliseconds
        self.password = password
    }
}

/// Takes a session over for the header's connection. A wrong password leaves it as it is.
///
/// ```
/// timeout milliseconds zig-zag varint, password byte string
/// ```
public struct AttachSession: Equatable, Sendable {
    public static let kind = CommandKind.attachSession

    /// The timeout that was negotiated for this connection; it replaces the session's.
    public var timeoutMilliseconds: Int32
    public var password: [UInt8]

    public init(timeoutMilliseconds: Int32, password: [UInt8]) {
        self.timeoutMilliseconds = timeoutMilliseconds
        self.password = password
    }
}

/// Ends the header's session and deletes its ephemeral znodes.
///
/// ```
/// expired 0/1, term varint
/// ```
public struct CloseSession: Equatable, Sendable {
    public static let kind = CommandKind.closeSession

    /// The leader's verdict, not the client's wish. The header's connection is then the one that
    /// the session had; 0 in entries before version 0.4.
    public var expired: Bool
    /// The term in which the leader found it expired; the entry does nothing in another term.
    public var term: UInt64

    public init(expired: Bool = false, term: UInt64 = 0) {
        self.expired = expired
        self.term = term
    }
}

extension CreateSession {
    public func encode(_ header: CommandHeader) -> [UInt8] {
        encodeSessionFields(header, Self.kind, timeoutMilliseconds, password)
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        timeoutMilliseconds = try reader.signedVarint32()
        password = try reader.byteArray()
    }
}

extension AttachSession {
    public func encode(_ header: CommandHeader) -> [UInt8] {
        encodeSessionFields(header, Self.kind, timeoutMilliseconds, password)
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        timeoutMilliseconds = try reader.signedVarint32()
        password = try reader.byteArray()
    }
}

extension CloseSession {
    public func encode(_ header: CommandHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: 64)
        header.encode(Self.kind, into: &writer)
        writer.truth(expired)
        writer.varint(term)
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        expired = try reader.truth()
        term = try reader.varint()
    }
}

private func encodeSessionFields(
    _ header: CommandHeader,
    _ kind: CommandKind,
    _ timeoutMilliseconds: Int32,
    _ password: [UInt8]
) -> [UInt8] {
    var writer = ByteWriter(reserving: 64)
    header.encode(kind, into: &writer)
    writer.signedVarint32(timeoutMilliseconds)
    writer.varBytes(password)
    return writer.bytes
}
