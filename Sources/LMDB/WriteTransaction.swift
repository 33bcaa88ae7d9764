internal import Bytes
internal import CLMDB

/// The one write transaction of an environment. It ends by `commit`; if it just goes, it is
/// rolled back. It must begin and end on one thread (it holds a mutex).
///
/// After an error from any of its calls, only rolling back makes sense.
@safe
public struct WriteTransaction: ~Copyable {
    let handle: OpaquePointer
    /// Keeps the environment open.
    public let environment: Environment
    /// LMDB has freed the handle.
    private var isFinished = false

    /// Begins; waits for another writer to end.
    public init(_ environment: Environment) throws(LMDBError) {
        var begun: OpaquePointer?
        try check(unsafe mdb_txn_begin(environment.handle, nil, 0, &begun), .begin)
        guard let handle = unsafe begun else { throw .other(.begin, code: 0) }
        unsafe self.handle = handle
        self.environment = environment
    }

    deinit {
        if !isFinished { unsafe mdb_txn_abort(handle) }
    }

    /// Publishes all changes in one step; durable too unless the environment is unsynced.
    /// A transaction that changed nothing keeps its number for the next one.
    public consuming func commit() throws(LMDBError) {
        isFinished = true
        try check(unsafe mdb_txn_commit(handle), .commit)
    }

    /// Rolls back. The same as letting the value go, said aloud.
    public consuming func abort() {}

    /// Stores `value` under `key`, in place of an older one. With `append`, `key` must be above
    /// all others, and pages are filled to the end.
    public mutating func put(
        _ key: RawSpan,
        _ value: RawSpan,
        in table: Table,
        append: Bool = false
    ) throws(LMDBError) {
        let flags = append ? UInt32(MDB_APPEND) : 0
        let code = unsafe key.withUnsafeBytes { keyBytes in
            unsafe value.withUnsafeBytes { valueBytes in
                var rawKey = unsafe MDB_val(keyBytes)
                var rawValue = unsafe MDB_val(valueBytes)
                return unsafe mdb_put(handle, table.handle, &rawKey, &rawValue, flags)
            }
        }
        try checkPut(code, key)
    }

    /// Stores a value of `byteCount` bytes under `key`, which `fill` writes into the page itself.
    /// The bytes are not zeroed before.
    public mutating func put(
        _ key: RawSpan,
        reserving byteCount: Int,
        in table: Table,
        append: Bool = false,
        fill: (inout MutableRawSpan) -> Void
    ) throws(LMDBError) {
        let flags = UInt32(MDB_RESERVE) | (append ? UInt32(MDB_APPEND) : 0)
        var place = unsafe MDB_val(mv_size: byteCount, mv_data: nil)
        let code = unsafe key.withUnsafeBytes { keyBytes in
            var rawKey = unsafe MDB_val(keyBytes)
            return unsafe mdb_put(handle, table.handle, &rawKey, &place, flags)
        }
        try checkPut(code, key)
        guard let start = unsafe place.mv_data else { return }
        var span = unsafe MutableRawSpan(_unsafeStart: start, byteCount: byteCount)
        fill(&span)
    }

    /// How far into the file the transaction has come: the number of the page that a record of
    /// two pages gets, which is put and taken away again. Single pages are free ones as long as
    /// there are any, and a pair is no worse off; from then on both are at the end.
    public mutating func endPage(in table: Table) throws(LMDBError) -> Int {
        let key = [UInt8](repeating: 0xff, count: 16)
        var place = unsafe MDB_val(mv_size: 5_000, mv_data: nil)
        let flags = UInt32(MDB_RESERVE) | UInt32(MDB_NOOVERWRITE)
        let code = unsafe key.withUnsafeBytes { keyBytes in
            var rawKey = unsafe MDB_val(keyBytes)
            return unsafe mdb_put(handle, table.handle, &rawKey, &place, flags)
        }
        try check(code, .put)
        // Its page begins with its number, and the value comes behind 16 bytes of header.
        let start = unsafe place.mv_data
        let page = unsafe start?.loadUnaligned(fromByteOffset: -16, as: UInt.self)
        try delete(key.rawSpan, in: table)
        return Int(clamping: page ?? 0)
    }

    /// Removes `key`; whether it was there.
    @discardableResult
    public mutating func delete(_ key: RawSpan, in table: Table) throws(LMDBError) -> Bool {
        let code = unsafe key.withUnsafeBytes { bytes in
            var raw = unsafe MDB_val(bytes)
            return unsafe mdb_del(handle, table.handle, &raw, nil)
        }
        switch code {
        case 0: return true
        case MDB_NOTFOUND: return false
        case MDB_BAD_VALSIZE: throw .badKeySize(bytes: key.byteCount)
        default: throw LMDBError(code, .delete)
        }
    }

    /// Removes every record of `table`; the table stays.
    public mutating func removeAll(in table: Table) throws(LMDBError) {
        try check(unsafe mdb_drop(handle, table.handle, 0), .drop)
    }

    /// A cursor that can change the table. No other use of the transaction while it lives.
    @_lifetime(&self)
    public mutating func writeCursor(in table: Table) throws(LMDBError) -> WriteCursor {
        try unsafe WriteCursor(handle, table, of: &self)
    }

    private func checkPut(_ code: Int32, _ key: RawSpan) throws(LMDBError) {
        if code == MDB_BAD_VALSIZE { throw .badKeySize(bytes: key.byteCount) }
        try check(code, .put)
    }
}

extension WriteTransaction: Readable {
    public var reader: Reader {
        @_lifetime(borrow self)
        get { unsafe Reader(handle, of: self) }
    }
}
