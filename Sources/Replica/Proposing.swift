import Commands
import Raft
import RaftStore

/// What this node's clients ask for, on its way into the log: proposed here, sent to the leader, or
/// held until there is one.
extension Consensus {
    /// Behind what waits already: a client's requests are carried out in their order.
    mutating func propose(
        _ proposals: [HeldProposal],
        wall: Int64,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        guard !underWay.holdsProposals, !underWay.hasStrays else {
            return hold(proposals, &effects)
        }
        try submit(proposals, wall: wall, &effects)
    }

    private mutating func submit(
        _ proposals: [HeldProposal],
        wall: Int64,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        guard !proposals.isEmpty else { return }
        guard leadership?.role == .leader else { return forward(proposals, &effects) }
        let stamp = stamps.stamp(now: now, wall: wall)
        var payloads: [[UInt8]] = []
        var accepted: [HeldProposal] = []
        payloads.reserveCapacity(proposals.count)
        accepted.reserveCapacity(proposals.count)
        for request in proposals {
            if let refusal = refusal(of: request.proposal.payload) {
                effects.append(.refuse([request.proposal.origin], refusal))
                continue
            }
            payloads.append(request.proposal.payload)
            CommandHeader.stamp(&payloads[payloads.count - 1], timeMilliseconds: stamp)
            accepted.append(request)
        }
        guard !payloads.isEmpty else { return }
        do {
            let range = try node.propose(payloads)
            let deadline = now + limits.requestMilliseconds
            for (offset, request) in accepted.enumerated() {
                let isNew = underWay.place(
                    request.proposal.origin,
                    at: range.first.advanced(by: offset),
                    term: range.term,
                    until: deadline
                )
                precondition(isNew, "an index below one that was handed out")
            }
        } catch {
            let refusal = try refusal(for: error)
            if refusal == .noLeader { return hold(accepted, &effects) }
            effects.append(.refuse(accepted.map(\.proposal.origin), refusal))
        }
    }

    /// Sends what clients want to the leader, or keeps it until there is one.
    private mutating func forward(
        _ proposals: [HeldProposal],
        _ effects: inout [ConsensusEffect]
    ) {
        guard let leader = leadership?.leader, leader != node.id, !unreached.contains(leader)
        else {
            return hold(proposals, &effects)
        }
        var sent: [ForwardedProposal] = []
        var bytes = 0
        // What comes after one that finds no room is not sent before it.
        var isFull = false
        for request in proposals {
            let payload = request.proposal.payload
            isFull =
                isFull || underWay.sentCount >= limits.forwardedMax
                || underWay.sentBytes + payload.count > limits.forwardedBytesMax
            guard !isFull else {
                effects.append(.refuse([request.proposal.origin], .overloaded))
                continue
            }
            if bytes + payload.count > limits.forwardBytesMax, !sent.isEmpty {
                effects.append(.forward(to: leader, ForwardedRequests(proposals: sent)))
                (sent, bytes) = ([], 0)
            }
            let deadline = now + limits.requestMilliseconds
            sent.append(underWay.send(request, to: leader, until: deadline))
            bytes += payload.count
        }
        if !sent.isEmpty {
            effects.append(.forward(to: leader, ForwardedRequests(proposals: sent)))
        }
    }

    private mutating func hold(
        _ proposals: [HeldProposal],
        _ effects: inout [ConsensusEffect]
    ) {
        for request in proposals {
            let bytes = underWay.heldBytes + request.proposal.payload.count
            if underWay.heldCount < limits.heldMax, bytes <= limits.heldBytesMax {
                underWay.hold(request)
            } else {
                effects.append(.refuse([request.proposal.origin], .noLeader))
            }
        }
    }

    /// Tries again what waits for a leader.
    mutating func retryHeld(
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        guard underWay.mayRetry, let leader = leadership?.leader, !unreached.contains(leader)
        else { return }
        let held = underWay.takeHeld()
        try submit(held.proposals, wall: wall, &effects)
        ask(held.barriers, &effects)
    }

    mutating func expireRequests(_ effects: inout [ConsensusEffect]) {
        guard now >= nextExpiry else { return }
        nextExpiry = now + limits.expiryCheckMilliseconds
        let ended = underWay.expire(now: now)
        if !ended.unled.isEmpty { effects.append(.refuse(ended.unled, .noLeader)) }
        if !ended.unknown.isEmpty { effects.append(.refuse(ended.unknown, .timedOut)) }
    }

    /// Commands of the leader's own, which nobody waits for. A refused one is due again later.
    mutating func propose(
        _ commands: [[UInt8]],
        wall: Int64,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        guard !commands.isEmpty else { return }
        let stamp = stamps.stamp(now: now, wall: wall)
        var payloads = commands
        for offset in payloads.indices {
            CommandHeader.stamp(&payloads[offset], timeMilliseconds: stamp)
        }
        do { _ = try node.propose(payloads) } catch { _ = try refusal(for: error) }
    }

    /// A full disk still takes what frees room, out of what the log keeps in reserve.
    func refusal(of payload: [UInt8]) -> Refusal? {
        if payload.count > limits.commandBytesMax {
            return .tooLarge(bytes: payload.count, bound: limits.commandBytesMax)
        }
        if let stateRefusal, !Command.freesRoom(payload) { return .diskFull(stateRefusal) }
        switch log.room {
        case .normal: return nil
        case .low(let reason): return Command.freesRoom(payload) ? nil : .diskFull(reason)
        case .none(let reason): return .diskFull(reason)
        }
    }

    func refusal(for error: RaftError) throws(ReplicaError) -> Refusal {
        switch error {
        case .notLeader, .transferring: return .noLeader
        case .overloaded, .tooManyReads: return .overloaded
        case .payloadTooLong(let bytes, let bound): return .tooLarge(bytes: bytes, bound: bound)
        default: throw .raft(error)
        }
    }

    mutating func ask(
        _ requests: [HeldBarrier],
        _ effects: inout [ConsensusEffect]
    ) {
        guard !requests.isEmpty else { return }
        guard let leader = leadership?.leader, !unreached.contains(leader) else {
            for request in requests { underWay.hold(request.origin, until: request.deadline) }
            return
        }
        lastRead = ReadID(lastRead.rawValue + 1)
        do {
            try node.read(lastRead)
            barriers[lastRead] = requests
        } catch {
            effects.append(.refuse(requests.map(\.origin), .overloaded))
        }
    }

    /// Has the next round of heartbeats tell whether this node led when it began. What arrives
    /// after a pause may be older than the pause; the time of the question is not.
    mutating func askForConfirmation() {
        guard confirmation == nil, node.status().membership.members.count > 1 else { return }
        lastRead = ReadID(lastRead.rawValue + 1)
        do {
            try node.read(lastRead)
            confirmation = (lastRead, now)
        } catch { return }
    }

    /// A read that the leader could not answer is asked again at the next tick.
    mutating func answer(_ reads: [ReadState], _ effects: inout [ConsensusEffect]) {
        for read in reads {
            if let asked = confirmation, asked.read == read.id {
                confirmation = nil
                if read.index != nil { effects.append(.confirmed(at: asked.askedAt)) }
                continue
            }
            guard let requests = barriers.removeValue(forKey: read.id) else { continue }
            if let index = read.index {
                effects.append(.order(.barrier(index: index, requests.map(\.origin))))
            } else {
                for request in requests { underWay.hold(request.origin, until: request.deadline) }
            }
        }
    }
}
