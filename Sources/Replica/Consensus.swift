import Bytes
import Commands
package import Raft
package import RaftStore

/// One node's share in the replicated log: takes commands, agrees on their order, stores them,
/// and hands out what is committed.
///
/// It has one owner and no thread, clock or socket of its own: what arrives comes in by a method,
/// what is to be done comes out as `ConsensusEffect`s. The write to the log happens inside
/// `advance`, and blocks: the leader's messages, and with them its heartbeats, depend on the
/// progress of its disk. The module never opens a socket, a thread or a clock.
///
/// Map: `Consensus` owns Raft and the log, `Applier` the state, `LoopPort` is an event loop's door
/// to both; `Mailbox` and `LoopInbox` carry batches between them, `ExpiryClock` ends leases.
package struct Consensus: ~Copyable {
    private var node: RaftNode
    package let log: WriteAheadLog
    private let limits: ReplicaLimits
    private var underWay = RequestsUnderWay()
    private var barriers: [ReadID: [HeldBarrier]] = [:]
    private var lastRead = ReadID(0)
    /// Monotonic milliseconds, and those since 1970, as of the last input.
    private var now: Int64 = 0
    private var wall: Int64 = 0
    private var nextExpiry: Int64 = 0
    /// Writes that found no room, and those after them, in order; the node neither leads nor
    /// campaigns until all are stored.
    private var unstored: [LogWrite] = []
    private var received: [SnapshotDescriptor: SnapshotManifest] = [:]
    private var leases = ExpiryClock<Lease>()
    private var leadership: Leadership?
    private var lastStamp: Int64 = 0
    private var nextContainerCheck: Int64 = 0
    private var reaper = TombstoneReaper()
    /// Why the state's disk takes nothing; nil: it does.
    private var stateRefusal: String?

    package init(
        id: NodeID,
        restored: RestoredState,
        log: WriteAheadLog,
        limits: ReplicaLimits,
        raftLimits: RaftLimits,
        random: any RandomNumberGenerator
    ) throws(ReplicaError) {
        do {
            node = try RaftNode(
                id: id,
                restored: restored,
                storage: log,
                limits: raftLimits,
                random: random
            )
        } catch { throw .raft(error) }
        self.log = log
        self.limits = limits
    }

    package var status: Status { node.status() }

    /// While the state cannot be written for want of room, nothing more is let into the log.
    package mutating func setStateRoom(_ reason: String?) { stateRefusal = reason }

    /// A cluster of one has nobody to wait for.
    package mutating func standForElectionIfAlone() {
        let membership = node.status().membership
        if membership.members.count == 1, membership.isVoter(node.status().id) { node.campaign() }
    }

    /// One tick of Raft's clock, and what is due by the leader's.
    /// - Parameters:
    ///   - now: monotonic milliseconds.
    ///   - wall: milliseconds since 1970, for the entries' stamps.
    package mutating func tick(
        now: Int64,
        wall: Int64,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        (self.now, self.wall) = (now, wall)
        node.tick()
        try storeAgain(&effects)
        try retryHeld(&effects)
        expireRequests(&effects)
        guard leadership?.role == .leader else { return }
        try endLeases(now: now, wall: wall, &effects)
        if now >= nextContainerCheck {
            nextContainerCheck = now + limits.containerCheckMilliseconds
            effects.append(.order(.chores(Chores(findsContainers: true))))
        }
        if let index = reaper.due(now: now, applied: node.status().applied, limits: limits) {
            try propose(
                [LeaderCommands.reapTombstones(through: index.rawValue)],
                wall: wall,
                &effects
            )
        }
    }

    /// What the clients of one event loop want.
    package mutating func take(
        _ requests: LoopRequests,
        now: Int64,
        wall: Int64,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        (self.now, self.wall) = (now, wall)
        if leadership?.role == .leader {
            renew(requests.heartbeats, now: now)
        } else if let leader = leadership?.leader, !requests.heartbeats.isEmpty {
            let beats = ForwardedRequests(heartbeats: requests.heartbeats)
            effects.append(.forward(to: leader, beats))
        }
        let deadline = now + limits.leaderWaitMilliseconds
        try propose(
            requests.proposals.map { HeldProposal(proposal: $0, deadline: deadline) },
            wall: wall,
            &effects
        )
        ask(requests.barriers.map { HeldBarrier(origin: $0, deadline: deadline) }, &effects)
    }

    private mutating func renew(_ heartbeats: Heartbeats, now: Int64) {
        for session in heartbeats.zooKeeper { leases.renew(.zooKeeper(session), now: now) }
        for session in heartbeats.consul { leases.renew(.consul(session), now: now) }
        for check in heartbeats.checks { leases.renew(.check(check), now: now) }
    }

    /// Takes note of a snapshot, and drops entries that it covers; some stay for followers that
    /// are a little behind.
    package mutating func take(_ manifest: SnapshotManifest) throws(ReplicaError) {
        let kept = limits.trailingEntries
        let index = manifest.index.rawValue
        do {
            try log.record(manifest)
            guard index > kept else { return }
            try log.compact(upTo: LogIndex(index - kept))
        } catch { throw .log(error) }
        node.compacted(upTo: LogIndex(index - kept))
    }

    /// Frees what was dropped, a step at a time; for turns in which nothing else is to be done.
    package mutating func collectGarbage() throws(ReplicaError) {
        do { try log.collectGarbage() } catch { throw .log(error) }
    }

    /// What the thread that applies has done.
    package mutating func take(
        _ report: ApplyReport,
        now: Int64,
        wall: Int64,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        node.applied(upTo: report.applied)
        guard leadership?.role == .leader else { return }
        if let all = report.leasesAll {
            leases.removeAll()
            for change in all { note(change, now: now) }
        }
        for change in report.leases { note(change, now: now) }
        try propose(report.due, wall: wall, &effects)
    }

    private mutating func note(_ change: LeaseChange, now: Int64) {
        switch change {
        case .started(let lease, let duration): leases.start(lease, duration: duration, now: now)
        case .ended(let lease): leases.stop(lease)
        }
    }

    /// Everything there is to do up to the next write. The effects come before it: messages to
    /// the followers leave while the leader stores (thesis §10.2.1).
    package mutating func advance(
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) -> LogWrite? {
        while let ready = try nextReady() {
            if let change = ready.leadership {
                lead(change, &effects)
                try retryHeld(&effects)
            }
            if !ready.messages.isEmpty { effects.append(.send(ready.messages)) }
            hand(out: ready.committed, &effects)
            answer(ready.reads, &effects)
            for transfer in ready.snapshotTransfers { effects.append(.sendSnapshot(transfer)) }
            if let write = ready.write { return write }
        }
        return nil
    }

    /// Makes a write durable; then `advance` again. A disk without room makes the node step back
    /// until there is some, and go on with what needs no disk; any other error ends it.
    package mutating func store(
        _ write: LogWrite,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        if unstored.isEmpty, try isStored(write, &effects) { return }
        unstored.append(write)
        node.storageFailed()
    }

    private mutating func storeAgain(
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        guard !unstored.isEmpty else { return }
        while let write = unstored.first {
            guard try isStored(write, &effects) else { return }
            unstored.removeFirst()
        }
        node.storageRecovered()
    }

    /// False if there is no room; nothing is changed then, and it can be tried again.
    private mutating func isStored(
        _ write: LogWrite,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) -> Bool {
        do {
            if let snapshot = write.snapshot { try note(snapshot) }
            try log.write(write)
        } catch {
            guard case .diskFull = error else { throw .log(error) }
            return false
        }
        if let snapshot = write.snapshot { install(snapshot, &effects) }
        node.persisted(write.id)
        return true
    }

    private mutating func nextReady() throws(ReplicaError) -> Ready? {
        do { return try node.ready() } catch { throw .raft(error) }
    }
}

// MARK: - Peers

extension Consensus {
    /// A message of a peer.
    package mutating func take(_ message: Message) throws(ReplicaError) {
        do { try node.step(message) } catch {
            if case .storage = error { throw .raft(error) }
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
            if let refusal = refusal(of: proposal.payload) {
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
        lastStamp = max(lastStamp, wall)
        var payloads = proposals.map(\.payload)
        for offset in payloads.indices {
            CommandHeader.stamp(&payloads[offset], timeMilliseconds: lastStamp)
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
    ) {
        for answer in answers {
            guard let request = underWay.answered(answer.id) else { continue }
            let origin = request.proposal.origin
            switch answer.verdict {
            case .placed(let index, let term):
                let deadline = now + limits.requestMilliseconds
                if !underWay.place(origin, at: index, term: term, until: deadline) {
                    effects.append(.refuse([origin], .noLeader))
                }
            case .notLeader: underWay.hold(request.proposal, until: request.deadline)
            case .refused(let refusal): effects.append(.refuse([origin], refusal))
            }
        }
    }

    /// A connection with a peer was lost: what was on the way may not have arrived.
    package mutating func lost(_ peer: NodeID, _ effects: inout [ConsensusEffect]) {
        node.unreachable(peer)
        if peer == leadership?.leader { loseSent(&effects) }
    }

    private mutating func loseSent(_ effects: inout [ConsensusEffect]) {
        let lost = underWay.loseSent()
        if !lost.isEmpty { effects.append(.refuse(lost, .noLeader)) }
    }

    /// A snapshot of the leader's has arrived whole, and is on the disk.
    package mutating func take(
        received manifest: SnapshotManifest,
        from leader: NodeID,
        term: Term
    ) throws(ReplicaError) {
        received = [manifest.descriptor: manifest]
        let message = Message(
            from: leader,
            to: node.id,
            term: term,
            body: .snapshot(manifest.descriptor)
        )
        try take(message)
    }

    /// The streaming of a snapshot to a follower ended.
    package mutating func snapshotSent(to peer: NodeID, succeeded: Bool) {
        node.snapshotSent(to: peer, succeeded: succeeded)
    }

    /// The snapshot is noted before the log begins anew behind it, and the state follows: if the
    /// node stops in between, the state is rebuilt from the snapshot at the next start.
    private mutating func note(_ snapshot: SnapshotDescriptor) throws(StoreError) {
        guard let manifest = received[snapshot] else { return }
        try log.record(manifest)
        received = [:]
    }

    private mutating func install(
        _ snapshot: SnapshotDescriptor,
        _ effects: inout [ConsensusEffect]
    ) {
        guard let manifest = log.manifests.last(where: { $0.descriptor == snapshot }) else {
            preconditionFailure("snapshot \(snapshot.index.rawValue) was not received")
        }
        let lost = underWay.skip(upTo: snapshot.index)
        if !lost.isEmpty { effects.append(.refuse(lost, .noLeader)) }
        effects.append(.order(.install(manifest)))
    }
}

// MARK: - Operating

extension Consensus {
    /// Changes the membership; the outcome shows in `status`.
    package mutating func change(_ changes: [MembershipChange]) throws(RaftError) -> Proposal {
        try node.propose(changes)
    }

    package mutating func transferLeadership(to target: NodeID) throws(RaftError) {
        try node.transferLeadership(to: target)
    }

    /// Hands leadership to somebody else before the node goes.
    package mutating func stepDown() { node.stepDown() }
}

// MARK: - Proposals

extension Consensus {
    private mutating func propose(
        _ proposals: [HeldProposal],
        wall: Int64,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        guard !proposals.isEmpty else { return }
        guard leadership?.role == .leader else { return forward(proposals, &effects) }
        lastStamp = max(lastStamp, wall)
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
            CommandHeader.stamp(&payloads[payloads.count - 1], timeMilliseconds: lastStamp)
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
        guard let leader = leadership?.leader, leader != node.id else {
            return hold(proposals, &effects)
        }
        var sent: [ForwardedProposal] = []
        for request in proposals {
            let payload = request.proposal.payload
            guard payload.count <= limits.commandBytesMax else {
                let refusal = Refusal.tooLarge(
                    bytes: payload.count,
                    bound: limits.commandBytesMax
                )
                effects.append(.refuse([request.proposal.origin], refusal))
                continue
            }
            guard underWay.sentCount < limits.forwardedMax else {
                effects.append(.refuse([request.proposal.origin], .overloaded))
                continue
            }
            let deadline = now + limits.requestMilliseconds
            sent.append(underWay.send(request.proposal, until: deadline))
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
            if underWay.heldCount < limits.heldMax {
                underWay.hold(request.proposal, until: request.deadline)
            } else {
                effects.append(.refuse([request.proposal.origin], .noLeader))
            }
        }
    }

    /// Tries again what waits for a leader.
    private mutating func retryHeld(
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        guard underWay.heldCount > 0, leadership?.leader != nil else { return }
        let held = underWay.takeHeld()
        try propose(held.proposals, wall: wall, &effects)
        ask(held.barriers, &effects)
    }

    private mutating func expireRequests(_ effects: inout [ConsensusEffect]) {
        guard now >= nextExpiry else { return }
        nextExpiry = now + limits.expiryCheckMilliseconds
        let ended = underWay.expire(now: now)
        if !ended.unled.isEmpty { effects.append(.refuse(ended.unled, .noLeader)) }
        if !ended.unknown.isEmpty { effects.append(.refuse(ended.unknown, .timedOut)) }
    }

    /// Commands of the leader's own, which nobody waits for. A refused one is due again later.
    private mutating func propose(
        _ commands: [[UInt8]],
        wall: Int64,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        guard !commands.isEmpty else { return }
        lastStamp = max(lastStamp, wall)
        var payloads = commands
        for offset in payloads.indices {
            CommandHeader.stamp(&payloads[offset], timeMilliseconds: lastStamp)
        }
        do { _ = try node.propose(payloads) } catch { _ = try refusal(for: error) }
    }

    /// A full disk still takes what frees room, out of what the log keeps in reserve.
    private func refusal(of payload: [UInt8]) -> Refusal? {
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

    private func refusal(for error: RaftError) throws(ReplicaError) -> Refusal {
        switch error {
        case .notLeader, .transferring: return .noLeader
        case .overloaded, .tooManyReads: return .overloaded
        case .payloadTooLong(let bytes, let bound): return .tooLarge(bytes: bytes, bound: bound)
        default: throw .raft(error)
        }
    }

    private mutating func ask(
        _ requests: [HeldBarrier],
        _ effects: inout [ConsensusEffect]
    ) {
        guard !requests.isEmpty else { return }
        guard leadership?.leader != nil else {
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

    /// A read that the leader could not answer is asked again at the next tick.
    private mutating func answer(_ reads: [ReadState], _ effects: inout [ConsensusEffect]) {
        for read in reads {
            guard let requests = barriers.removeValue(forKey: read.id) else { continue }
            if let index = read.index {
                effects.append(.order(.barrier(index: index, requests.map(\.origin))))
            } else {
                for request in requests { underWay.hold(request.origin, until: request.deadline) }
            }
        }
    }
}

// MARK: - What was committed

extension Consensus {
    private mutating func hand(out entries: [Entry], _ effects: inout [ConsensusEffect]) {
        guard !entries.isEmpty else { return }
        var batch = CommittedBatch(entries: entries)
        var lost: [Origin] = []
        for (offset, entry) in entries.enumerated() {
            if let origin = underWay.settle(entry, &lost) {
                batch.origins.append(EntryOrigin(offset: offset, origin: origin))
            }
            if entry.kind == .empty, entry.term == leadership?.term, leadership?.role == .leader {
                batch.startsLeases = true
            }
        }
        if !lost.isEmpty { effects.append(.refuse(lost, .noLeader)) }
        effects.append(.order(.apply(batch)))
    }

    private mutating func lead(_ change: Leadership, _ effects: inout [ConsensusEffect]) {
        if leadership?.leader != change.leader { loseSent(&effects) }
        leadership = change
        leases.removeAll()
        if change.role != .leader {
            nextContainerCheck = 0
            reaper = TombstoneReaper()
        }
        effects.append(.leadership(change))
    }

    private mutating func endLeases(
        now: Int64,
        wall: Int64,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        let term = leadership?.term.rawValue ?? 0
        let ended = leases.expired(now: now)
        try propose(ended.map { LeaderCommands.end($0, term: term) }, wall: wall, &effects)
    }
}

/// What the owner of `Consensus` is to do.
package enum ConsensusEffect: Sendable {
    case order(ApplyOrder)
    case refuse([Origin], Refusal)
    case leadership(Leadership)
    case send([Message])
    /// A follower's clients want this of the leader.
    case forward(to: NodeID, ForwardedRequests)
    /// The leader's answer to a follower; it must leave before later messages do.
    case answer(NodeID, [ForwardAnswer])
    /// A follower needs a snapshot; then `snapshotSent`.
    case sendSnapshot(SnapshotTransfer)
}
