package import Raft
package import StateMachine

/// Where a node's state stopped being the others'.
package struct Divergence: Hashable, Sendable {
    /// The last index at which it was found equal; zero: none is known.
    package var equalAt: LogIndex
    /// The first at which it was found different.
    package var differsAt: LogIndex

    package init(equalAt: LogIndex, differsAt: LogIndex) {
        self.equalAt = equalAt
        self.differsAt = differsAt
    }

    /// What whoever asks this node is told.
    package var text: String {
        "the state of this node is not the cluster's: equal at index \(equalAt.rawValue), "
            + "different at \(differsAt.rawValue); it serves nobody until it is refilled"
    }
}

/// What a node tells its leader of its state, about once a second.
package struct StateReport: Hashable, Sendable {
    /// `StateSummary.digestSince`: only digests that were made alike can be compared.
    package var since: UInt64
    /// Up to where the leader that it is for has found it equal.
    package var equalAt: LogIndex
    /// Ascending.
    package var marks: [StateMark]
    /// The node knows that it is wrong.
    package var divergence: Divergence?

    package init(
        since: UInt64,
        equalAt: LogIndex,
        marks: [StateMark],
        divergence: Divergence? = nil
    ) {
        self.since = since
        self.equalAt = equalAt
        self.marks = marks
        self.divergence = divergence
    }
}

/// What the leader says of a report.
package struct StateVerdict: Hashable, Sendable {
    package struct Difference: Hashable, Sendable {
        /// The first index at which it was found.
        package var first: LogIndex
        /// The leader's own mark at the newest such index, for the node to see for itself.
        package var evidence: StateMark

        package init(first: LogIndex, evidence: StateMark) {
            self.first = first
            self.evidence = evidence
        }
    }

    /// Up to where the state was found equal.
    package var equalAt: LogIndex
    package var difference: Difference?

    package init(equalAt: LogIndex, difference: Difference? = nil) {
        self.equalAt = equalAt
        self.difference = difference
    }
}

/// A node's digests of its own state at the newest checkpoints, and at the ends of its newest
/// batches: while little is written, these are the same on all nodes, and the state is compared up
/// to its very end.
struct StateJournal {
    private(set) var since: UInt64 = 0
    private var checkpoints: [StateMark] = []
    private var ends: [StateMark] = []

    mutating func add(_ marks: [StateMark]) {
        for mark in marks {
            if StateMark.isCheckpoint(mark.index) {
                Self.add(mark, to: &checkpoints, countMax: ReplicaLimits.checkpointsMax)
            } else {
                Self.add(mark, to: &ends, countMax: ReplicaLimits.batchEndsMax)
            }
        }
    }

    private static func add(_ mark: StateMark, to marks: inout [StateMark], countMax: Int) {
        if marks.count >= 2 * countMax { marks.removeFirst(countMax) }
        marks.append(mark)
    }

    /// The state was replaced.
    mutating func begin(since: UInt64) {
        self.since = since
        checkpoints.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    var newest: LogIndex {
        LogIndex(max(checkpoints.last?.index ?? 0, ends.last?.index ?? 0))
    }

    func digest(at index: UInt64) -> UInt64? {
        let marks = StateMark.isCheckpoint(index) ? checkpoints : ends
        let place = Self.place(of: index, in: marks)
        guard place < marks.count, marks[place].index == index else { return nil }
        return marks[place].digest
    }

    /// What a report takes of the marks behind an index: the newest ends, and checkpoints from the
    /// first to the last, evenly.
    func marks(after index: LogIndex) -> [StateMark] {
        let countMax = ReplicaLimits.reportedMarksMax / 2
        let first = index.next.rawValue
        let all = checkpoints[Self.place(of: first, in: checkpoints)...]
        let stride = (all.count + countMax - 1) / max(1, countMax)
        let chosen = all.enumerated().filter { offset, _ in
            (all.count - 1 - offset) % max(1, stride) == 0
        }.map(\.element)
        let newest = ends[Self.place(of: first, in: ends)...].suffix(countMax)
        return (chosen + newest).sorted { $0.index < $1.index }
    }

    /// Of the first mark at `index` or behind it.
    private static func place(of index: UInt64, in marks: [StateMark]) -> Int {
        var (low, high) = (0, marks.count)
        while low < high {
            let middle = (low + high) / 2
            if marks[middle].index < index { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
