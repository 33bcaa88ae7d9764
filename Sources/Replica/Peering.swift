import Commands
package import Raft
package import RaftStore

/// What other nodes have to do with this one: messages, requests that they forward or answer, and
/// snapshots.
extension Consensus {
    /// A message of a peer.
    package mutating func take(
        _ message: Message,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        do { try node.step(message) } catch {
            if case .storage = error { throw .raft(error) }
            effects.append(.offended(error))
        }
    }

    /// What the clients of another node want.
    package mutating func take(
        _ requests: ForwardedRequests,
        from peer: NodeID,
        now: Int64,
        wall: Int64,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        (self.now, self.wall) = (now, wall)
        if leadership?.role == .leader { renew(requests.heartbeats, now: now) }
        guard !requests.proposals.isEmpty else { return }
        var answers: [ForwardAnswer] = []
        var accepted: [ForwardedProposal] = []
        for proposal in requests.proposals {
            // Once in the log, what nobody can apply would end every node, at each start anew.
            let isCommand = Command.isCommand(proposal.payload)
            if let refusal = isCommand ? refusal(of: proposal.payload) : .unknownCommand {
                answers.append(ForwardAnswer(id: proposal.id, verdict: .refused(refusal)))
            } else {
                accepted.append(proposal)
            }
        }
        try place(accepted, wall: wall, &answers)
        effects.append(.answer(peer, answers))
    }

    private mutating func place(
        _ proposals: [ForwardedProposal],
        wall: Int64,
        _ answers: inout [ForwardAnswer]
    ) throws(ReplicaError) {
        guard !proposals.isEmpty else { return }
        let stamp = stamps.stamp(now: now, wall: wall)
        var payloads = proposals.map(\.payload)
        for offset in payloads.indices {
            CommandHeader.stamp(&payloads[offset], timeMilliseconds: stamp)
        }
        do {
            let range = try node.propose(payloads)
            for (offset, proposal) in proposals.enumerated() {
                let index = range.first.advanced(by: offset)
                let verdict = ForwardAnswer.Verdict.placed(index: index, term: range.term)
                answers.append(ForwardAnswer(id: proposal.id, verdict: verdict))
            }
        } catch {
            let refusal = try refusal(for: error)
            let verdict: ForwardAnswer.Verdict =
                refusal == .noLeader ? .notLeader : .refused(refusal)
            answers += proposals.map { ForwardAnswer(id: $0.id, verdict: verdict) }
        }
    }

    /// What the leader says of requests of this node's clients.
    package mutating func take(
        _ answers: [ForwardAnswer],
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        let hadStrays = underWay.hasStrays
        for answer in answers {
            guard let request = underWay.answered(answer.id) else { continue }
            let origin = request.proposal.origin
            switch answer.verdict {
            case .placed(let index, let term):
                let deadline = now + limits.requestMilliseconds
                if !underWay.place(origin, at: index, term: term, until: deadline) {
                    effects.append(.refuse([origin], .noLeader))
                }
                // A later request of the connection went before it; it must not come behind that.
                let overtaken = underWay.dropHeld(before: request)
                if !overtaken.isEmpty { effects.append(.refuse(overtaken, .noLeader)) }
            case .notLeader: underWay.hold(request)
            case .refused(let refusal): effects.append(.refuse([origin], refusal))
            }
        }
        if hadStrays, !underWay.hasStrays { try retryHeld(&effects) }
    }

    /// A connection with a peer was lost: what was on the way may not have arrived.
    package mutating func lost(_ peer: NodeID, _ effects: inout [ConsensusEffect]) {
        node.unreachable(peer)
        refuse(underWay.loseSent { $0 == peer }, &effects)
    }

    /// Who leads has changed. One that hands over still answers what it was sent before; of one
    /// that has been silent nothing is to be expected.
    mutating func noteStrays(_ leader: NodeID?, _ effects: inout [ConsensusEffect]) {
        if now - leaderHeardAt < limits.strayMilliseconds {
            underWay.stray(from: leader, until: now + limits.strayMilliseconds)
        } else {
            refuse(underWay.loseSent { $0 != leader }, &effects)
        }
    }

    private func refuse(_ lost: [Origin], _ effects: inout [ConsensusEffect]) {
        if !lost.isEmpty { effects.append(.refuse(lost, .noLeader)) }
    }

    /// Whether what is sent to a peer arrives, as far as the transport knows. Requests for a leader
    /// that cannot be reached wait for a way to it, or for another leader.
    package mutating func reach(
        _ peer: NodeID,
        _ isReached: Bool,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        if isReached { unreached.remove(peer) } else { unreached.insert(peer) }
        if isReached, peer == leadership?.leader { try retryHeld(&effects) }
    }

    /// A peer's process is gone.
    package mutating func died(_ peer: NodeID) { node.leaderDied(peer) }

    mutating func loseLateStrays(_ effects: inout [ConsensusEffect]) {
        refuse(underWay.loseLateStrays(now: now), &effects)
    }

    /// A snapshot of the leader's has arrived whole, and is on the disk.
    package mutating func take(
        received manifest: SnapshotManifest,
        from leader: NodeID,
        term: Term,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        // One that came before it may still be due, or wait for room on the disk.
        let commit = node.status().commit
        received = received.filter { snapshot, _ in
            snapshot == node.pendingSnapshot || waitsForRoom(snapshot) || snapshot.index > commit
        }
        if refill(from: manifest, of: leader) { return }
        received[manifest.descriptor] = manifest
        let message = Message(
            from: leader,
            to: node.id,
            term: term,
            body: .snapshot(manifest.descriptor)
        )
        try take(message, &effects)
    }

    /// The streaming of a snapshot to a follower ended.
    package mutating func snapshotSent(to peer: NodeID, succeeded: Bool) {
        node.snapshotSent(to: peer, succeeded: succeeded)
        refillSent(to: peer, succeeded: succeeded)
    }

    /// The snapshot is noted before the log begins anew behind it, and the state follows: if the
    /// node stops in between, the state is rebuilt from the snapshot at the next start. One that is
    /// being installed stays on record, and with it its file.
    mutating func note(_ snapshot: SnapshotDescriptor) throws(StoreError) {
        guard let manifest = received[snapshot] else { return }
        if isWrong {
            try log.recordAlone(manifest)
        } else {
            try log.record(manifest, keeping: ReplicaLimits.snapshotsOnRecord)
        }
        received[snapshot] = nil
    }

    mutating func install(
        _ snapshot: SnapshotDescriptor,
        _ effects: inout [ConsensusEffect]
    ) {
        guard let manifest = log.manifests.last(where: { $0.descriptor == snapshot }) else {
            preconditionFailure("snapshot \(snapshot.index.rawValue) was not received")
        }
        let lost = underWay.skip(upTo: snapshot.index)
        if !lost.isEmpty { effects.append(.refuse(lost, .noLeader)) }
        let isRefill = isWrong
        beginReplacement(by: manifest)
        effects.append(.order(isRefill ? .refill(manifest) : .install(manifest)))
    }
}
