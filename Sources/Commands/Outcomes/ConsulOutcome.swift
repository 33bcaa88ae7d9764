public import Bytes

/// Why a Consul command failed. The front end chooses status and text; the values are what the
/// real server's text names.
public enum ConsulError: Error, Equatable, Sendable {
    /// lock: `invalid session "..."`.
    case invalidSession(ByteString)
    /// lock or unlock with an empty session: `missing session`.
    case missingSession
    /// `Missing node registration`.
    case missingNode
    /// A check for a service that the node does not have:
    /// `failed inserting check: Missing service registration on node "N"`.
    case missingService(id: ByteString, node: ByteString)
    /// Session creation: `Missing check '...' registration`.
    case missingCheck(ByteString)
    /// Session creation: `Check '...' is in critical state`.
    case criticalCheck(ByteString)
    /// An update of a check that is not registered.
    case unknownCheck(ByteString)
    /// `Error while renaming Node ID: ID: Node name X is reserved by node ID with name NAME
    /// (ADDRESS)`.
    case nodeNameReserved(
        name: ByteString,
        id: ByteString,
        byID: ByteString,
        byName: ByteString,
        byAddress: ByteString
    )
    case transaction(TransactionError)
    case token(TokenError)
}

/// Why one operation of a transaction failed.
public enum TransactionError: Error, Equatable, Sendable {
    /// `key "K" doesn't exist`.
    case keyMissing(ByteString)
    /// checkNotExists: `key "K" exists`.
    case keyExists(ByteString)
    /// `failed to set key "K", index is stale`.
    case setStale(ByteString)
    /// `failed to delete key "K", index is stale`.
    case deleteStale(ByteString)
    /// `failed to lock key "K", lock is already held` and the like.
    case lockHeld(ByteString)
    /// lock: `lock is already held` for a key under lock-delay.
    case lockDelayed(ByteString)
    /// `failed to unlock key "K", lock isn't held, or is held by another session`.
    case notHeld(ByteString)
    /// checkIndex: the key's ModifyIndex is not the one asked for.
    case indexMismatch(key: ByteString, current: UInt64, wanted: UInt64)
    /// checkSession: another session (empty: none) holds the key.
    case sessionMismatch(key: ByteString, current: ByteString, wanted: ByteString)
    case nodeMissing(ByteString)
    /// `failed to set node "N", index is stale` and the same of a deletion.
    case nodeStale(ByteString, deleting: Bool)
    case serviceMissing(node: ByteString, id: ByteString)
    case serviceStale(node: ByteString, id: ByteString, deleting: Bool)
    case checkMissing(node: ByteString, id: ByteString)
    case checkStale(node: ByteString, id: ByteString, deleting: Bool)
}

/// One failed operation.
public struct TransactionFailure: Equatable, Sendable {
    public var operation: Int
    public var error: ConsulError

    public init(operation: Int, error: ConsulError) {
        self.operation = operation
        self.error = error
    }
}

/// One result of a transaction, in the order of the operations; deletes and most checks add none.
public enum TransactionResult: Equatable, Sendable {
    /// `withValue` is false where JSON has a null value: everything but get and get-tree.
    case key(KeyRecord, withValue: Bool)
    case node(NodeRecord)
    case service(ServiceRecord)
    case check(CheckRecord)
}

/// What a transaction answers: results, or every failure and no effect.
public struct TransactionOutcome: Equatable, Sendable {
    public var results: [TransactionResult]
    public var failures: [TransactionFailure]
    /// What was read is more than an answer holds (`bytesMax`); there are no results then. The
    /// transaction has been carried out all the same.
    public var isTooLong = false

    /// Keys and values that one answer holds. Results are made in memory, first as they are and
    /// then as text, and one small transaction may read a large tree over and over.
    public static let bytesMax = 128 << 20

    public init(results: [TransactionResult] = [], failures: [TransactionFailure] = []) {
        self.results = results
        self.failures = failures
    }
}

/// What applying a Consul command answers.
public enum ConsulOutcome: Equatable, Sendable {
    case failed(ConsulError)
    /// A KV write: the body's true or false. False is a condition that did not hold (cas, a lock
    /// held by another session or under lock-delay, an unlock by who does not hold it).
    case key(Bool)
    case transaction(TransactionOutcome)
    case sessionCreated
    /// Also when there was none.
    case sessionDestroyed
    case registered
    case deregistered
    case checkUpdated
    case reaped(count: Int)
    /// As it is now; also what a bootstrap made.
    case token(TokenRecord)
    case tokensInitialized
    /// Also when there was none.
    case tokenDeleted
    /// An expiry that another term's leader had found: nothing was done.
    case expiryOutdated
}
