import Bytes
import Commands
import DequeModule
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
    private var waiting = Deque<WaitingProposal>()
    private var barriers: [ReadID: [Origin]] = [:]
    private var lastRead = ReadID(0)
    private var leases = ExpiryClock<Lease>()
    private var leadership: Leadership?
    private var lastStamp: Int64 = 0
    private var nextContainerCheck: Int64 = 0
    private var reaper = TombstoneReaper()
    /// Why the state's disk takes nothing; nil: it does.
    private var stateRefusal: String?

    /// A proposal that is in the log and not yet committed.
    private struct WaitingProposal {
        var index: LogIndex
        var term: Term
        var origin: Origin
    }

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
        node.tick()
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
        for session in requests.heartbeats.zooKeeper { leases.renew(.zooKeeper(session), now: now) }
        for session in requests.heartbeats.consul { leases.renew(.consul(session), now: now) }
        for check in requests.heartbeats.checks { leases.renew(.check(check), now: now) }
        try propose(requests.proposals, wall: wall, &effects)
        try ask(requests.barriers, &effects)
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

    /// A message of a peer.
    package mutating func take(_ message: Message) throws(ReplicaError) {
        do { try node.step(message) } catch {
            if case .storage = error { throw .raft(error) }
        }
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
            if let change = ready.leadership { lead(change, &effects) }
            if !ready.messages.isEmpty { effects.append(.send(ready.messages)) }
            hand(out: ready.committed, &effects)
            answer(ready.reads, &effects)
            if let write = ready.write { return write }
        }
        return nil
    }

    /// Makes a write durable; then `advance` again. An error ends the node.
    package mutating func store(_ write: LogWrite) throws(ReplicaError) {
        do { try log.write(write) } catch { throw .log(error) }
        node.persisted(write.id)
    }

    private mutating func nextReady() throws(ReplicaError) -> Ready? {
        do { return try node.ready() } catch { throw .raft(error) }
    }
}

// MARK: - Proposals

extension Consensus {
    private mutating func propose(
        _ proposals: [PendingProposal],
        wall: Int64,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        guard !proposals.isEmpty else { return }
        lastStamp = max(lastStamp, wall)
        var payloads: [[UInt8]] = []
        var origins: [Origin] = []
        payloads.reserveCapacity(proposals.count)
        origins.reserveCapacity(proposals.count)
        for proposal in proposals {
            if let refusal = refusal(of: proposal.payload) {
                effects.append(.refuse([proposal.origin], refusal))
                continue
            }
            payloads.append(proposal.payload)
            CommandHeader.stamp(&payloads[payloads.count - 1], timeMilliseconds: lastStamp)
            origins.append(proposal.origin)
        }
        guard !payloads.isEmpty else { return }
        do {
            let range = try node.propose(payloads)
            for (offset, origin) in origins.enumerated() {
                waiting.append(
                    WaitingProposal(
                        index: range.first.advanced(by: offset),
                        term: range.term,
                        origin: origin
                    )
                )
            }
        } catch {
            effects.append(.refuse(origins, try refusal(for: error)))
        }
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
        case .overloaded: return .overloaded
        case .payloadTooLong(let bytes, let bound): return .tooLarge(bytes: bytes, bound: bound)
        default: throw .raft(error)
        }
    }

    private mutating func ask(
        _ origins: [Origin],
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        guard !origins.isEmpty else { return }
        lastRead = ReadID(lastRead.rawValue + 1)
        do {
            try node.read(lastRead)
            barriers[lastRead] = origins
        } catch {
            effects.append(.refuse(origins, try refusal(for: error)))
        }
    }

    private mutating func answer(_ reads: [ReadState], _ effects: inout [ConsensusEffect]) {
        for read in reads {
            guard let origins = barriers.removeValue(forKey: read.id) else { continue }
            if let index = read.index {
                effects.append(.order(.barrier(index: index, origins)))
            } else {
                effects.append(.refuse(origins, .noLeader))
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
            while let first = waiting.first, first.index <= entry.index {
                waiting.removeFirst()
                if first.index == entry.index && first.term == entry.term {
                    batch.origins.append(EntryOrigin(offset: offset, origin: first.origin))
                } else {
                    lost.append(first.origin)
                }
            }
            if entry.kind == .empty, entry.term == leadership?.term, leadership?.role == .leader {
                batch.startsLeases = true
            }
        }
        if !lost.isEmpty { effects.append(.refuse(lost, .noLeader)) }
        effects.append(.order(.apply(batch)))
    }

    private mutating func lead(_ change: Leadership, _ effects: inout [ConsensusEffect]) {
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
}
