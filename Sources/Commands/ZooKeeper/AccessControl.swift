public import Bytes

/// What an ACL entry allows; the bits are ZooKeeper's.
public struct Permissions: OptionSet, Hashable, Sendable {
    public let rawValue: Int32

    @inlinable
    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    public static let read = Permissions(rawValue: 1)
    public static let write = Permissions(rawValue: 2)
    public static let create = Permissions(rawValue: 4)
    public static let delete = Permissions(rawValue: 8)
    public static let admin = Permissions(rawValue: 16)
    public static let all = Permissions(rawValue: 31)
}

/// Who someone is under a scheme: ("digest", "user:hash"), ("ip", "10.0.0.0/8"),
/// ("world", "anyone").
public struct Identity: Hashable, Sendable {
    public var scheme: ByteString
    public var id: ByteString

    public init(scheme: ByteString, id: ByteString) {
        self.scheme = scheme
        self.id = id
    }

    public static let anyone = Identity(scheme: "world", id: "anyone")
}

/// One line of a znode's access-control list.
public struct ACLEntry: Hashable, Sendable {
    public var permissions: Permissions
    public var identity: Identity

    public init(permissions: Permissions, identity: Identity) {
        self.permissions = permissions
        self.identity = identity
    }

    /// world:anyone with all permissions.
    public static let open = ACLEntry(permissions: .all, identity: .anyone)
}

/// The identities that a connection has proved, encoded once for all of its requests. The `ip`
/// identity is not in it: it follows from the header's client address.
///
/// ```
/// count varint, then for each: scheme and id as byte strings
/// ```
public struct IdentityList: Equatable, Sendable {
    /// The encoding, as it stands in commands.
    public let encoded: [UInt8]
    public let identities: [Identity]

    public static let none = IdentityList([])

    public init(_ identities: [Identity]) {
        var writer = ByteWriter()
        writer.varint(UInt64(identities.count))
        for identity in identities { identity.encode(into: &writer) }
        self.encoded = writer.bytes
        self.identities = identities
    }

    @_lifetime(reader: copy reader)
    public init(from reader: inout SpanReader) throws(BytesError) {
        let count = try reader.elementCount()
        var identities: [Identity] = []
        for _ in 0..<count { identities.append(try Identity(from: &reader)) }
        self.init(identities)
    }
}

extension Identity {
    func encode(into writer: inout ByteWriter) {
        writer.byteString(scheme)
        writer.byteString(id)
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        scheme = try reader.byteString()
        id = try reader.byteString()
    }
}

/// The codec of a whole list, in commands and in the state's table of interned lists.
///
/// ```
/// count varint, then for each: permissions zig-zag varint, scheme and id as byte strings
/// ```
public enum ACLCodec {
    /// The encoding of [world:anyone all], which is nearly every list there is.
    public static let open: [UInt8] = encode([.open])

    public static func encode(_ entries: [ACLEntry]) -> [UInt8] {
        var writer = ByteWriter()
        encode(entries, into: &writer)
        return writer.bytes
    }

    public static func encode(_ entries: [ACLEntry], into writer: inout ByteWriter) {
        writer.varint(UInt64(entries.count))
        for entry in entries {
            writer.signedVarint32(entry.permissions.rawValue)
            entry.identity.encode(into: &writer)
        }
    }

    @_lifetime(reader: copy reader)
    public static func decode(_ reader: inout SpanReader) throws(BytesError) -> [ACLEntry] {
        let count = try reader.elementCount()
        var entries: [ACLEntry] = []
        for _ in 0..<count {
            let permissions = Permissions(rawValue: try reader.signedVarint32())
            entries.append(
                ACLEntry(permissions: permissions, identity: try Identity(from: &reader))
            )
        }
        return entries
    }

    /// A list that fills `span` exactly.
    public static func decodeAll(_ span: RawSpan) throws(BytesError) -> [ACLEntry] {
        var reader = SpanReader(span)
        let entries = try decode(&reader)
        guard reader.isAtEnd else {
            throw .badLength(offset: reader.offset, length: span.byteCount, bound: reader.offset)
        }
        return entries
    }
}
