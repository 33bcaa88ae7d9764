public import Bytes

/// Which of the create requests it was; they differ in what `flags` may say.
public enum CreateRequest: Equatable, Sendable {
    /// create and create2.
    case plain
    case container
    case timeToLive(milliseconds: Int64)
}

/// Creates a znode, sequential and ephemeral ones included: `flags` is ZooKeeper's CreateMode.
public struct CreateOperation: Equatable, Sendable {
    public var path: ByteString
    /// nil is ZooKeeper's null buffer, which differs from an empty one.
    public var data: [UInt8]?
    public var acl: [ACLEntry]
    public var flags: Int32
    public var request: CreateRequest

    public init(
        path: ByteString,
        data: [UInt8]?,
        acl: [ACLEntry] = [.open],
        flags: Int32 = 0,
        request: CreateRequest = .plain
    ) {
        self.path = path
        self.data = data
        self.acl = acl
        self.flags = flags
        self.request = request
    }
}

/// Deletes a znode without children; version -1 is any.
public struct DeleteOperation: Equatable, Sendable {
    public var path: ByteString
    public var version: Int32

    public init(path: ByteString, version: Int32 = -1) {
        self.path = path
        self.version = version
    }
}

/// Replaces a znode's data; version -1 is any.
public struct SetDataOperation: Equatable, Sendable {
    public var path: ByteString
    public var data: [UInt8]?
    public var version: Int32

    public init(path: ByteString, data: [UInt8]?, version: Int32 = -1) {
        self.path = path
        self.data = data
        self.version = version
    }
}

/// Replaces a znode's ACL; version is compared with the ACL's version, -1 is any.
public struct SetACLOperation: Equatable, Sendable {
    public var path: ByteString
    public var acl: [ACLEntry]
    public var version: Int32

    public init(path: ByteString, acl: [ACLEntry], version: Int32 = -1) {
        self.path = path
        self.acl = acl
        self.version = version
    }
}

/// Fails unless the znode exists in this version; -1 is any.
public struct CheckOperation: Equatable, Sendable {
    public var path: ByteString
    public var version: Int32

    public init(path: ByteString, version: Int32 = -1) {
        self.path = path
        self.version = version
    }
}

/// One operation of a multi.
public enum MultiOperation: Equatable, Sendable {
    case create(CreateOperation)
    case delete(DeleteOperation)
    case setData(SetDataOperation)
    case check(CheckOperation)
}
