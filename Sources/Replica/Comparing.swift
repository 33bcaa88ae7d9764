package import Raft
import RaftStore
import StateMachine

/// What a node knows of its own state beside the others', and the leader of everybody's.
struct Comparison {
    var journal = StateJournal()
    var court = StateCourt()
    /// Nil: nobody has found this state to be wrong.
    var divergence: Divergence?
    /// Up to where the present leader has found this state equal. What another leader found says
    /// nothing of this one, which may be wrong itself.
    var equalAt = LogIndex.zero
    private(set) var nextTurn: Int64 = 0
    /// The state is being replaced by one of this index: what is reported before it is of the old.
    var awaitedInstall: LogIndex?
    /// A leader's snapshot that is to take the place of a wrong state.
    var refill: SnapshotManifest?
    /// Since a refill began, what has to be applied until the node may serve again.
    var servesAt: LogIndex?
    /// Entries up to here may have been dropped from the log.
    var droppedUpTo = LogIndex.zero
    /// Members that are to be refilled by this leader.
    var refills: [Refill] = []

    struct Refill {
        var node: NodeID
        /// A snapshot of this index or a newer one will do.
        var least: LogIndex
        var step = Step.asked

        enum Step {
            case asked
            /// A snapshot is being taken.
            case waiting
            case sending
        }
    }

    /// Whoever leads from now on compares for itself.
    mutating func beginLeadership() {
        court = StateCourt()
        refills = []
        equalAt = .zero
    }

    mutating func isTurn(now: Int64) -> Bool {
        guard now >= nextTurn else { return false }
        nextTurn = now + ReplicaLimits.comparisonMilliseconds
        return true
    }
}

/// How nodes compare their states: each follower reports digests to the leader, which says what it
/// found. A node that is found wrong stops to apply and to serve, does not lead, and goes on voting
/// and storing: its log is as good as ever. A snapshot of the leader's, taken for it on request of
/// an operator, makes it whole.
extension Consensus {
    /// What was found of this node's state, and up to where it was found equal.
    package var ownFinding: StateFinding {
        StateFinding(
            equalAt: leadership?.role == .leader
                ? comparison.journal.newest : comparison.equalAt,
            divergence: comparison.divergence,
            isDisputed: false
        )
    }

    package var divergence: Divergence? { comparison.divergence }

    /// False for a report on a state that was replaced meanwhile.
    mutating func note(_ report: ApplyReport, _ effects: inout [ConsensusEffect]) -> Bool {
        if let since = report.beginsSince {
            guard comparison.awaitedInstall == nil || comparison.awaitedInstall == report.applied
            else { return false }
            comparison.awaitedInstall = nil
            comparison.journal.begin(since: since)
        }
        guard comparison.awaitedInstall == nil else { return false }
        comparison.journal.add(report.marks)
        if let target = comparison.servesAt, report.applied >= target {
            comparison.servesAt = nil
            comparison.divergence = nil
            node.setUnfitToLead(false)
            effects.append(.diverged(nil))
        }
        return true
    }

    /// About once a second.
    mutating func compareStates(_ effects: inout [ConsensusEffect]) throws(ReplicaError) {
        try beginRefill(&effects)
        guard comparison.isTurn(now: now) else { return }
        guard leadership?.role == .leader else { return reportState(&effects) }
        let membership = node.status().membership
        comparison.court.keep(membership.members)
        let judgement = comparison.court.judge(
            comparison.journal,
            voters: membership.incoming,
            own: node.id,
            now: now
        )
        for (peer, verdict) in judgement.verdicts { effects.append(.judge(peer, verdict)) }
        if let own = judgement.own { diverge(own, &effects) }
        sendRefills(&effects)
    }

    private func reportState(_ effects: inout [ConsensusEffect]) {
        guard let leader = leadership?.leader, leader != node.id else { return }
        let marks =
            comparison.divergence == nil
            ? comparison.journal.marks(after: comparison.equalAt) : []
        guard !marks.isEmpty || comparison.divergence != nil || comparison.equalAt > .zero else {
            return
        }
        let report = StateReport(
            since: comparison.journal.since,
            equalAt: comparison.equalAt,
            marks: marks,
            divergence: comparison.divergence
        )
        effects.append(.report(to: leader, report))
    }

    /// A member says how its state is.
    package mutating func take(_ report: StateReport, from peer: NodeID) {
        guard leadership?.role == .leader else { return }
        comparison.court.hear(report, from: peer, journal: comparison.journal)
    }

    /// The leader says what it found. The node looks for itself: a late word may be about a state
    /// that it does not have any more.
    package mutating func take(
        _ verdict: StateVerdict,
        from peer: NodeID,
        _ effects: inout [ConsensusEffect]
    ) {
        guard leadership?.leader == peer, comparison.divergence == nil else { return }
        let newest = comparison.journal.newest
        comparison.equalAt = max(comparison.equalAt, min(verdict.equalAt, newest))
        guard let difference = verdict.difference,
            let digest = comparison.journal.digest(at: difference.evidence.index),
            digest != difference.evidence.digest
        else { return }
        diverge(
            Divergence(equalAt: verdict.equalAt, differsAt: difference.first),
            &effects
        )
    }

    private mutating func diverge(_ found: Divergence, _ effects: inout [ConsensusEffect]) {
        comparison.divergence = found
        node.setUnfitToLead(true)
        effects.append(.diverged(found))
    }

    // MARK: - Being refilled

    /// A leader's snapshot for a wrong state: it is behind this node's log, which goes on behind
    /// it. One that is ahead of the log is installed as for every other node. While one is being
    /// installed, a second would only begin it all again.
    mutating func refill(from manifest: SnapshotManifest, of leader: NodeID) -> Bool {
        guard isWrong, leadership?.leader == leader, manifest.index <= node.status().last
        else { return false }
        comparison.refill = manifest
        return true
    }

    /// Whether the state is wrong and not being replaced.
    var isWrong: Bool { comparison.divergence != nil && comparison.servesAt == nil }

    /// Own snapshots are of the wrong state: the leader's is the only one on record from now on.
    private mutating func beginRefill(_ effects: inout [ConsensusEffect]) throws(ReplicaError) {
        guard let manifest = comparison.refill, manifest.index <= node.settled else { return }
        let first: LogIndex
        do { first = try log.firstIndex() } catch { throw .raft(.storage(error)) }
        guard manifest.index.next >= first, manifest.index >= comparison.droppedUpTo else {
            comparison.refill = nil
            return
        }
        do { try log.recordAlone(manifest) } catch {
            guard case .diskFull = error else { throw .log(error) }
            return
        }
        comparison.refill = nil
        node.replaced(appliedUpTo: manifest.index)
        beginReplacement(by: manifest)
        effects.append(.order(.refill(manifest)))
    }

    /// The state that is replaced has no say any more.
    mutating func beginReplacement(by manifest: SnapshotManifest) {
        comparison.awaitedInstall = manifest.index
        comparison.journal.begin(since: comparison.journal.since)
        comparison.equalAt = .zero
        guard comparison.divergence != nil else { return }
        comparison.servesAt = max(manifest.index, node.commit)
    }

    // MARK: - Refilling others

    /// Sends a member a snapshot of this node's, of now or later.
    package mutating func refill(_ member: NodeID) throws(RaftError) {
        guard leadership?.role == .leader else { throw .notLeader(leader: leadership?.leader) }
        comparison.refills.removeAll { $0.node == member }
        comparison.refills.append(Comparison.Refill(node: member, least: node.status().applied))
    }

    /// A snapshot that did not arrive is sent again.
    mutating func refillSent(to member: NodeID, succeeded: Bool) {
        guard let place = comparison.refills.firstIndex(where: { $0.node == member }),
            comparison.refills[place].step == .sending
        else { return }
        if succeeded {
            comparison.refills.remove(at: place)
        } else {
            comparison.refills[place].step = .waiting
        }
    }

    private mutating func sendRefills(_ effects: inout [ConsensusEffect]) {
        guard let term = leadership?.term else { return }
        let newest = log.newestManifest
        for place in comparison.refills.indices {
            let refill = comparison.refills[place]
            if refill.step != .sending, let newest, newest.index >= refill.least {
                let snapshot = newest.descriptor
                effects.append(
                    .sendSnapshot(
                        SnapshotTransfer(to: refill.node, term: term, snapshot: snapshot)
                    )
                )
                comparison.refills[place].step = .sending
            } else if refill.step == .asked {
                effects.append(.takeSnapshot)
                comparison.refills[place].step = .waiting
            }
        }
    }

    /// What the leader knows of each member's state, and its own.
    package var findings: [NodeID: StateFinding] {
        var all = leadership?.role == .leader ? comparison.court.findings : [:]
        all[node.id] = ownFinding
        return all
    }
}
