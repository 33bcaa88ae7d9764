// How a Ready is put together: what was decided since the last one, all at once, so that a
// hundred proposals become one write and one message to each follower.

/// What was handed out to be applied and not reported yet, in bytes.
struct HandedOut {
    private struct Batch {
        var last: LogIndex
        var bytes: Int
    }

    private var batches: [Batch] = []
    private(set) var bytes = 0

    mutating func add(last: LogIndex, bytes: Int) {
        batches.append(Batch(last: last, bytes: bytes))
        self.bytes += bytes
    }

    mutating func release(upTo applied: LogIndex) {
        let done = batches.prefix { $0.last <= applied }
        bytes -= done.reduce(0) { $0 + $1.bytes }
        batches.removeFirst(done.count)
    }

    mutating func removeAll() {
        batches.removeAll()
        bytes = 0
    }
}

extension RaftNode {
    /// The parts that may throw come first: nothing that was taken is lost with an error.
    mutating func collectReady() throws(LogStorageError) -> Ready? {
        if role == .leader {
            beginReadRound()
            try sendAppends()
        }
        var ready = Ready()
        ready.committed = try takeCommitted()
        ready.write = takeWrite()
        swap(&ready.messages, &outbox)
        swap(&ready.reads, &readStates)
        swap(&ready.snapshotTransfers, &snapshotTransfers)
        ready.leadership = takeLeadership()
        log.trim(keepingBytes: tracker.peers.isEmpty ? 0 : limits.tailBytesMax)
        return ready.isEmpty ? nil : ready
    }

    private mutating func takeCommitted() throws(LogStorageError) -> [Entry] {
        guard handedOut.bytes < limits.applyingBytesMax else { return [] }
        let entries = try log.nextCommitted(bytesMax: limits.committedBytesMax)
        guard let last = entries.last else { return [] }
        let bytes = entries.reduce(0) { $0 + $1.weightBytes }
        log.markHandedOut(last.index)
        handedOut.add(last: last.index, bytes: bytes)
        uncommittedBytes = max(0, uncommittedBytes - bytes)
        return entries
    }

    private mutating func takeWrite() -> LogWrite? {
        let isSnapshotDue = pendingSnapshot != nil
        guard
            isTermUnwritten || isSnapshotDue || log.written < log.last
                || memberships.isUnwritten
        else { return nil }
        // A new term is stored before a snapshot is installed, which may take long: answers that
        // only tell the term must not wait for it.
        let isTermFirst = isTermUnwritten && isSnapshotDue
        let snapshot = isTermFirst ? nil : pendingSnapshot
        let entries = isTermFirst ? [] : log.takeUnwritten()
        let id = writes.issue(
            last: entries.last?.index ?? snapshot?.index,
            snapshot: snapshot?.index,
            changesTerm: isTermUnwritten,
            tick: now
        )
        isTermUnwritten = false
        if isTermFirst { writes.postponeMatches(of: id) } else { pendingSnapshot = nil }
        return LogWrite(
            id: id,
            hardState: hardStateToStore(isTermFirst: isTermFirst),
            snapshot: snapshot,
            entries: entries,
            memberships: isTermFirst ? nil : memberships.takeUnwritten()
        )
    }

    /// The stored commit mark must not pass the stored log.
    private func hardStateToStore(isTermFirst: Bool) -> HardState {
        HardState(term: term, vote: vote, commit: isTermFirst ? log.applied : log.commit)
    }

    private mutating func takeLeadership() -> Leadership? {
        guard leadership != toldLeadership else { return nil }
        toldLeadership = leadership
        return leadership
    }

    // MARK: Sending

    /// Sends a message as soon as what it tells is durable (thesis §3.8: term and vote are on
    /// stable storage before a server answers). A pre-vote tells nothing but may be told late.
    mutating func send(to node: NodeID, term: Term? = nil, _ body: Message.Body) {
        let message = Message(from: id, to: node, term: term ?? self.term, body: body)
        let barrier: WriteID
        if case .appendResponse(.accepted(let match)) = body, match > log.durable {
            barrier = hasUnwritten ? writes.next : writes.issued
        } else {
            barrier = writes.barrierOfTerm(isTermUnwritten: isTermUnwritten)
        }
        if let free = writes.hold(message, until: barrier) { deliver(free) }
    }

    private var hasUnwritten: Bool {
        isTermUnwritten || pendingSnapshot != nil || log.written < log.last
    }

    /// Puts a message out, or takes it if it is for this node: a candidate's vote for itself
    /// counts when it is durable, as every other vote does.
    mutating func deliver(_ message: Message) {
        guard message.to == id else { return outbox.append(message) }
        guard case .voteResponse(let response) = message.body else { return }
        receiveVote(response, from: id, term: message.term)
    }
}

extension Ready {
    fileprivate var isEmpty: Bool {
        write == nil && messages.isEmpty && committed.isEmpty && reads.isEmpty
            && snapshotTransfers.isEmpty && leadership == nil
    }
}
