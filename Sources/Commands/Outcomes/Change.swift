public import Bytes

/// What an entry changed, in the order in which events are to be sent; watches and blocking queries
/// are woken from these.
public enum Change: Equatable, Sendable {
    case znode(ZnodeChange)
    case zooKeeperSessionAttached(SessionID, connection: UInt64)
    case zooKeeperSessionClosed(SessionID)

    /// A KV key was written, locked, unlocked or deleted.
    case key(ByteString)
    /// Every key under the prefix was deleted in one operation.
    case keyTree(prefix: ByteString)
    /// A Consul session was created or ended.
    case consulSession(id: ByteString, node: ByteString)
    /// A node was registered, changed or deregistered.
    case node(ByteString)
    /// An instance of the service was registered, changed or deregistered on the node.
    case service(name: ByteString, node: ByteString)
    /// A check of the node changed; `service` is empty for a check of the node itself.
    case check(node: ByteString, service: ByteString, id: ByteString, isRemoved: Bool = false)
    /// An ACL token was made, changed or deleted; by its accessor.
    case token(ByteString)
    /// A node was admitted to the cluster, moved, or dismissed.
    case member(UInt64)
}

/// A change of one znode. Its parent's child watches fire on `created` and `deleted`.
public struct ZnodeChange: Equatable, Sendable {
    public enum Kind: UInt8, Sendable {
        case created = 1
        case deleted = 2
        case dataChanged = 3
    }

    public var kind: Kind
    public var path: ByteString
    /// The znode's list (a deleted one's last), for the check that the watcher may read it.
    public var acl: ACLID
    public var parentACL: ACLID

    public init(kind: Kind, path: ByteString, acl: ACLID, parentACL: ACLID) {
        self.kind = kind
        self.path = path
        self.acl = acl
        self.parentACL = parentACL
    }
}
