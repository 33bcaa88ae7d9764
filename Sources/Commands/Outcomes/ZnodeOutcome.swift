public import Bytes

/// Why an operation on znodes or ZooKeeper sessions failed; the raw value is the wire's code.
public enum ZnodeError: Int32, Error, Hashable, Sendable, CaseIterable {
    case systemError = -1
    /// In a failed multi: an operation after the one that failed.
    case runtimeInconsistency = -2
    case marshallingError = -5
    case unimplemented = -6
    case badArguments = -8
    case noNode = -101
    case noAuth = -102
    case badVersion = -103
    case noChildrenForEphemerals = -108
    case nodeExists = -110
    case notEmpty = -111
    case sessionExpired = -112
    case invalidACL = -114
    case sessionMoved = -118
    case quotaExceeded = -125

    public var code: Int32 { rawValue }
}

/// ZooKeeper's Stat, as a client sees it: `cversion` is already translated.
public struct Stat: Equatable, Sendable {
    public var czxid: UInt64
    public var mzxid: UInt64
    public var ctimeMilliseconds: Int64
    public var mtimeMilliseconds: Int64
    public var version: Int32
    public var cversion: Int32
    public var aversion: Int32
    public var ephemeralOwner: Int64
    public var dataLength: Int32
    public var childCount: Int32
    public var pzxid: UInt64

    @inlinable
    public init(
        czxid: UInt64,
        mzxid: UInt64,
        ctimeMilliseconds: Int64,
        mtimeMilliseconds: Int64,
        version: Int32,
        cversion: Int32,
        aversion: Int32,
        ephemeralOwner: Int64,
        dataLength: Int32,
        childCount: Int32,
        pzxid: UInt64
    ) {
        self.czxid = czxid
        self.mzxid = mzxid
        self.ctimeMilliseconds = ctimeMilliseconds
        self.mtimeMilliseconds = mtimeMilliseconds
        self.version = version
        self.cversion = cversion
        self.aversion = aversion
        self.ephemeralOwner = ephemeralOwner
        self.dataLength = dataLength
        self.childCount = childCount
        self.pzxid = pzxid
    }
}

/// What applying a ZooKeeper command answers.
public enum ZnodeOutcome: Equatable, Sendable {
    case failed(ZnodeError)
    /// The path with its sequence number.
    case created(path: ByteString, stat: Stat)
    /// delete, and the deletion of an unused container.
    case deleted
    /// setData and setACL.
    case stat(Stat)
    case checked
    /// One for each operation. When one of them is `failed`, nothing of the multi was done: those
    /// before it are `checked` (code 0), those after it `failed(.runtimeInconsistency)`.
    case multi([ZnodeOutcome])

    case sessionCreated(timeoutMilliseconds: Int32)
    case sessionAttached(timeoutMilliseconds: Int32)
    /// The session to attach to is unknown, or the password is wrong.
    case sessionRefused
    /// Also the answer for a session that is gone already.
    case sessionClosed
    /// An expiry that another term's leader had found: nothing was done.
    case expiryOutdated

    /// The error, if it is one.
    public var error: ZnodeError? {
        if case .failed(let error) = self { return error }
        return nil
    }
}
