/// A safe and typed face of LMDB (Debian's liblmdb 0.9.24): memory-mapped B+trees with
/// multi-version snapshots, read without copying.
///
/// What a read returns is a `RawSpan` into the map (or into a dirty page of a write
/// transaction), bound to the borrow of the transaction that it was read through, so the compiler
/// refuses to keep it beyond a reset, a write or the end of the transaction.
///
/// This module never interprets what is stored, never retries, and never syncs unless it is asked
/// to (`MDB_NOSYNC`) or LMDB does so by itself at commit. All environments are `MDB_NOTLS`: a read
/// transaction belongs to its value, not to a thread.
///
/// Map: `Environment` opens, syncs and copies; `ReadTransaction` and `WriteTransaction` see one
/// snapshot; `Reader` is the reading side of both, for code that serves either; `Cursor` walks a
/// table and `WriteCursor` changes it; `Statistics` counts pages; `LMDBError` says what failed.
public struct Table: Hashable, Sendable {
    let handle: UInt32
}
