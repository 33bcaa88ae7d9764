// Messages in, and the follower's part of replication (thesis §3.5, §5).

extension RaftNode {
    /// Dispatches a valid message. Votes have rules of their own about terms.
    mutating func receive(_ message: Message) throws(LogStorageError) {
        switch message.body {
        case .voteRequest(let request):
            return receiveVoteRequest(request, from: message.from, term: message.term)
        case .voteResponse(let response):
            return receiveVoteResponse(response, message)
        default: break
        }
        if message.term > term {
            becomeFollower(term: message.term, leader: message.body.isOfLeader ? message.from : nil)
        } else if message.term < term {
            return receiveStale(message)
        }
        if message.body.isOfLeader { obey(message.from) }
        try dispatch(message)
    }

    private mutating func dispatch(_ message: Message) throws(LogStorageError) {
        switch message.body {
        case .append(let append): try receiveAppend(append, from: message.from)
        case .appendResponse(let response):
            try receiveAppendResponse(response, from: message.from)
        case .heartbeat(let heartbeat): receiveHeartbeat(heartbeat, from: message.from)
        case .heartbeatResponse(let round):
            receiveHeartbeatResponse(round: round, from: message.from)
        case .snapshot(let snapshot): try receiveSnapshot(snapshot, from: message.from)
        case .timeoutNow: receiveTimeoutNow()
        case .readRequest(let read): receiveReadRequest(read, from: message.from)
        case .readResponse(let read, let index): receiveReadResponse(read, index: index)
        case .staleTerm, .voteRequest, .voteResponse: break
        }
    }

    private mutating func receiveVoteResponse(_ response: Message.VoteResponse, _ message: Message)
    {
        let isEcho =
            response.vote == .notMember || (response.isPreVote && response.vote == .granted)
        if message.term > term, !isEcho {
            return becomeFollower(term: message.term, leader: nil)
        }
        if message.term >= term {
            receiveVote(response, from: message.from, term: message.term)
        }
    }

    /// A deposed leader is told so, or it would go on; a read is answered whatever the term.
    private mutating func receiveStale(_ message: Message) {
        if case .readRequest(let read) = message.body {
            receiveReadRequest(read, from: message.from)
        } else if message.body.isOfLeader {
            send(to: message.from, .staleTerm)
        }
    }

    /// Follows the leader of the own term.
    private mutating func obey(_ node: NodeID) {
        if role == .follower, leader == node { return noteLeaderContact() }
        becomeFollower(term: term, leader: node)
    }

    private mutating func receiveHeartbeat(_ heartbeat: Message.Heartbeat, from node: NodeID) {
        _ = log.commit(to: heartbeat.commit)
        send(to: node, .heartbeatResponse(round: heartbeat.round))
    }

    // MARK: Appending

    private mutating func receiveAppend(
        _ append: Message.Append,
        from node: NodeID
    ) throws(LogStorageError) {
        if append.previousIndex < log.commit {
            return send(to: node, .appendResponse(.accepted(match: log.commit)))
        }
        guard try log.term(at: append.previousIndex) == append.previousTerm else {
            return try reject(append, from: node)
        }
        try merge(append.entries)
        let match = append.previousIndex.advanced(by: append.entries.count)
        let isNews = log.commit(to: min(append.commit, match))
        // It only says what this node's own answer has made possible, and learns nothing from
        // another. One that asks whether something was lost is answered the second time at the
        // latest: then its commit mark is no news.
        if append.entries.isEmpty, isNews { return }
        send(to: node, .appendResponse(.accepted(match: match)))
    }

    private mutating func reject(
        _ append: Message.Append,
        from node: NodeID
    ) throws(LogStorageError) {
        let hint = try log.lastIndex(
            withTermAtMost: append.previousTerm,
            from: log.commit,
            through: min(append.previousIndex, log.last)
        )
        let hintTerm = try log.term(at: hint) ?? .zero
        let response = Message.AppendResponse.rejected(
            previousIndex: append.previousIndex,
            hintIndex: hint,
            hintTerm: hintTerm
        )
        send(to: node, .appendResponse(response))
    }

    /// Adds what is new. Entries that are here already stay: an old message must not cut off
    /// what came after it (thesis §3.5).
    private mutating func merge(_ entries: [Entry]) throws(LogStorageError) {
        var new = entries[...]
        while let entry = new.first, try log.term(at: entry.index) == entry.term {
            new = new.dropFirst()
        }
        guard let first = new.first else { return }
        if first.index <= log.last { try truncate(from: first.index) }
        log.reserve(new.count)
        for entry in new {
            log.append(entry)
            if entry.kind == .configuration { adoptMembership(of: entry) }
        }
    }

    private mutating func truncate(from index: LogIndex) throws(LogStorageError) {
        try log.truncate(from: index)
        writes.truncate(from: index)
        _ = memberships.truncate(from: index)
    }

    // MARK: Snapshots

    private mutating func receiveSnapshot(
        _ snapshot: SnapshotDescriptor,
        from node: NodeID
    ) throws(LogStorageError) {
        if snapshot.index > log.commit {
            if try log.term(at: snapshot.index) == snapshot.term {
                _ = log.commit(to: snapshot.index)
            } else {
                install(snapshot)
            }
        }
        send(to: node, .appendResponse(.accepted(match: log.commit)))
    }

    /// From now on the log begins behind the snapshot, though nothing is acknowledged before it
    /// is installed: so a leader that asks meanwhile is not told to send it again, however long
    /// the installation takes.
    private mutating func install(_ snapshot: SnapshotDescriptor) {
        pendingSnapshot = snapshot
        log.restore(to: snapshot)
        writes.forgetEntries()
        handedOut.removeAll()
        memberships.restore(
            to: MembershipRecord(index: snapshot.index, membership: snapshot.membership)
        )
    }
}

extension Message.Body {
    /// Whether only the leader of the message's term says this.
    fileprivate var isOfLeader: Bool {
        switch self {
        case .append, .heartbeat, .snapshot, .timeoutNow: return true
        default: return false
        }
    }
}
