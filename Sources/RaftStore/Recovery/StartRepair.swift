package import Raft

/// What a start has to do so that the state and the log go together, after a stop between two steps
/// of taking over a leader's snapshot. At any other time they do: the state is applied to somewhere
/// from right before the log's first entry to its last.
package enum StartRepair: Hashable, Sendable {
    /// They go together, or nothing here can make them; the caller checks.
    case keep
    /// The log begins behind the snapshot already, and the state lacks it.
    case install(SnapshotManifest)
    /// The state was rebuilt from the snapshot, and the log has not heard of it: it ends before
    /// it, or holds entries there that are not the snapshot's.
    case beginBehind(SnapshotManifest)

    /// To be asked again after `install`.
    ///
    /// An index alone does not say that they go together: where the log ends in entries that were
    /// never agreed on, the state may be of a leader's snapshot that covers other entries of the
    /// same indexes.
    /// - Parameters:
    ///   - applied: up to where the state is applied, and the term of that entry.
    ///   - term: of the log's entry of an index from right before `first` to `last`.
    ///   - newest: the newest snapshot that verifies; asked for only if it matters, since all of it
    ///     is read.
    package static func due<Failure: Error>(
        applied: (index: LogIndex, term: Term),
        first: LogIndex,
        last: LogIndex,
        term: (LogIndex) throws(Failure) -> Term,
        newest: () throws(Failure) -> SnapshotManifest?
    ) throws(Failure) -> StartRepair {
        let (applied, appliedTerm) = applied
        let isHeld = applied.next >= first && applied <= last
        let isOther = isHeld ? try term(applied) != appliedTerm : false
        if applied > last || isOther {
            guard let newest = try newest(), newest.index == applied, newest.term == appliedTerm
            else { return .keep }
            return .beginBehind(newest)
        }
        guard applied.next < first, let newest = try newest() else { return .keep }
        return newest.index > applied && newest.index.next >= first ? .install(newest) : .keep
    }
}
