/// A node's durable memory: the write-ahead log, the state's directory and the snapshots.
///
/// What it promises: when `WriteAheadLog.sync` has returned, everything written before is on the
/// disk and survives a power cut, whole. What it never does: retry a failed sync, cut damage that
/// was ever acknowledged, run on unverified data after the operating system stopped uncleanly, or
/// drop an entry that no durable, verified snapshot covers.
///
/// It is synchronous and has one owner, the replica's thread; only `FileGrowth` and
/// `SnapshotStore` are made for other threads beside it.
///
/// Map:
/// - `Format/`: keys and records with their byte diagrams.
/// - `Log/`: `DurableLog`, the seam that the replica writes by; `WriteAheadLog` (open, write, sync,
///   compact), reading it, and growing its file ahead.
/// - `Recovery/`: the walk over the raw pages that decides, after a power cut, which of LMDB's two
///   newest snapshots is whole; `LogRecovery` holds the argument why one flush a commit is enough;
///   `StartRepair` what joins the state and the log again.
/// - `Directory/`: the data directory, its lock, the marks of trust, the state's environment.
/// - `Snapshots/`: making, checking and restoring copies of the state.
/// - `Inspection/`: reading and checking a log offline, for `roost-log`.
package enum RaftStoreFormat {
    /// The format of a data directory that this version writes.
    package static let version = NodeIdentity.formatVersion
}
