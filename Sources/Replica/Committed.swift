package import Raft
package import RaftStore
package import StateMachine

/// Entries to be applied, in order, with the requests of this node that they answer.
package struct CommittedBatch: Sendable {
    package var entries: [Entry]
    /// By offset into `entries`, ascending.
    package var origins: [EntryOrigin] = []
    /// Set in the batch with which a leader's term begins: the expiry clock starts from the
    /// state as it is after that batch.
    package var startsLeases = false

    /// Two batches in its place, for want of room for all of it at once; nil: it is one entry.
    package var halves: (CommittedBatch, CommittedBatch)? {
        let middle = entries.count / 2
        guard middle > 0 else { return nil }
        var first = CommittedBatch(entries: Array(entries[..<middle]))
        var second = CommittedBatch(entries: Array(entries[middle...]))
        for origin in origins {
            if origin.offset < middle {
                first.origins.append(origin)
            } else {
                let offset = origin.offset - middle
                second.origins.append(EntryOrigin(offset: offset, origin: origin.origin))
            }
        }
        second.startsLeases = startsLeases
        return (first, second)
    }
}

/// Which entry of a batch answers which request.
package struct EntryOrigin: Sendable {
    package var offset: Int
    package var origin: Origin

    package init(offset: Int, origin: Origin) {
        self.offset = offset
        self.origin = origin
    }
}

/// Work for the thread that applies.
package enum ApplyOrder: Sendable {
    case apply(CommittedBatch)
    /// Answer these when everything up to `index` is applied.
    case barrier(index: LogIndex, [Origin])
    /// A snapshot of the leader's takes the place of the state.
    case install(SnapshotManifest)
    /// The same for a state that is wrong: its node's other snapshots are too, and go first.
    case refill(SnapshotManifest)
    /// Look for what only the leader cleans up: empty containers, old tombstones.
    case chores(Chores)
}

/// What the leader looks for now and then.
package struct Chores: Sendable {
    /// Containers without children are to be found.
    package var findsContainers = false
    /// Checks that have been critical for long: their services are to go.
    package var critical: [CheckKey] = []
}

/// What the thread that applies tells the one that owns the log.
package struct ApplyReport: Sendable {
    package var applied: LogIndex
    /// All leases of the state, when the batch was the beginning of a term.
    package var leasesAll: [LeaseChange]?
    /// What changed since; in order.
    package var leases: [LeaseChange] = []
    /// All members on record, when they changed.
    package var members: [MemberRecord]?
    /// Commands that chores found to be due.
    package var due: [[UInt8]] = []
    /// The state's digests, ascending.
    package var marks: [StateMark] = []
    /// Set in the first report on a state: see `StateSummary.digestSince`.
    package var beginsSince: UInt64?
}
