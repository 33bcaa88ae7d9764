/// The stored log, as the core reads it. Two implementations exist: RaftStore's, and the
/// simulator's.
///
/// The core only reads. It is written by the shell from `LogWrite`s. The core asks for nothing
/// above what was reported by `persisted(_:)`, so an implementation may show writes early or late;
/// but it must show every reported one, and reads may come while a later write is under way.
/// It is a class, and held as an existential: it is asked only for what has left the core's
/// memory, never on the path of a fresh entry.
package protocol LogStorage: AnyObject {
    /// The first index held, which is 1 in a log that was never compacted. In a log that is empty
    /// after a snapshot was installed: the snapshot's index + 1.
    func firstIndex() throws(LogStorageError) -> LogIndex

    /// The last index held; `firstIndex` - 1 if there is none.
    func lastIndex() throws(LogStorageError) -> LogIndex

    /// The term of the entry at `index`. Also answered for `firstIndex` - 1, whose entry was
    /// compacted (its term is remembered; index 0 has term 0). Otherwise throws `compacted` below
    /// and `unavailable` above what is held.
    func term(at index: LogIndex) throws(LogStorageError) -> Term

    /// The entries of `from ..< to` in order, as many of the first ones as weigh at most
    /// `bytesMax` (by `Entry.weightBytes`), but at least one. Throws `compacted` or `unavailable`
    /// if any index of the range is not held.
    func entries(
        from: LogIndex,
        to: LogIndex,
        bytesMax: Int
    ) throws(LogStorageError) -> [Entry]

    /// The newest snapshot that is durable and verified; nil if there is none. It covers at least
    /// everything that was compacted.
    func snapshot() throws(LogStorageError) -> SnapshotDescriptor?
}
