public import Bytes
public import Commands

/// A connection's number on its event loop; used again after the connection is gone.
public struct ClientSlot: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }
}

/// What a ZooKeeper client may wait for on a path. A watch left by `exists` is a data watch, as
/// in the real server.
public enum WatchKind: UInt8, CaseIterable, Sendable {
    case data
    case child
    case persistent
    case recursive
}

/// One event for one connection.
public struct ZnodeWatchEvent: Hashable, Sendable {
    /// ZooKeeper's numbers (Watcher.Event.EventType).
    public enum Kind: Int32, Sendable {
        case created = 1
        case deleted = 2
        case dataChanged = 3
        case childrenChanged = 4
    }

    public let kind: Kind
    public let path: ByteString
    /// The list that says who may read the node; an event is withheld from who may not.
    public let acl: ACLID
    /// The write that caused it.
    public let zxid: UInt64

    public init(kind: Kind, path: ByteString, acl: ACLID, zxid: UInt64) {
        self.kind = kind
        self.path = path
        self.acl = acl
        self.zxid = zxid
    }
}

enum ZnodePath {
    /// "/a" of "/a/b", "/" of "/a", nil of "/".
    static func parent(of path: ByteString) -> ByteString? {
        let bytes = path.bytes
        guard bytes.count > 1, let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else {
            return nil
        }
        return slash == 0 ? ByteString([UInt8(ascii: "/")]) : ByteString(Array(bytes[..<slash]))
    }
}
