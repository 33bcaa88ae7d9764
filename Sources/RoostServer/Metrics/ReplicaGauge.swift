import Measures
import Raft
import Replica
import Synchronization

/// What the replica's thread measures of itself: a few additions for each commit, and a clock's
/// reading before and after it. Used on that thread only.
struct ReplicaGauge {
    private let measures: NodeMeasures
    private var role: Role?
    private var leader: NodeID?
    private var leadsSince: Int64?
    /// When this node last lost sight of a leader; nil: there is one.
    private var leaderlessSince: Int64?
    /// Stored and not known to be committed, oldest first.
    private var open: [Stored] = []

    private struct Stored {
        var last: LogIndex
        var count: UInt64
        var began: Int64
        var asLeader: Bool
    }

    init(_ measures: NodeMeasures) {
        self.measures = measures
        leaderlessSince = HostClock.microseconds()
        measures.leaderlessCount.add()
    }

    /// A write to the log has returned.
    mutating func stored(_ write: LogWrite, since began: Int64) {
        guard let first = write.entries.first, let last = write.entries.last else { return }
        let now = HostClock.microseconds()
        let took = UInt64(max(0, now - began))
        measures.stages.note(
            StageBook.Stored(
                first: first.index.rawValue,
                last: last.index.rawValue,
                began: began,
                ended: now
            )
        )
        let count = UInt64(write.entries.count)
        var bytes = 0
        for entry in write.entries {
            bytes += entry.payload.count
            guard role == .leader, entry.kind == .normal else { continue }
            measures.proposalBytes.add(UInt64(entry.payload.count))
            measures.lastProposalBytes.store(entry.payload.count, ordering: .relaxed)
        }
        measures.commitEntries.add(count)
        measures.commitBytes.add(UInt64(bytes))
        if role == .leader {
            measures.dispatches.add(took)
            measures.lastDispatchEntries.store(write.entries.count, ordering: .relaxed)
        } else {
            measures.stores.add(took)
            measures.receivedEntries.add(count)
        }
        // A new leader's entries may take others' place.
        while let newest = open.last, newest.last >= first.index { open.removeLast() }
        open.append(
            Stored(last: last.index, count: count, began: began, asLeader: role == .leader)
        )
    }

    /// Everything up to here is agreed on.
    mutating func committed(_ index: LogIndex) {
        let count = open.prefix { $0.last <= index }.count
        guard count > 0 else { return }
        let now = HostClock.microseconds()
        measures.stages.note(agreed: index.rawValue, at: now)
        for stored in open[..<count] {
            if stored.asLeader {
                measures.agreements.add(UInt64(max(0, now - stored.began)), times: stored.count)
            } else {
                measures.committedReceived.add(stored.count)
            }
        }
        open.removeFirst(count)
    }

    mutating func led(_ change: Leadership) {
        let now = HostClock.microseconds()
        if change.role != role {
            role = change.role
            count(change.role)
            leadsSince = change.role == .leader ? now / 1_000 : nil
        }
        if let next = change.leader {
            if next != leader { measures.leaderChanges.add() }
            if let since = leaderlessSince { measures.leaderless.add(UInt64(max(0, now - since))) }
            leaderlessSince = nil
            leader = next
        } else if leaderlessSince == nil {
            leaderlessSince = now
            measures.leaderlessCount.add()
        }
    }

    private func count(_ role: Role) {
        switch role {
        case .follower: measures.followerTerms.add()
        case .preCandidate: measures.preCandidateTerms.add()
        case .candidate: measures.candidateTerms.add()
        case .leader: measures.leaderTerms.add()
        }
    }

    func ticked(_ consensus: borrowing Consensus) throws(ReplicaError) {
        let status = consensus.status
        let first: LogIndex
        do { first = try consensus.log.firstIndex() } catch { throw .raft(.storage(error)) }
        for peer in status.peers where peer.isVoter {
            let silence = UInt64(max(0, peer.ticksSinceContact))
            measures.followerSilences.add(silence * UInt64(ServerLimits.tickMilliseconds) * 1_000)
        }
        measures.note(
            RaftPicture(
                status: status,
                first: first,
                leases: consensus.leaseCount,
                held: consensus.heldCount,
                pendingReads: consensus.pendingReadCount,
                leadsSince: leadsSince,
                asOf: HostClock.monotonic()
            )
        )
    }
}
