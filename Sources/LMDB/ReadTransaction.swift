internal import CLMDB

/// One snapshot, for reading. Keep one per owner and `renew` it: that costs no allocation and no
/// lock. While it is active, pages of its snapshot cannot be reused: hold it no longer than one
/// answer.
///
/// `@unchecked Sendable`: the environment is `MDB_NOTLS`, so a read transaction is bound to its
/// handle and not to a thread, and the value is unique (`~Copyable`), so one thread at a time has
/// it.
@safe
public struct ReadTransaction: ~Copyable, @unchecked Sendable {
    let handle: OpaquePointer
    /// Keeps the environment open.
    public let environment: Environment
    /// Whether a snapshot is held.
    public private(set) var isActive = true
    /// LMDB has freed the handle.
    private var isFinished = false

    /// Begins with the newest snapshot.
    public init(_ environment: Environment) throws(LMDBError) {
        var begun: OpaquePointer?
        let flags = UInt32(MDB_RDONLY)
        try check(unsafe mdb_txn_begin(environment.handle, nil, flags, &begun), .begin)
        guard let handle = unsafe begun else { throw .other(.begin, code: 0) }
        unsafe self.handle = handle
        self.environment = environment
    }

    deinit {
        if !isFinished { unsafe mdb_txn_abort(handle) }
    }

    /// Lets go of the snapshot and keeps the slot.
    public mutating func reset() {
        guard isActive else { return }
        unsafe mdb_txn_reset(handle)
        isActive = false
    }

    /// Takes the newest snapshot.
    public mutating func renew() throws(LMDBError) {
        reset()
        try check(unsafe mdb_txn_renew(handle), .renew)
        isActive = true
    }

    /// Ends the transaction by a commit, which is what publishes table handles opened in it.
    consuming func finishKeepingTables() throws(LMDBError) {
        isFinished = true
        try check(unsafe mdb_txn_commit(handle), .table)
    }
}

extension ReadTransaction: Readable {
    public var reader: Reader {
        @_lifetime(borrow self)
        get {
            precondition(isActive, "read through a transaction that was reset")
            return unsafe Reader(handle, of: self)
        }
    }
}
