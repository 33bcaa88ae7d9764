public import Bytes

/// A node wants to belong to the cluster: gives it a number, which is never given again.
///
///     | least varint | name | address | incarnation, each length varint and bytes |
public struct AdmitMember: Equatable, Sendable {
    public static let kind = CommandKind.admitMember
    /// No number below this one is given: the first voters have theirs from elsewhere.
    public var least: UInt64
    public var name: ByteString
    /// HOST:PORT of its peer port.
    public var address: ByteString
    /// The name of its data directory, 16 bytes.
    public var incarnation: ByteString

    public init(least: UInt64, name: ByteString, address: ByteString, incarnation: ByteString) {
        self.least = least
        self.name = name
        self.address = address
        self.incarnation = incarnation
    }

    public func encode(_ header: CommandHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: 128)
        header.encode(Self.kind, into: &writer)
        writer.varint(least)
        writer.byteString(name)
        writer.byteString(address)
        writer.byteString(incarnation)
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        least = try reader.varint()
        name = try reader.byteString()
        address = try reader.byteString()
        incarnation = try reader.byteString()
    }
}

/// A node was removed from the cluster: forgets its name and address. `| node varint |`
public struct DismissMember: Equatable, Sendable {
    public static let kind = CommandKind.dismissMember
    public var node: UInt64

    public init(node: UInt64) {
        self.node = node
    }

    public func encode(_ header: CommandHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: 64)
        header.encode(Self.kind, into: &writer)
        writer.varint(node)
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        node = try reader.varint()
    }
}

/// The answer to a member command.
public enum MemberOutcome: Equatable, Sendable {
    /// The node has this number; it had it before if it asked before.
    case admitted(UInt64)
    /// A member of this name has another data directory.
    case nameTaken(by: UInt64)
    case dismissed
}
