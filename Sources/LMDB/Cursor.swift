internal import Bytes
internal import CLMDB

/// The place of a cursor: LMDB's handle, and the record that it stands on.
@safe
struct CursorPosition: ~Copyable {
    let handle: OpaquePointer
    var key: MDB_val
    var value: MDB_val
    var isPlaced = false

    init(_ transaction: OpaquePointer, _ table: Table) throws(LMDBError) {
        var opened: OpaquePointer?
        try check(unsafe mdb_cursor_open(transaction, table.handle, &opened), .cursor)
        guard let handle = unsafe opened else { throw .other(.cursor, code: 0) }
        unsafe self.handle = handle
        unsafe key = MDB_val()
        unsafe value = MDB_val()
    }

    deinit {
        unsafe mdb_cursor_close(handle)
    }

    mutating func move(_ operation: MDB_cursor_op) throws(LMDBError) -> Bool {
        let code = unsafe mdb_cursor_get(handle, &key, &value, operation)
        isPlaced = code == 0
        if code == 0 { return true }
        if code == MDB_NOTFOUND { return false }
        throw LMDBError(code, .cursor)
    }

    mutating func seek(_ target: RawSpan, _ operation: MDB_cursor_op) throws(LMDBError) -> Bool {
        guard target.byteCount > 0 else {
            // LMDB refuses empty keys; nothing sorts before one.
            guard operation == MDB_SET_RANGE else { throw .badKeySize(bytes: 0) }
            return try move(MDB_FIRST)
        }
        let code = unsafe target.withUnsafeBytes { bytes in
            unsafe key = MDB_val(bytes)
            return unsafe mdb_cursor_get(handle, &key, &value, operation)
        }
        isPlaced = code == 0
        if code == 0 { return true }
        if code == MDB_NOTFOUND { return false }
        if code == MDB_BAD_VALSIZE { throw .badKeySize(bytes: target.byteCount) }
        throw LMDBError(code, .cursor)
    }
}

/// Walks the records of one table in the order of their keys (bytewise, the shorter first).
///
/// Every move says whether the cursor stands on a record then; `key` and `value` are that record's
/// and stay valid, over further moves too, for as long as the transaction is only read.
public struct Cursor: ~Copyable, ~Escapable {
    private var position: CursorPosition

    @_lifetime(borrow owner)
    init<Owner>(
        _ transaction: OpaquePointer,
        _ table: Table,
        of owner: borrowing Owner
    ) throws(LMDBError) {
        position = try unsafe CursorPosition(transaction, table)
    }

    /// The key of the record that the cursor stands on; standing on none is a bug.
    public var key: RawSpan {
        @_lifetime(copy self)
        get {
            precondition(position.isPlaced, "the cursor is on no record")
            return unsafe _overrideLifetime(position.key.span, copying: self)
        }
    }

    /// The value of the record that the cursor stands on; standing on none is a bug.
    public var value: RawSpan {
        @_lifetime(copy self)
        get {
            precondition(position.isPlaced, "the cursor is on no record")
            return unsafe _overrideLifetime(position.value.span, copying: self)
        }
    }

    /// Whether the cursor stands on a record.
    public var isPlaced: Bool { position.isPlaced }

    @_lifetime(self: copy self)
    public mutating func moveToFirst() throws(LMDBError) -> Bool { try position.move(MDB_FIRST) }

    @_lifetime(self: copy self)
    public mutating func moveToLast() throws(LMDBError) -> Bool { try position.move(MDB_LAST) }

    @_lifetime(self: copy self)
    public mutating func moveToNext() throws(LMDBError) -> Bool { try position.move(MDB_NEXT) }

    @_lifetime(self: copy self)
    public mutating func moveToPrevious() throws(LMDBError) -> Bool {
        try position.move(MDB_PREV)
    }

    /// To the record with exactly this key.
    @_lifetime(self: copy self)
    public mutating func seek(_ key: RawSpan) throws(LMDBError) -> Bool {
        try position.seek(key, MDB_SET_KEY)
    }

    /// To the first record whose key is `key` or above.
    @_lifetime(self: copy self)
    public mutating func seek(atOrAfter key: RawSpan) throws(LMDBError) -> Bool {
        try position.seek(key, MDB_SET_RANGE)
    }
}

/// A cursor that removes and replaces what it stands on. Keys and values are valid until the next
/// call.
public struct WriteCursor: ~Copyable, ~Escapable {
    private var position: CursorPosition

    @_lifetime(&owner)
    init(
        _ transaction: OpaquePointer,
        _ table: Table,
        of owner: inout WriteTransaction
    ) throws(LMDBError) {
        position = try unsafe CursorPosition(transaction, table)
    }

    /// The key of the record that the cursor stands on; standing on none is a bug.
    public var key: RawSpan {
        @_lifetime(borrow self)
        get {
            precondition(position.isPlaced, "the cursor is on no record")
            return unsafe _overrideLifetime(position.key.span, borrowing: self)
        }
    }

    /// The value of the record that the cursor stands on; standing on none is a bug.
    public var value: RawSpan {
        @_lifetime(borrow self)
        get {
            precondition(position.isPlaced, "the cursor is on no record")
            return unsafe _overrideLifetime(position.value.span, borrowing: self)
        }
    }

    @_lifetime(self: copy self)
    public mutating func moveToFirst() throws(LMDBError) -> Bool { try position.move(MDB_FIRST) }

    @_lifetime(self: copy self)
    public mutating func moveToLast() throws(LMDBError) -> Bool { try position.move(MDB_LAST) }

    /// After a `delete`, this goes to the record that followed the deleted one.
    @_lifetime(self: copy self)
    public mutating func moveToNext() throws(LMDBError) -> Bool { try position.move(MDB_NEXT) }

    @_lifetime(self: copy self)
    public mutating func moveToPrevious() throws(LMDBError) -> Bool {
        try position.move(MDB_PREV)
    }

    /// To the record with exactly this key.
    @_lifetime(self: copy self)
    public mutating func seek(_ key: RawSpan) throws(LMDBError) -> Bool {
        try position.seek(key, MDB_SET_KEY)
    }

    /// To the first record whose key is `key` or above.
    @_lifetime(self: copy self)
    public mutating func seek(atOrAfter key: RawSpan) throws(LMDBError) -> Bool {
        try position.seek(key, MDB_SET_RANGE)
    }

    /// Removes the record that the cursor stands on. It stands on none then; `moveToNext` goes to
    /// the one that followed.
    @_lifetime(self: copy self)
    public mutating func delete() throws(LMDBError) {
        guard position.isPlaced else { throw .cursorUnplaced(.delete) }
        position.isPlaced = false
        try check(unsafe mdb_cursor_del(position.handle, 0), .delete)
    }

    /// Replaces the value of the record that the cursor stands on.
    @_lifetime(self: copy self)
    public mutating func replace(with value: RawSpan) throws(LMDBError) {
        guard position.isPlaced else { throw .cursorUnplaced(.put) }
        position.isPlaced = false
        // LMDB moves the page's bytes before it reads the key again: the key must be a copy.
        let key = unsafe position.key.span.copiedBytes()
        let handle = unsafe position.handle
        let code = unsafe key.withUnsafeBytes { keyBytes in
            unsafe value.withUnsafeBytes { valueBytes in
                var rawKey = unsafe MDB_val(keyBytes)
                var rawValue = unsafe MDB_val(valueBytes)
                return unsafe mdb_cursor_put(handle, &rawKey, &rawValue, UInt32(MDB_CURRENT))
            }
        }
        try check(code, .put)
    }
}
