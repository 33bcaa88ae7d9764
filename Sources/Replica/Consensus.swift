import Bytes
import Commands
package import Raft
package import RaftStore

/// One node's share in the replicated log: takes commands, agrees on their order, stores them,
/// and hands out what is committed.
///
/// It has one owner and no thread, clock or socket of its own: what arrives comes in by a method,
/// what is to be done comes out as `ConsensusEffect`s. The write to the log happens inside
/// `store`, and blocks: the leader's messages, and with them its heartbeats, depend on the
/// progress of its disk. The module never opens a socket, a thread or a clock.
///
/// Map: `Consensus` owns Raft and the log (`Proposing` is what clients ask of it, `Peering` what
/// other nodes do), `Applier` the state, `LoopPort` is an event loop's door
/// to both; `Mailbox` and `LoopInbox` carry batches between them, `ExpiryClock` ends leases.
package struct Consensus: ~Copyable {
    var node: RaftNode
    package let log: any DurableLog
    let limits: ReplicaLimits
    var underWay: RequestsUnderWay
    var barriers: [ReadID: [HeldBarrier]] = [:]
    var lastRead: ReadID
    /// Monotonic milliseconds, and those since 1970, as of the last input.
    var now: Int64 = 0
    var wall: Int64 = 0
    var nextExpiry: Int64 = 0
    /// Writes that found no room, and those after them, in order; the node neither leads nor
    /// campaigns until all are stored.
    private var unstored: [LogWrite] = []
    /// The newest snapshot, if the log had no room to note it.
    private var unrecorded: SnapshotManifest?
    var received: [SnapshotDescriptor: SnapshotManifest] = [:]
    /// Leadership is being handed over, and nobody was told yet.
    private var tellsHandover = false
    var leases = ExpiryClock<Lease>()
    var leadership: Leadership?
    /// The read by which a leader learns whether it still led, and when it asked.
    var confirmation: (read: ReadID, askedAt: Int64)?
    /// When this node's leader was last heard from, as of a tick.
    var leaderHeardAt: Int64 = 0
    /// Peers that nothing can be sent to.
    var unreached: Set<NodeID> = []
    private var toldCommit = LogIndex.zero
    var stamps = StampClock()
    private var nextContainerCheck: Int64 = 0
    private var reaper = TombstoneReaper()
    /// Why the state's disk takes nothing; nil: it does.
    var stateRefusal: String?
    var comparison = Comparison()

    package init(
        id: NodeID,
        restored: RestoredState,
        log: any DurableLog,
        limits: ReplicaLimits,
        raftLimits: RaftLimits,
        random: any RandomNumberGenerator,
        divergence: Divergence? = nil
    ) throws(ReplicaError) {
        var numbers = random
        underWay = RequestsUnderWay(firstForward: numbers.next() >> 16)
        lastRead = ReadID(numbers.next() >> 16)
        do {
            node = try RaftNode(
                id: id,
                restored: restored,
                storage: log,
                limits: raftLimits,
                random: numbers
            )
        } catch { throw .raft(error) }
        self.log = log
        self.limits = limits
        comparison.divergence = divergence
        if divergence != nil { node.setUnfitToLead(true) }
    }

    package var status: Status { node.status() }
    /// Whether a write waits for room on the disk.
    package var hasUnstored: Bool { !unstored.isEmpty }
    /// Sessions and checks that this leader would end by itself.
    package var leaseCount: Int { leases.count }
    /// Reads of this node's clients that wait for the leader's word.
    package var pendingReadCount: Int { barriers.values.reduce(0) { $0 + $1.count } }
    /// Requests that wait for a leader.
    package var heldCount: Int { underWay.heldCount }

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
        if leadership?.leader != nil, node.status().ticksSinceLeader <= 2 { leaderHeardAt = now }
        loseLateStrays(&effects)
        try storeAgain(&effects)
        if let unrecorded { try take(unrecorded) }
        try retryHeld(&effects)
        expireRequests(&effects)
        try compareStates(&effects)
        guard leadership?.role == .leader else { return }
        askForConfirmation()
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
        if comparison.divergence != nil {
            let origins = requests.proposals.map(\.origin) + requests.barriers + requests.catchUps
            return effects.append(.refuse(origins, .noLeader))
        }
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
        var barriers = requests.barriers
        if leadership?.role == .leader {
            if !requests.catchUps.isEmpty {
                effects.append(.order(.barrier(index: node.commit, requests.catchUps)))
            }
        } else {
            barriers += requests.catchUps
        }
        ask(barriers.map { HeldBarrier(origin: $0, deadline: deadline) }, &effects)
    }

    mutating func renew(_ heartbeats: Heartbeats, now: Int64) {
        for session in heartbeats.zooKeeper { leases.renew(.zooKeeper(session), now: now) }
        for session in heartbeats.consul { leases.renew(.consul(session), now: now) }
        for check in heartbeats.checks { leases.renew(.check(check), now: now) }
    }

    /// Takes note of a snapshot, and drops entries that it and the one before it cover; some stay
    /// for followers that are a little behind. A disk without room for the note gets it later, and
    /// nothing is dropped until then.
    package mutating func take(_ manifest: SnapshotManifest) throws(ReplicaError) {
        // One of a wrong state helps nobody.
        if comparison.divergence != nil { return unrecorded = nil }
        // One of the leader's may have come in meanwhile.
        if let newest = log.newestManifest, manifest.index <= newest.index {
            unrecorded = nil
            return
        }
        let kept = limits.trailingEntries
        let target: LogIndex
        do {
            try log.record(manifest, keeping: ReplicaLimits.snapshotsOnRecord)
            unrecorded = nil
            // The older one is worth something only with the log behind it.
            guard let oldest = log.manifests.first, log.manifests.count > 1,
                manifest.index.rawValue > kept
            else { return }
            target = min(LogIndex(manifest.index.rawValue - kept), oldest.index)
            try log.compact(upTo: target)
            comparison.droppedUpTo = target
        } catch {
            guard case .diskFull = error else { throw .log(error) }
            unrecorded = manifest
            return
        }
        node.compacted(upTo: target)
    }

    /// Frees what was dropped, a step at a time; for turns in which nothing else is to be done.
    /// Where even that finds no room, it is for later.
    package mutating func collectGarbage() throws(ReplicaError) {
        do { try log.collectGarbage() } catch {
            guard case .diskFull = error else { throw .log(error) }
        }
    }

    /// What the thread that applies has done.
    package mutating func take(
        _ report: ApplyReport,
        now: Int64,
        wall: Int64,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        guard note(report, &effects) else { return }
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
        case .started(let lease, let duration, let holder):
            leases.start(lease, duration: duration, holder: holder, now: now)
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
            // Before anybody hears of it: what another node acknowledges then, a read of this
            // leader's own state must not miss.
            if node.commit != toldCommit {
                toldCommit = node.commit
                effects.append(.committed(toldCommit))
            }
            if tellsHandover {
                tellsHandover = false
                effects.append(.handingOver)
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

    /// Whether the snapshot is to be installed by a write that found no room.
    func waitsForRoom(_ snapshot: SnapshotDescriptor) -> Bool {
        unstored.contains { $0.snapshot == snapshot }
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

// MARK: - Operating

extension Consensus {
    /// Changes the membership; the outcome shows in `status`.
    package mutating func change(_ changes: [MembershipChange]) throws(RaftError) -> Proposal {
        try node.propose(changes)
    }

    package mutating func transferLeadership(to target: NodeID) throws(RaftError) {
        try node.transferLeadership(to: target)
        tellsHandover = true
    }

    /// Hands leadership to somebody else before the node goes, if there is anybody.
    package mutating func handOver() {
        if node.status().membership.incoming.count > 1 { node.stepDown() }
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
        if let newest = entries.last(where: { $0.kind == .normal }),
            let stamp = CommandHeader.time(of: newest.payload.rawSpan)
        {
            stamps.note(stamp, now: now)
        }
        // A wrong state is not carried on: what comes now is handed out again to its successor.
        let isDropped = isWrong
        if isDropped {
            lost += batch.origins.map(\.origin)
            node.dropped(upTo: entries[entries.count - 1].index)
        }
        if !lost.isEmpty { effects.append(.refuse(lost, .noLeader)) }
        if !isDropped { effects.append(.order(.apply(batch))) }
    }

    private mutating func lead(_ change: Leadership, _ effects: inout [ConsensusEffect]) {
        if leadership?.leader != change.leader { noteStrays(change.leader, &effects) }
        leadership = change
        confirmation = nil
        tellsHandover = false
        leases.removeAll()
        comparison.beginLeadership()
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
        var ended: [[UInt8]] = []
        var critical: [CheckKey] = []
        for lease in leases.expired(now: now) {
            if case .critical(let key) = lease { critical.append(key) }
            let holder = leases.holder(of: lease)
            if let command = LeaderCommands.end(lease, of: holder, term: term) {
                ended.append(command)
            }
        }
        if !critical.isEmpty { effects.append(.order(.chores(Chores(critical: critical)))) }
        try propose(ended, wall: wall, &effects)
    }
}

/// What the owner of `Consensus` is to do.
package enum ConsensusEffect: Sendable {
    case order(ApplyOrder)
    case refuse([Origin], Refusal)
    case leadership(Leadership)
    /// Everything up to here is committed; to be published before what follows.
    case committed(LogIndex)
    /// A quorum knew no other leader at this time (monotonic milliseconds).
    case confirmed(at: Int64)
    /// Another node was asked to lead; to be published before what follows, and true until
    /// leadership changes.
    case handingOver
    /// A peer sent what no peer may send; it had no effect.
    case offended(RaftError)
    case send([Message])
    /// A follower's clients want this of the leader.
    case forward(to: NodeID, ForwardedRequests)
    /// The leader's answer to a follower; it must leave before later messages do.
    case answer(NodeID, [ForwardAnswer])
    /// A follower needs a snapshot; then `snapshotSent`.
    case sendSnapshot(SnapshotTransfer)
    /// A snapshot of the state is wanted now, whatever the log weighs; then `snapshotTaken`.
    case takeSnapshot
    /// The leader is to hear of this node's state.
    case report(to: NodeID, StateReport)
    /// A member is to hear what the leader found of its state.
    case judge(NodeID, StateVerdict)
    /// This node's state was found wrong: nobody is to be served from it any more, nor after a
    /// restart. Nil: it was replaced by a good one.
    case diverged(Divergence?)
}
