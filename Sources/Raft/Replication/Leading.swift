// The leader: appending, sending, counting (thesis §3.5, §3.6, §10.2).

extension RaftNode {
    // MARK: Appending

    func requireProposable() throws(RaftError) {
        guard role == .leader else { throw .notLeader(leader: leader) }
        if let transfer { throw .transferring(target: transfer.target) }
        if uncommittedBytes >= limits.uncommittedBytesMax {
            throw .overloaded(uncommittedBytes: uncommittedBytes)
        }
    }

    func requireRoom(for payloads: [[UInt8]]) throws(RaftError) {
        precondition(!payloads.isEmpty, "a proposal proposes something")
        for payload in payloads where payload.count > limits.payloadBytesMax {
            throw .payloadTooLong(bytes: payload.count, bytesMax: limits.payloadBytesMax)
        }
    }

    mutating func appendOwn(_ kind: Entry.Kind, _ payload: [UInt8]) {
        let entry = Entry(index: log.last.next, term: term, kind: kind, payload: payload)
        uncommittedBytes += entry.weightBytes
        log.append(entry)
    }

    // MARK: Sending

    /// Sends to every follower what its state allows, in parallel with the own storing.
    mutating func sendAppends() throws(LogStorageError) {
        for position in tracker.indices { try sendAppends(at: position) }
    }

    private mutating func sendAppends(at position: Int) throws(LogStorageError) {
        if tracker[position].mayProbe() {
            try sendAppend(at: position)
        }
        while tracker[position].mayStream(last: log.last, limits: limits) {
            try sendAppend(at: position)
        }
        if tracker[position].wantsNews(commit: log.commit) {
            try sendAppend(at: position, bytesMax: 0)
        }
    }

    private mutating func sendAppend(
        at position: Int,
        bytesMax: Int? = nil
    ) throws(LogStorageError) {
        let next = tracker[position].next
        guard let previousTerm = try log.term(at: next.previous),
            let entries = try entriesToSend(from: next, bytesMax: bytesMax ?? limits.appendBytesMax)
        else { return try sendSnapshot(at: position) }
        let append = Message.Append(
            previousIndex: next.previous,
            previousTerm: previousTerm,
            commit: log.commit,
            entries: entries
        )
        tracker[position].sent(append, bytes: entries.reduce(0) { $0 + $1.weightBytes })
        send(to: tracker[position].id, .append(append))
    }

    /// Nil if the log no longer has them: it may be compacted between two looks at it.
    private func entriesToSend(
        from next: LogIndex,
        bytesMax: Int
    ) throws(LogStorageError) -> [Entry]? {
        if bytesMax == 0 { return [] }
        do {
            return try log.entries(from: next, through: log.last, bytesMax: bytesMax)
        } catch {
            if case .compacted = error { return nil }
            throw error
        }
    }

    /// Asks the shell for a snapshot, unless the follower could not take it now.
    private mutating func sendSnapshot(at position: Int) throws(LogStorageError) {
        let peer = tracker[position]
        guard let snapshot = try log.storage.snapshot(), snapshot.index >= peer.next.previous else {
            throw .snapshotMissing
        }
        tracker[position].beginSnapshot(snapshot.index)
        snapshotTransfers.append(SnapshotTransfer(to: peer.id, term: term, snapshot: snapshot))
    }

    mutating func sendHeartbeats(beginningRound: Bool) {
        heartbeatElapsed = 0
        if beginningRound { reads.beginRound(tick: now) }
        for peer in tracker.peers {
            let heartbeat = Message.Heartbeat(
                commit: min(peer.match, log.commit),
                round: reads.round
            )
            send(to: peer.id, .heartbeat(heartbeat))
        }
        if beginningRound { confirmReads() }
    }

    // MARK: Answers

    mutating func receiveAppendResponse(
        _ response: Message.AppendResponse,
        from node: NodeID
    ) throws(LogStorageError) {
        guard role == .leader, let position = tracker.position(of: node) else { return }
        tracker[position].contactTick = now
        switch response {
        case .accepted(let match):
            guard match <= log.last else { return }
            if tracker[position].accepted(match) { advanceCommit() }
            if transfer?.target == node { pushTransfer() }
        case .rejected(let previous, let hintIndex, let hintTerm):
            let match = tracker[position].match
            let ceiling = min(hintIndex, log.last)
            let resume = try log.lastIndex(
                withTermAtMost: hintTerm,
                from: match,
                through: ceiling
            )
            _ = tracker[position].rejected(previous: previous, resume: resume)
        }
    }

    mutating func receiveHeartbeatResponse(round: UInt64, from node: NodeID) {
        guard role == .leader, let position = tracker.position(of: node) else { return }
        tracker[position].contactTick = now
        tracker[position].heartbeatAnswered(round: min(round, reads.round), last: log.last)
        if transfer?.target == node { pushTransfer() }
        confirmReads()
    }

    // MARK: Committing

    /// Commits what a quorum has on stable storage, this node counting only what its own disk
    /// has. Only entries of the own term are counted (thesis §3.6.2, figure 3.7); the older ones
    /// go along.
    mutating func advanceCommit() {
        guard role == .leader else { return }
        let reached = memberships.current.quorumValue { node in
            if node == id { return log.durable.rawValue }
            return tracker.progress(of: node)?.match.rawValue ?? 0
        }
        guard reached >= termStart.rawValue, log.commit(to: LogIndex(reached)) else { return }
        reads.termCommitted(at: log.commit)
        leaveJointIfDue()
        leaveOfficeIfRemoved()
    }

    var isTermCommitted: Bool { log.commit >= termStart }

    // MARK: Looking

    func peerStatus(_ peer: Progress) -> PeerStatus {
        var state = PeerStatus.State.replicate
        var pending: LogIndex?
        switch peer.state {
        case .probe: state = .probe
        case .replicate: break
        case .snapshot(let index): (state, pending) = (.snapshot, index)
        }
        return PeerStatus(
            id: peer.id,
            isVoter: memberships.current.isVoter(peer.id),
            state: state,
            match: peer.match,
            next: peer.next,
            lagCount: log.last.count(after: peer.match),
            inflightCount: peer.inflights.count,
            inflightBytes: peer.inflights.bytes,
            pendingSnapshot: pending,
            ticksSinceContact: Int(now - peer.contactTick),
            isCaughtUp: isCaughtUp(peer)
        )
    }
}
