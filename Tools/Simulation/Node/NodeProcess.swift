import LMDB
import Raft
import RaftStore
import Replica
import SeededRandom
import StateMachine
import Synchronization

/// A server that runs on a host: the real replica, with turns of the schedule for threads.
///
/// Its three threads are those of `RoostServer`: the replica's, which stores and blocks while it
/// does; the one that applies; and one event loop with the clients' connections.
final class NodeProcess {
    let host: Host
    let place: Schedule.Place
    let front: FrontEnds
    let board: StatusBoard
    private unowned let trial: Trial
    private var consensus: Consensus
    private let applier: Applier
    private var state: StateHome.State
    private let inbox: Mailbox<ReplicaInput>
    private let orders: Mailbox<ApplyOrder>
    private let loopInbox: LoopInbox
    private let bells = Bells()

    private var nextTick: Int64 = 0
    /// The write that the replica's thread is blocked in.
    private var underWay: LogWrite?
    private var isTurnPlanned = false
    private var isTickPlanned = false
    private var isApplyPlanned = false
    private var isLoopPlanned = false
    private var waitingOrders: [ApplyOrder] = []
    private var snapshotIndex: LogIndex

    /// Rung by the mailboxes, looked at after every event.
    final class Bells: Sendable {
        let replica = Atomic<Bool>(false)
        let apply = Atomic<Bool>(false)
        let loop = Atomic<Bool>(false)
    }

    init(host: Host, trial: Trial) throws {
        self.host = host
        self.trial = trial
        place = host.place
        let bells = self.bells
        inbox = Mailbox { bells.replica.store(true, ordering: .relaxed) }
        orders = Mailbox { bells.apply.store(true, ordering: .relaxed) }
        loopInbox = LoopInbox { bells.loop.store(true, ordering: .relaxed) }
        state = try Self.openState(of: host)
        snapshotIndex = host.log.manifests.last?.index ?? .zero
        let applied = LogIndex(state.machine.summary.appliedIndex)
        trial.oracle.opened(host, applied: applied)
        consensus = try Consensus(
            id: host.id,
            restored: host.log.restoredState(applied: applied),
            log: host.log,
            limits: trial.settings.replica,
            raftLimits: trial.settings.raft,
            random: SeededGenerator(seed: trial.dice.word()),
            divergence: host.home.divergence
        )
        applier = try Applier(
            machine: state.machine,
            tables: state.tables,
            environment: state.environment,
            loops: [loopInbox],
            limits: trial.settings.replica
        )
        var status = ReplicaStatus(node: host.id, name: "n\(host.id.rawValue)")
        status.divergence = host.home.divergence
        board = StatusBoard(status)
        let port = LoopPort.Parts(
            state: state,
            inbox: loopInbox,
            outbox: inbox,
            board: board
        )
        front = try FrontEnds(port, host: host, trial: trial) {
            bells.loop.store(true, ordering: .relaxed)
        }
    }

    /// As `Storage` does at a server's start.
    private static func openState(of host: Host) throws -> StateHome.State {
        let state = try host.home.open()
        let summary = state.machine.summary
        let repair = try StartRepair.due(
            applied: (LogIndex(summary.appliedIndex), Term(summary.appliedTerm)),
            first: host.log.contents.base.next,
            last: host.log.contents.last,
            term: { (index) throws(any Error) in try host.log.term(at: index) },
            newest: { () throws(any Error) in try host.home.snapshots.newestVerified() }
        )
        switch repair {
        case .keep: return state
        case .beginBehind(let manifest):
            try host.log.beginBehind(manifest)
            return state
        case .install(let manifest):
            _ = try host.home.install(manifest)
            return try openState(of: host)
        }
    }

    func begin() {
        nextTick = monotonic
        noteVoters()
        act(kind: 4) { process throws(ReplicaError) in
            process.consensus.standForElectionIfAlone()
        }
        inbox.post(.report(applier.firstReport))
        planTurn()
        planLoop()
        planHeartbeat()
        front.announce()
    }

    /// What the process was storing when it ended.
    func end() -> LogWrite? {
        front.close()
        // Behind a write that found no room no other reaches the disk.
        return consensus.status.isStorageFailed ? nil : underWay
    }

    var monotonic: Int64 { host.clock.monotonicMilliseconds(at: trial.now) }
    var wall: Int64 { host.clock.wallMilliseconds(at: trial.now) }
    var status: Status { consensus.status }
    var summary: StateSummary { state.machine.summary }
    var isIdle: Bool { underWay == nil && waitingOrders.isEmpty && !isApplyPlanned }

    /// Something arrives for the replica.
    func receive(_ input: ReplicaInput) {
        inbox.post(input)
        answerBells()
    }

    /// An operator's request.
    func operate(_ body: (inout Consensus) throws(RaftError) -> Void) -> RaftError? {
        defer { planTurn() }
        do {
            try body(&consensus)
            return nil
        } catch { return error }
    }

    // MARK: Threads

    private func answerBells() {
        if bells.replica.exchange(false, ordering: .relaxed) { planTurn() }
        if bells.apply.exchange(false, ordering: .relaxed) { planApply() }
        if bells.loop.exchange(false, ordering: .relaxed) { planLoop() }
    }

    private func plan(
        after microseconds: Int64,
        kind: UInt8,
        _ body: @escaping (NodeProcess) -> Void
    ) {
        trial.plan(at: trial.now + microseconds, kind: kind, on: place) { [unowned self] in
            body(self)
        }
    }

    /// Runs a step; an error of it ends the process, as in a server.
    private func act(kind: UInt8, _ body: (NodeProcess) throws(ReplicaError) -> Void) {
        trial.note(UInt64(kind) << 8 | host.id.rawValue)
        do {
            try body(self)
            answerBells()
        } catch {
            trial.ended(host, by: error)
        }
    }

    private func planTurn() {
        guard !isTurnPlanned, underWay == nil else { return }
        isTurnPlanned = true
        plan(after: trial.dice.skewed(2...60), kind: 5) { process in
            process.isTurnPlanned = false
            process.act(kind: 5) { process throws(ReplicaError) in try process.turn() }
        }
    }

    /// One turn of the replica's thread, as in `ReplicaThread`.
    private func turn() throws(ReplicaError) {
        guard underWay == nil else { return }
        var effects: [ConsensusEffect] = []
        try takeInputs(&effects)
        let now = monotonic
        if now >= nextTick {
            nextTick = now + trial.settings.tickMilliseconds
            trial.tally.ticks += 1
            try consensus.tick(now: now, wall: wall, &effects)
            noteContact(now: now)
            planTick()
        }
        let write = try consensus.advance(&effects)
        perform(effects)
        if let write { store(write) }
    }

    private func planTick() {
        guard !isTickPlanned else { return }
        isTickPlanned = true
        let local = max(0, nextTick * 1_000 - host.clock.local(at: trial.now))
        let delay = host.clock.trueDuration(of: local) + trial.dice.skewed(1...500)
        plan(after: delay, kind: 6) { process in
            process.isTickPlanned = false
            // A clock that has slowed down meanwhile is not there yet.
            process.monotonic >= process.nextTick ? process.planTurn() : process.planTick()
        }
    }

    private func store(_ write: LogWrite) {
        underWay = write
        if host.writeMicroseconds > 500 { host.meets(.slowDisk, in: trial) }
        let latency = trial.dice.skewed(20...host.writeMicroseconds)
        planStored(write, after: latency)
        guard let end = host.endInWrite else { return }
        plan(after: latency / 2, kind: 12) { process in
            // The faults may be over by now.
            guard process.host.endInWrite == end else { return }
            process.trial.strike(process.host, end)
        }
    }

    private func planStored(_ write: LogWrite, after latency: Int64) {
        plan(after: latency, kind: 7) { process in
            if process.host.stalledUntil > process.trial.now {
                process.host.meets(.diskStall, in: process.trial)
                return process.planStored(write, after: 20_000)
            }
            process.act(kind: 7) { process throws(ReplicaError) in try process.stored(write) }
        }
    }

    private func stored(_ write: LogWrite) throws(ReplicaError) {
        trial.tally.writes += 1
        var effects: [ConsensusEffect] = []
        try consensus.store(write, &effects)
        if consensus.status.isStorageFailed { host.meets(.logDiskFull, in: trial) }
        underWay = nil
        if write.memberships != nil { noteVoters() }
        let next = try consensus.advance(&effects)
        perform(effects)
        if let next { store(next) } else { planTurn() }
        planTick()
    }

    private func takeInputs(_ effects: inout [ConsensusEffect]) throws(ReplicaError) {
        let (now, wall) = (monotonic, self.wall)
        for input in inbox.takeAll() {
            try consensus.take(input, now: now, wall: wall, &effects)
            if case .report(let report) = input {
                board.update { $0.applied = report.applied.rawValue }
            }
        }
    }

    // MARK: Effects

    private func perform(_ effects: [ConsensusEffect]) {
        for effect in effects {
            switch effect {
            case .order(let order): give(order)
            case .refuse(let origins, let refusal):
                loopInbox.post(LoopNotice(transaction: 0, body: .refused(origins, refusal)))
            case .leadership(let change): publish(change)
            case .committed(let index): board.update { $0.commit = index.rawValue }
            case .confirmed(let time): noteStatus { $0.note(confirmedAt: time) }
            case .handingOver: noteStatus { $0.isHandingOver = true }
            case .offended(let error):
                trial.oracle.fail("node \(host.id.rawValue) was sent what is no message: \(error)")
            case .send(let messages): trial.network.send(messages, from: host.id, in: trial)
            case .forward(let leader, let requests):
                trial.network.send(requests, from: host.id, to: leader, in: trial)
            case .answer(let peer, let answers):
                trial.network.send(answers, from: host.id, to: peer, in: trial)
            case .sendSnapshot(let transfer):
                SnapshotTransit.begin(transfer, from: self, in: trial)
            case .takeSnapshot: takeSnapshot()
            case .report(let leader, let report):
                trial.network.send(report, from: host.id, to: leader, in: trial)
            case .judge(let member, let verdict):
                if verdict.equalAt > .zero { trial.tally.compared += 1 }
                trial.network.send(verdict, from: host.id, to: member, in: trial)
            case .diverged(let divergence): publish(divergence)
            }
        }
    }

    private func give(_ order: ApplyOrder) {
        if case .apply(let batch) = order { trial.oracle.committed(batch.entries, on: host) }
        if let mutant = trial.mutant {
            for spoiled in mutant.spoil(order, on: host, in: trial) { orders.post(spoiled) }
        } else {
            orders.post(order)
        }
    }

    private func publish(_ change: Leadership) {
        trial.oracle.leads(change, host, last: consensus.status.last)
        if change.role == .leader { trial.lastElection = trial.now }
        let address = change.leader.map { Self.address(of: $0) } ?? ""
        noteStatus { $0.note(change, leaderAddress: address) }
    }

    /// As `ReplicaThread` does; the marker on the disk is the machine's.
    private func publish(_ divergence: Divergence?) {
        board.update { $0.divergence = divergence }
        guard let divergence else { return trial.oracle.mended(host) }
        host.home.divergence = divergence
        loopInbox.post(LoopNotice(transaction: 0, body: .unfit))
        trial.oracle.diverged(host, divergence)
    }

    /// What the event loops are to know; a bug may make them take an old word for a new one.
    private func noteStatus(_ change: (inout ReplicaStatus) -> Void) {
        board.update { status in
            change(&status)
            if trial.mutant == .trustsOldWord { status.asOf = .max }
        }
    }

    private static func address(of node: NodeID) -> String { "n\(node.rawValue):8300" }

    private func noteVoters() {
        let membership = consensus.status.membership
        noteStatus { status in
            status.servers = membership.members.map { node in
                ReplicaStatus.Server(
                    node: node,
                    name: "n\(node.rawValue)",
                    address: Self.address(of: node),
                    isVoter: membership.isVoter(node)
                )
            }
        }
    }

    private func noteContact(now: Int64) {
        let status = consensus.status
        noteStatus {
            $0.note(
                contact: status,
                now: now,
                tickMilliseconds: trial.settings.tickMilliseconds
            )
        }
    }

    // MARK: Applying

    private func planApply() {
        guard !isApplyPlanned else { return }
        isApplyPlanned = true
        let isSlow = trial.dice.chance(5)
        plan(after: trial.dice.skewed(isSlow ? 1_000...800_000 : 5...300), kind: 8) { process in
            process.isApplyPlanned = false
            process.act(kind: 8) { process throws(ReplicaError) in try process.applyAll() }
        }
    }

    private func applyAll() throws(ReplicaError) {
        waitingOrders += orders.takeAll()
        if host.isStateFull {
            if !waitingOrders.isEmpty { host.meets(.stateDiskFull, in: trial) }
            return
        }
        let joined = Applier.join(waitingOrders, entriesMax: trial.dice.number(1...64))
        waitingOrders = []
        for order in joined {
            switch order {
            case .install(let manifest): inbox.post(.report(try install(manifest)))
            case .refill(let manifest):
                do { try host.home.snapshots.keepOnly(manifest) } catch {
                    throw .log(.database("\(error)"))
                }
                inbox.post(.report(try install(manifest)))
            case .apply, .barrier, .chores:
                if let report = try applier.perform(order) { inbox.post(.report(report)) }
            }
            trial.oracle.applied(summary, on: host)
        }
        trial.mutant?.spoil(state, on: host, in: trial)
        takeSnapshotIfDue()
    }

    /// The state's disk became full, or has room again.
    func stateRoomChanged() {
        inbox.post(.stateRoom(host.isStateFull ? "the simulated disk is full" : nil))
        answerBells()
        planApply()
    }

    private func install(_ manifest: SnapshotManifest) throws(ReplicaError) -> ApplyReport {
        trial.tally.installed += 1
        if trial.mutant != .installsNothing {
            do { state = try host.home.install(manifest) } catch {
                throw .log(.database("\(error)"))
            }
        }
        return try applier.replace(
            machine: state.machine,
            tables: state.tables,
            environment: state.environment
        )
    }

    // MARK: Snapshots

    private func takeSnapshotIfDue() {
        let applied = LogIndex(summary.appliedIndex)
        guard applied.count(after: snapshotIndex) >= trial.settings.entriesPerSnapshot else {
            return
        }
        takeSnapshot()
    }

    private func takeSnapshot() {
        let applied = LogIndex(summary.appliedIndex)
        guard consensus.divergence == nil,
            let membership = host.log.membership(at: applied), !membership.membership.isEmpty
        else { return }
        snapshotIndex = applied
        do {
            let coverage = SnapshotCoverage(
                index: applied,
                term: Term(summary.appliedTerm),
                membership: membership
            )
            let manifest = try host.home.snapshots.take(
                of: state.environment,
                bytesPerSecondMax: nil,
                describe: { _ in coverage }
            )
            try host.home.snapshots.prune(onRecord: host.log.manifests)
            trial.tally.snapshots += 1
            plan(after: trial.dice.skewed(1_000...2_000_000), kind: 9) { process in
                process.receive(.snapshotTaken(manifest))
            }
        } catch {
            trial.oracle.fail("node \(host.id.rawValue) takes no snapshot: \(error)")
        }
    }

    // MARK: The event loop

    /// A server's loops are woken as often, to hand over heartbeats and to look at their clocks.
    private func planHeartbeat() {
        let local = trial.settings.replica.heartbeatFlushMilliseconds * 1_000
        plan(after: host.clock.trueDuration(of: local), kind: 15) { process in
            process.planLoop()
            process.planHeartbeat()
        }
    }

    func planLoop() {
        guard !isLoopPlanned else { return }
        isLoopPlanned = true
        plan(after: trial.dice.skewed(2...80), kind: 10) { process in
            process.isLoopPlanned = false
            process.act(kind: 10) { process throws(ReplicaError) in
                process.front.turn(now: process.monotonic, in: process.trial)
            }
        }
    }
}
