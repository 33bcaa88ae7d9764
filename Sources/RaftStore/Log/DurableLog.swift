package import Raft

/// The log that a replica makes its promises on. Two implementations exist: `WriteAheadLog`, and
/// the simulator's, whose power can be cut.
///
/// What every implementation keeps to: when `write`, `record` or `collectGarbage` returns, what it
/// did survives a power cut, whole; when it throws `diskFull`, nothing was changed.
package protocol DurableLog: LogStorage {
    var hardState: HardState { get }
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
    /// Takes note of a durable snapshot, and forgets all others, older and newer.
    func recordAlone(_ manifest: SnapshotManifest) throws(StoreError)
    /// Drops the entries up to `index` with the next write; a recorded snapshot must cover them.
    func compact(upTo index: LogIndex) throws(StoreError)
    /// Frees some of the room of dropped entries.
    func collectGarbage() throws(StoreError)
    /// Marks the log as closed cleanly; the object must not be used after it.
    func close() throws(StoreError)
}

extension WriteAheadLog: DurableLog {}

extension DurableLog {
    /// The newest snapshot on record.
    package var newestManifest: SnapshotManifest? { manifests.last }

    /// At a start: the state comes from a snapshot that ends behind the log. It arrived whole from
    /// a leader just before the node stopped, and the log had not taken it over yet, so the log
    /// begins anew behind it. What it held is part of the snapshot, or was never committed.
    package func beginBehind(_ manifest: SnapshotManifest) throws(StoreError) {
        try record(manifest, keeping: 1)
        var hardState = self.hardState
        if manifest.term > hardState.term {
            hardState = HardState(term: manifest.term, vote: nil, commit: hardState.commit)
        }
        hardState.commit = max(hardState.commit, manifest.index)
        try write(
            LogWrite(
                id: .zero,
                hardState: hardState,
                snapshot: manifest.descriptor,
                memberships: [manifest.membership]
            )
        )
    }
}
