internal import CLMDB

/// The reading side of a transaction: gets and cursors over one snapshot.
///
/// It is bound to the borrow of its transaction, and so is all that it returns; it can be copied
/// and passed on, so that code which serves both kinds of transaction need not be generic.
@safe
public struct Reader: ~Escapable {
    let transaction: OpaquePointer

    @_lifetime(borrow owner)
    init<Owner: ~Copyable>(_ transaction: OpaquePointer, of owner: borrowing Owner) {
        unsafe self.transaction = transaction
    }

    /// The number of the snapshot: that of the transaction which committed it; for a write
    /// transaction, the number that it will commit under.
    public var id: UInt64 { UInt64(unsafe mdb_txn_id(transaction)) }

    /// The value of `key`, in place; nil if there is none.
    @_lifetime(copy self)
    public func get(_ key: RawSpan, in table: Table) throws(LMDBError) -> RawSpan? {
        var value = unsafe MDB_val()
        let code = unsafe key.withUnsafeBytes { bytes in
            var raw = unsafe MDB_val(bytes)
            return unsafe mdb_get(transaction, table.handle, &raw, &value)
        }
        switch code {
        case 0: return unsafe _overrideLifetime(value.span, copying: self)
        case MDB_NOTFOUND: return nil
        case MDB_BAD_VALSIZE: throw .badKeySize(bytes: key.byteCount)
        default: throw LMDBError(code, .get)
        }
    }

    /// A cursor on no record yet.
    @_lifetime(copy self)
    public func cursor(in table: Table) throws(LMDBError) -> Cursor {
        try unsafe _overrideLifetime(Cursor(transaction, table, of: ()), copying: self)
    }
}

/// A transaction that can be read: either kind.
public protocol Readable: ~Copyable {
    var reader: Reader {
        @_lifetime(borrow self)
        borrowing get
    }
}

extension Readable where Self: ~Copyable {
    /// The number of the snapshot, see `Reader.id`.
    public var id: UInt64 { reader.id }

    /// The value of `key`, in place; nil if there is none.
    @_lifetime(borrow self)
    public borrowing func get(_ key: RawSpan, in table: Table) throws(LMDBError) -> RawSpan? {
        try reader.get(key, in: table)
    }

    /// A cursor on no record yet.
    @_lifetime(borrow self)
    public borrowing func cursor(in table: Table) throws(LMDBError) -> Cursor {
        try reader.cursor(in: table)
    }

    public borrowing func statistics(of table: Table) throws(LMDBError) -> TableStatistics {
        try reader.statistics(of: table)
    }
}

extension MDB_val {
    /// LMDB does not write through the keys and values that it is given.
    @unsafe
    init(_ bytes: UnsafeRawBufferPointer) {
        unsafe self.init(
            mv_size: bytes.count,
            mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        )
    }

    /// What LMDB points to. The caller binds it to the transaction that keeps it alive.
    @unsafe var span: RawSpan {
        @_lifetime(immortal)
        get {
            guard let start = unsafe mv_data, unsafe mv_size > 0 else { return RawSpan() }
            let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(start), byteCount: mv_size)
            return unsafe _overrideLifetime(span, borrowing: ())
        }
    }
}
