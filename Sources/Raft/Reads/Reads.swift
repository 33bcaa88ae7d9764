// Linearizable reads from any node (thesis §6.4).

extension RaftNode {
    // MARK: On the leader

    mutating func leadRead(_ id: ReadID, from node: NodeID) {
        let read = ReadQueue.Read(id: id, from: node, index: log.commit)
        if !isTermCommitted {
            reads.waitForTerm(read)
        } else if reads.holdsLease(at: now) {
            serve(read)
        } else {
            reads.waitForRound(read)
        }
    }

    /// Begins a round for the reads that wait, unless one is under way: those that come
    /// meanwhile share the next one. A round whose messages were lost ends with the next
    /// heartbeats, which begin another.
    mutating func beginReadRound() {
        guard reads.wantsRound, !reads.isRoundUnderWay else { return }
        sendHeartbeats(beginningRound: true)
    }

    mutating func confirmReads() {
        guard reads.isRoundUnderWay else { return }
        let confirmed = memberships.current.quorumValue { node in
            if node == id { return reads.round }
            return tracker.progress(of: node)?.confirmedRound ?? 0
        }
        for read in reads.confirm(confirmed, leaseTicks: limits.leaseTicks) { serve(read) }
    }

    private mutating func serve(_ read: ReadQueue.Read) {
        if read.from == id {
            readStates.append(ReadState(id: read.id, index: read.index))
        } else {
            send(to: read.from, .readResponse(read.id, index: read.index))
        }
    }

    mutating func failLedReads() {
        for read in reads.removeAll() {
            if read.from == id {
                readStates.append(ReadState(id: read.id, index: nil))
            } else {
                send(to: read.from, .readResponse(read.id, index: nil))
            }
        }
    }

    mutating func receiveReadRequest(_ read: ReadID, from node: NodeID) {
        if role == .leader, reads.count < limits.waitingReadsMax {
            leadRead(read, from: node)
        } else {
            send(to: node, .readResponse(read, index: nil))
        }
    }

    // MARK: On a follower

    mutating func receiveReadResponse(_ read: ReadID, index: LogIndex?) {
        guard forwarded.take(read) else { return }
        readStates.append(ReadState(id: read, index: index))
    }

    /// Reads whose messages were lost are given back, to be asked again.
    mutating func expireForwardedReads() {
        let patience = UInt64(limits.electionTicks)
        guard forwarded.count > 0, now >= patience else { return }
        fail(forwarded.takeAll(before: now - patience))
    }

    mutating func failForwardedReads() { fail(forwarded.takeAll()) }

    private mutating func fail(_ ids: [ReadID]) {
        readStates += ids.map { ReadState(id: $0, index: nil) }
    }
}
