package import Raft

/// What a start has to do so that the state and the log go together, after a stop between two steps
/// of taking over a leader's snapshot. At any other time they do: the state is applied to somewhere
/// from right before the log's first entry to its last.
package enum StartRepair: Hashable, Sendable {
    /// They go together, or nothing here can make them; the caller checks.
    case keep
    /// The log begins behind the snapshot already, and the state lacks it.
    case install(SnapshotManifest)
    /// The state was rebuilt from the snapshot, and the log has not heard of it.
    case beginBehind(SnapshotManifest)

    /// To be asked again after `install`.
    /// - Parameter newest: the newest snapshot that verifies; asked for only if it matters, since
    ///   all of it is read.
    package static func due<Failure: Error>(
        applied: LogIndex,
        first: LogIndex,
        last: LogIndex,
        newest: () throws(Failure) -> SnapshotManifest?
    ) throws(Failure) -> StartRepair {
        if applied > last {
            guard let newest = try newest(), newest.index == applied else { return .keep }
            return .beginBehind(newest)
        }
        guard applied.next < first, let newest = try newest() else { return .keep }
        return newest.index > applied && newest.index.next >= first ? .install(newest) : .keep
    }
}
