package import Raft

/// The log that a replica makes its promises on. Two implementations exist: `WriteAheadLog`, and
/// the simulator's, whose power can be cut.
///
/// What every implementation keeps to: when `write`, `record` or `collectGarbage` returns, what it
/// did survives a power cut, whole; when it throws `diskFull`, nothing was changed.
package protocol DurableLog: LogStorage {
    /// The snapshots on record, oldest first.
    var manifests: [SnapshotManifest] { get }
    /// How much can be written.
    var room: Room { get }
    /// Whether dropped entries still take up room.
    var hasGarbage: Bool { get }

    /// Stores `write` as one atomic step.
    func write(_ write: LogWrite) throws(StoreError)
    /// Takes note of a durable snapshot, and forgets all but the newest ones.
    func record(_ manifest: SnapshotManifest, keeping count: Int) throws(StoreError)
    /// Drops the entries up to `index` with the next write; a recorded snapshot must cover them.
    func compact(upTo index: LogIndex) throws(StoreError)
    /// Frees some of the room of dropped entries.
    func collectGarbage() throws(StoreError)
    /// Marks the log as closed cleanly; the object must not be used after it.
    func close() throws(StoreError)
}

extension WriteAheadLog: DurableLog {}
