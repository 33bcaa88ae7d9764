public import Bytes

/// Registers a node, and with it at most one service and any number of checks.
///
/// ```
/// node, skip node update 0/1, service present 0/1, [service], check count varint, checks
/// ```
public struct Register: Equatable, Sendable {
    public static let kind = CommandKind.register

    public var node: NodeDefinition
    /// Leaves an existing node's address, tagged addresses and metadata as they are.
    public var skipNodeUpdate: Bool
    public var service: ServiceDefinition?
    /// A check with an empty node is one of this node; `serviceName` and `serviceTags` are ignored.
    public var checks: [CheckDefinition]

    public init(
        node: NodeDefinition,
        skipNodeUpdate: Bool = false,
        service: ServiceDefinition? = nil,
        checks: [CheckDefinition] = []
    ) {
        self.node = node
        self.skipNodeUpdate = skipNodeUpdate
        self.service = service
        self.checks = checks
    }
}

/// Removes a service, a check, or a whole node with all of its services, checks and sessions.
/// Removing what is not there succeeds and changes nothing.
///
/// ```
/// node, service id, check id: byte strings
/// ```
public struct Deregister: Equatable, Sendable {
    public static let kind = CommandKind.deregister

    public var node: ByteString
    /// When not empty, only this service and its checks.
    public var serviceID: ByteString
    /// When not empty (and the service id is), only this check.
    public var checkID: ByteString

    public init(node: ByteString, serviceID: ByteString = "", checkID: ByteString = "") {
        self.node = node
        self.serviceID = serviceID
        self.checkID = checkID
    }
}

/// Sets a check's status and output: a TTL check's heartbeat that changes something, or its expiry.
///
/// ```
/// node, check id, status, output: byte strings; expired 0/1; term varint
/// ```
public struct UpdateCheck: Equatable, Sendable {
    public static let kind = CommandKind.updateCheck

    public var node: ByteString
    public var checkID: ByteString
    public var status: CheckStatus
    public var output: ByteString
    /// The leader's verdict that a TTL ran out.
    public var expired: Bool
    /// Of any verdict of the leader: the entry does nothing in another term; 0: a client's word.
    public var term: UInt64

    public init(
        node: ByteString,
        checkID: ByteString,
        status: CheckStatus,
        output: ByteString,
        expired: Bool = false,
        term: UInt64 = 0
    ) {
        self.node = node
        self.checkID = checkID
        self.status = status
        self.output = output
        self.expired = expired
        self.term = term
    }
}

/// Forgets what was deleted up to an index, and lock-delays that are over.
///
/// ```
/// index varint
/// ```
public struct ReapTombstones: Equatable, Sendable {
    public static let kind = CommandKind.reapTombstones

    /// Tombstones of this index and below go.
    public var throughIndex: UInt64

    public init(throughIndex: UInt64) {
        self.throughIndex = throughIndex
    }
}
