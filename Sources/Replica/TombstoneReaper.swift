package import Raft

/// Remembers which index was applied when, so that tombstones go by age although they carry only
/// indexes (Consul's TombstoneGC does the same with expiring buckets of indexes).
package struct TombstoneReaper: Sendable {
    private struct Mark {
        var time: Int64
        var index: LogIndex
    }

    private var marks: [Mark] = []
    private var nextLook: Int64 = 0

    package init() {}

    /// The index up to which tombstones are older than their time, once in a while.
    package mutating func due(
        now: Int64,
        applied: LogIndex,
        limits: ReplicaLimits
    ) -> LogIndex? {
        guard now >= nextLook else { return nil }
        nextLook = now + limits.tombstoneGranularityMilliseconds
        if marks.last?.index != applied { marks.append(Mark(time: now, index: applied)) }
        let old = marks.prefix { $0.time + limits.tombstoneMilliseconds <= now }
        guard let last = old.last else { return nil }
        marks.removeFirst(old.count)
        return last.index
    }
}
