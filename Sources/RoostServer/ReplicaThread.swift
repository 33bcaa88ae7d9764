import Disk
import Logging
import PeerTransport
import Raft
import RaftStore
import Replica
import StateMachine
import Synchronization

/// The thread that owns Raft and the log: takes what gathered while the last commit ran, stores
/// it in one commit, and hands on what is committed.
///
/// `@unchecked Sendable`: what is mutable is touched only by `run`, which runs once, on its
/// thread; but for `thread`, which `start` writes before anyone else has the value.
final class ReplicaThread: @unchecked Sendable {
    struct Seams: Sendable {
        let inbox: Mailbox<ReplicaInput>
        let bell: Bell
        let applier: ApplyThread
        let loops: [LoopInbox]
        let board: StatusBoard
        let cluster: Cluster
        let ledger: LogLedger
        let measures: NodeMeasures
        let keeper: KeeperThread
        let divergenceMarker: DivergenceMarker
        let logger: Logger
        let failure: Failure
    }

    private let seams: Seams
    private var consensus: Consensus
    private var thread: OwnThread?
    private var nextTick: Int64 = 0
    private var isStopping = false
    private var gauge: ReplicaGauge
    private let offences = NoticePace()

    init(consensus: consuming Consensus, seams: Seams) {
        self.consensus = consensus
        self.seams = seams
        gauge = ReplicaGauge(seams.measures)
    }

    func start() throws {
        thread = try OwnThread(named: "roost-replica") { self.run() }
    }

    /// Stores what was taken, closes the log, and returns when the thread is done.
    func stop() {
        seams.inbox.post(.stop)
        thread?.join()
    }

    private func run() {
        do throws(ReplicaError) {
            consensus.standForElectionIfAlone()
            while !isStopping { try turn() }
            do { try consensus.log.close() } catch { throw .log(error) }
        } catch {
            seams.failure.end(FailureText.replica(error))
        }
    }

    private func turn() throws(ReplicaError) {
        let now = HostClock.monotonic()
        var effects: [ConsensusEffect] = []
        try takeInputs(now: now, &effects)
        if now >= nextTick {
            nextTick = now + ServerLimits.tickMilliseconds
            try consensus.tick(now: now, wall: HostClock.wall(), &effects)
            try publishContact(now: now)
            seams.ledger.record(consensus.log.manifests)
        }
        var write = try consensus.advance(&effects)
        try perform(&effects)
        if write == nil, consensus.log.hasGarbage { try consensus.collectGarbage() }
        while let due = write {
            let began = HostClock.microseconds()
            try consensus.store(due, &effects)
            if !consensus.hasUnstored { gauge.stored(due, since: began) }
            seams.ledger.add(due)
            if due.memberships != nil { publishVoters() }
            write = try consensus.advance(&effects)
            try perform(&effects)
        }
        if !isStopping { seams.bell.wait(milliseconds: nextTick - HostClock.monotonic()) }
    }

    private func takeInputs(
        now: Int64,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        let wall = HostClock.wall()
        for input in seams.inbox.takeAll() {
            try consensus.take(input, now: now, wall: wall, &effects)
            switch input {
            case .report(let report):
                if let members = report.members { takeNote(of: members) }
                seams.board.update { $0.applied = report.applied.rawValue }
            case .snapshotTaken(let manifest):
                seams.logger.info("snapshot taken", metadata: ["snapshot": "\(manifest.name)"])
            case .dismissed(let peer): publishDismissal(by: peer)
            case .stop:
                isStopping = true
                consensus.handOver()
            default: break
            }
        }
    }

    private func perform(_ effects: inout [ConsensusEffect]) throws(ReplicaError) {
        for effect in effects {
            switch effect {
            case .order(let order):
                switch order {
                case .install, .refill: seams.ledger.restart(behind: consensus.log.manifests)
                case .apply, .barrier, .chores: break
                }
                try seams.applier.order(order)
            case .refuse(let origins, let refusal): refuse(origins, refusal)
            case .leadership(let change): publish(change)
            case .committed(let index):
                seams.board.update { $0.commit = index.rawValue }
                gauge.committed(index)
            case .confirmed(let time): seams.board.update { $0.note(confirmedAt: time) }
            case .handingOver: seams.board.update { $0.isHandingOver = true }
            case .offended(let error):
                guard offences.isDue() else { continue }
                seams.logger.error("a peer breaks the rules", metadata: ["reason": "\(error)"])
            case .send(let messages): seams.cluster.links.send(messages)
            case .forward(let leader, let requests): seams.cluster.links.send(requests, to: leader)
            case .answer(let peer, let answers): seams.cluster.links.send(answers, to: peer)
            case .sendSnapshot(let transfer): seams.cluster.links.stream(transfer)
            case .takeSnapshot: seams.keeper.takeSnapshot()
            case .report(let leader, let report): seams.cluster.links.send(report, to: leader)
            case .judge(let member, let verdict): seams.cluster.links.send(verdict, to: member)
            case .diverged(let divergence): publish(divergence)
            }
        }
        effects.removeAll(keepingCapacity: true)
    }

    private func refuse(_ origins: [Origin], _ refusal: Refusal) {
        let notice = LoopNotice(transaction: 0, body: .refused(origins, refusal))
        for loop in seams.loops { loop.post(notice) }
    }

    private func takeNote(of members: [MemberRecord]) {
        seams.cluster.update(members)
        publishVoters()
    }

    private func publishVoters() {
        let members = seams.cluster.members
        let servers = members.servers(consensus.status.membership)
        seams.board.update { status in
            status.servers = servers
            status.leaderAddress = members.address(of: status.leader)
        }
    }

    /// That the thread is alive, and when the leader was heard from.
    private func publishContact(now: Int64) throws(ReplicaError) {
        let status = consensus.status
        try gauge.ticked(consensus)
        seams.board.update {
            $0.note(contact: status, now: now, tickMilliseconds: ServerLimits.tickMilliseconds)
        }
    }

    /// Clients would wait in vain here, and read what is old. A removed node that starts again is
    /// told so again.
    private func publishDismissal(by peer: NodeID) {
        guard !seams.board.current.isDismissed else { return }
        seams.board.update { $0.isDismissed = true }
        for loop in seams.loops { loop.post(LoopNotice(transaction: 0, body: .unfit)) }
        seams.logger.error(
            "this node was removed from the cluster and serves nobody; stop it",
            metadata: ["peer": "\(seams.cluster.members[peer]?.name ?? "\(peer.rawValue)")"]
        )
    }

    /// The marker is for the next start; where it cannot be written, that start serves until the
    /// state is compared again.
    private func publish(_ divergence: Divergence?) {
        seams.board.update { $0.divergence = divergence }
        guard let divergence else {
            return seams.logger.notice("the state is the cluster's again; serving")
        }
        for loop in seams.loops { loop.post(LoopNotice(transaction: 0, body: .unfit)) }
        seams.logger.error(
            "\(divergence.text)",
            metadata: [
                "equal": "\(divergence.equalAt.rawValue)",
                "different": "\(divergence.differsAt.rawValue)",
                "refill": "roost raft refill \(seams.board.current.name)",
            ]
        )
        do throws(StoreError) {
            try seams.divergenceMarker.write(
                equalAt: divergence.equalAt,
                differsAt: divergence.differsAt
            )
        } catch {
            seams.logger.error("the state cannot be marked as wrong: \(error)")
        }
    }

    private func publish(_ change: Leadership) {
        gauge.led(change)
        seams.logger.notice(
            "leadership changed",
            metadata: [
                "role": "\(change.role)", "term": "\(change.term.rawValue)",
                "leader": "\(change.leader.flatMap { seams.cluster.members[$0]?.name } ?? "none")",
            ]
        )
        let address = seams.cluster.members.address(of: change.leader)
        seams.board.update { $0.note(change, leaderAddress: address) }
    }
}

/// How much log was written, for the thread that takes snapshots, who belonged to the cluster when,
/// and which snapshots are on record.
final class LogLedger: Sendable {
    private struct Entries {
        var bytes: Int
        var memberships: [MembershipRecord]
        var snapshots: [SnapshotManifest]
    }

    private let entries: Mutex<Entries>

    /// With what the log holds at the start.
    init(_ log: WriteAheadLog) {
        entries = Mutex(
            Entries(
                bytes: log.growth.sizes.usedBytes,
                memberships: log.memberships,
                snapshots: log.manifests
            )
        )
    }

    /// Those that the log has on record.
    var snapshots: [SnapshotManifest] { entries.withLock { $0.snapshots } }

    func record(_ snapshots: [SnapshotManifest]) {
        entries.withLock { $0.snapshots = snapshots }
    }

    func add(_ write: LogWrite) {
        entries.withLock { entries in
            for entry in write.entries { entries.bytes += entry.weightBytes }
            if let memberships = write.memberships { entries.memberships = memberships }
        }
    }

    var bytes: Int { entries.withLock { $0.bytes } }

    /// A snapshot of the leader's, the last of these, has taken the log's place.
    func restart(behind snapshots: [SnapshotManifest]) {
        entries.withLock {
            $0.bytes = 0
            $0.snapshots = snapshots
        }
    }

    /// A snapshot covers what was counted up to here; the log may have begun anew meanwhile.
    func settle(_ bytes: Int) {
        entries.withLock { $0.bytes = max(0, $0.bytes - bytes) }
    }

    func membership(at index: LogIndex) -> MembershipRecord? {
        entries.withLock { entries in entries.memberships.last { $0.index <= index } }
    }
}
