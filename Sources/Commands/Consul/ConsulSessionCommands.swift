public import Bytes

/// What becomes of a session's keys when it ends.
public enum SessionBehavior: UInt8, Equatable, Sendable {
    case release = 0
    case delete = 1
}

/// A Consul session, as created.
public struct SessionDefinition: Equatable, Sendable {
    /// A UUID in lower case, made by the front end.
    public var id: ByteString
    public var name: ByteString
    public var node: ByteString
    /// Checks of the node, by id; any of them going critical ends the session.
    public var nodeChecks: [ByteString]?
    /// Checks of services, by id.
    public var serviceChecks: [ServiceCheckReference]?
    /// As in JSON, in nanoseconds. At most 60 s counts.
    public var lockDelayNanoseconds: Int64
    public var behavior: SessionBehavior
    /// As the client wrote it ("10s"), empty for none.
    public var ttlText: ByteString
    /// 0 for none.
    public var ttlMilliseconds: Int64

    public init(
        id: ByteString,
        name: ByteString = "",
        node: ByteString,
        nodeChecks: [ByteString]? = nil,
        serviceChecks: [ServiceCheckReference]? = nil,
        lockDelayNanoseconds: Int64 = 15_000_000_000,
        behavior: SessionBehavior = .release,
        ttlText: ByteString = "",
        ttlMilliseconds: Int64 = 0
    ) {
        self.id = id
        self.name = name
        self.node = node
        self.nodeChecks = nodeChecks
        self.serviceChecks = serviceChecks
        self.lockDelayNanoseconds = lockDelayNanoseconds
        self.behavior = behavior
        self.ttlText = ttlText
        self.ttlMilliseconds = ttlMilliseconds
    }
}

/// One of a session's ServiceChecks.
public struct ServiceCheckReference: Equatable, Sendable {
    public var id: ByteString
    public var namespace: ByteString

    public init(id: ByteString, namespace: ByteString = "") {
        self.id = id
        self.namespace = namespace
    }
}

/// A session as the state holds it.
public struct SessionRecord: Equatable, Sendable {
    public var definition: SessionDefinition
    public var createIndex: UInt64
    public var modifyIndex: UInt64

    public init(definition: SessionDefinition, createIndex: UInt64, modifyIndex: UInt64) {
        self.definition = definition
        self.createIndex = createIndex
        self.modifyIndex = modifyIndex
    }
}

/// Opens a Consul session.
///
/// ```
/// id, name, node: byte strings; node checks: list; service checks: list of id, namespace;
/// lock delay ns zig-zag varint; behaviour UInt8; TTL text byte string; TTL ms zig-zag varint
/// ```
public struct CreateConsulSession: Equatable, Sendable {
    public static let kind = CommandKind.createConsulSession

    public var session: SessionDefinition

    public init(_ session: SessionDefinition) {
        self.session = session
    }
}

/// Ends a Consul session: its client's wish, or the leader's verdict that its TTL ran out.
///
/// ```
/// id byte string, expired 0/1, term varint
/// ```
public struct DestroyConsulSession: Equatable, Sendable {
    public static let kind = CommandKind.destroyConsulSession

    public var id: ByteString
    public var expired: Bool
    /// The term in which the leader found it expired; the entry does nothing in another term.
    public var term: UInt64

    public init(id: ByteString, expired: Bool = false, term: UInt64 = 0) {
        self.id = id
        self.expired = expired
        self.term = term
    }
}
