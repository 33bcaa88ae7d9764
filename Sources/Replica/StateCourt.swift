package import Raft
import StateMachine

/// The leader's judgement on the states of all members, from their reports and its own journal.
///
/// Digests are chained: once two nodes differ at an index, they differ at every later one. So the
/// last index at which a node was equal and the first at which it was not bound the entry that
/// went wrong. Whoever differs from the leader is wrong if a majority of the voters, the leader
/// among them, was found equal behind that index. If a majority differs from the leader, and all of
/// it alike, the leader is wrong. While neither is known (a voter is away, or lags) the court waits
/// for `disputeMilliseconds`; then the leader's word counts, for of two states that differ at
/// least one must not be served. Such a node's word is kept: if another says the same later, and
/// they are a majority, the leader was wrong after all.
struct StateCourt {
    private struct Witness {
        var equalAt = LogIndex.zero
        /// Not compared yet: the leader's own state is not that far, or made no mark there.
        var open: [StateMark] = []
        /// What was found different, the newest.
        var differing: [StateMark] = []
        var firstDifference = LogIndex.zero
        var disputedSince: Int64?
        var divergence: Divergence?
        /// Has reported and was not answered.
        var awaitsVerdict = false

        var isDisputed: Bool { !differing.isEmpty && divergence == nil }

        mutating func note(disputedAt now: Int64) {
            disputedSince = isDisputed ? disputedSince ?? now : nil
        }

        func isOverdue(_ now: Int64) -> Bool {
            disputedSince.map { now - $0 >= ReplicaLimits.disputeMilliseconds } ?? false
        }
    }

    struct Judgement {
        var verdicts: [(node: NodeID, verdict: StateVerdict)] = []
        /// The leader itself is wrong.
        var own: Divergence?
    }

    private var witnesses: [NodeID: Witness] = [:]

    /// Whose word the court has; in order.
    private var nodes: [NodeID] { witnesses.keys.sorted() }

    mutating func hear(_ report: StateReport, from node: NodeID, journal: borrowing StateJournal) {
        var witness = witnesses[node] ?? Witness()
        if witness.divergence != nil, report.divergence == nil { witness = Witness() }
        let known = report.divergence?.equalAt ?? .zero
        witness.equalAt = max(witness.equalAt, report.equalAt, known)
        witness.divergence = report.divergence
        witness.awaitsVerdict = true
        let isComparable = report.since == journal.since
        let fresh = isComparable ? report.marks.suffix(ReplicaLimits.reportedMarksMax) : []
        witness.open = witness.open.filter { old in !fresh.contains { $0.index == old.index } }
        witness.open = Array((witness.open + fresh).suffix(ReplicaLimits.reportedMarksMax))
        witnesses[node] = witness
    }

    /// Forgets who does not belong to the cluster.
    mutating func keep(_ members: [NodeID]) {
        witnesses = witnesses.filter { members.contains($0.key) }
    }

    /// What members were found to be.
    var findings: [NodeID: StateFinding] {
        witnesses.mapValues { witness in
            StateFinding(
                equalAt: witness.equalAt,
                divergence: witness.divergence,
                isDisputed: witness.isDisputed
            )
        }
    }

    mutating func judge(
        _ journal: borrowing StateJournal,
        voters: [NodeID],
        own: NodeID,
        now: Int64
    ) -> Judgement {
        for node in nodes {
            compare(node, journal)
            witnesses[node]?.note(disputedAt: now)
        }
        var judgement = Judgement()
        let quorum = voters.count / 2 + 1
        let disputed = nodes.filter { witnesses[$0]?.isDisputed == true }
        let opposition = largestGroup(of: voters.filter { differs($0) })
        if !disputed.isEmpty, opposition.count >= quorum {
            judgement.own = ownDivergence(opposition)
            return judgement
        }
        let isUpheld = supporters(voters, own, against: disputed) >= quorum
        let condemned = disputed.filter { isUpheld || witnesses[$0]?.isOverdue(now) == true }
        answer(condemned, journal, &judgement)
        return judgement
    }

    /// Also what was told so by the leader's word alone, and serves nobody any more.
    private func differs(_ node: NodeID) -> Bool { witnesses[node]?.differing.isEmpty == false }

    // MARK: Comparing

    private mutating func compare(_ node: NodeID, _ journal: borrowing StateJournal) {
        guard var witness = witnesses[node] else { return }
        var open: [StateMark] = []
        for mark in witness.open {
            guard let digest = journal.digest(at: mark.index) else {
                // It may come to that yet.
                if mark.index > journal.newest.rawValue { open.append(mark) }
                continue
            }
            let index = LogIndex(mark.index)
            if digest == mark.digest {
                witness.equalAt = max(witness.equalAt, index)
                // Chained digests do not meet again: the node was refilled.
                if index > witness.firstDifference { witness.differing.removeAll() }
            } else {
                let earliest = witness.differing.isEmpty ? index : witness.firstDifference
                witness.firstDifference = min(earliest, index)
                witness.differing.append(mark)
            }
        }
        witness.open = open
        witness.differing = witness.differing.suffix(ReplicaLimits.reportedMarksMax)
        witnesses[node] = witness
    }

    /// The voters that were found equal behind the first difference, and the leader.
    private func supporters(
        _ voters: [NodeID],
        _ own: NodeID,
        against disputed: [NodeID]
    ) -> Int {
        let first = disputed.compactMap { witnesses[$0]?.firstDifference }.min() ?? .zero
        return voters.count { voter in
            if voter == own { return true }
            guard let witness = witnesses[voter], witness.divergence == nil else { return false }
            return witness.differing.isEmpty && witness.equalAt >= first
        }
    }

    private func largestGroup(of nodes: [NodeID]) -> [NodeID] {
        var largest: [NodeID] = []
        for node in nodes {
            let group = nodes.filter { isAlike(node, $0) }
            if group.count > largest.count { largest = group }
        }
        return largest
    }

    /// Whether two nodes that differ from the leader have one and the same state.
    private func isAlike(_ one: NodeID, _ other: NodeID) -> Bool {
        guard one != other else { return true }
        let theirs = witnesses[other]?.differing ?? []
        for mark in (witnesses[one]?.differing ?? []).reversed() {
            if let same = theirs.last(where: { $0.index == mark.index }) {
                return same.digest == mark.digest
            }
        }
        return false
    }

    // MARK: Saying so

    private func ownDivergence(_ accusers: [NodeID]) -> Divergence {
        let known = accusers.compactMap { witnesses[$0] }
        return Divergence(
            equalAt: known.map(\.equalAt).max() ?? .zero,
            differsAt: known.map(\.firstDifference).min() ?? .zero
        )
    }

    private mutating func answer(
        _ condemned: [NodeID],
        _ journal: borrowing StateJournal,
        _ judgement: inout Judgement
    ) {
        for node in nodes {
            guard var witness = witnesses[node], witness.awaitsVerdict else { continue }
            witness.awaitsVerdict = false
            witnesses[node] = witness
            var verdict = StateVerdict(equalAt: witness.equalAt)
            if condemned.contains(node), let last = witness.differing.last?.index,
                let digest = journal.digest(at: last)
            {
                verdict.difference = StateVerdict.Difference(
                    first: witness.firstDifference,
                    evidence: StateMark(index: last, digest: digest)
                )
            }
            judgement.verdicts.append((node, verdict))
        }
    }
}

/// What the leader knows of a member's state.
package struct StateFinding: Hashable, Sendable {
    package var equalAt: LogIndex
    /// It is known to be wrong, by its own word.
    package var divergence: Divergence?
    /// It differs from the leader's, and who is wrong is not decided yet.
    package var isDisputed: Bool
}
