import LMDB
import Logging
import NIOCore
import Raft
import RaftStore
import Replica
import ServiceLifecycle
import StateMachine
import Watches

/// Storage, the replica's threads, the links to peers and the event loops of one node.
final class Engine: Sendable {
    let loops: ClientLoops
    let node: NodeID
    let nodeName: String
    let nodeUUID: String
    let board: StatusBoard
    private let replica: ReplicaThread
    private let applier: ApplyThread
    private let keeper: KeeperThread
    private let cluster: Cluster
    /// Holds the lock of the data directory.
    private let directory: DataDirectory
    private let tables: StateTables
    private let environment: Environment
    private let inbox: Mailbox<ReplicaInput>
    private let limits = ReplicaLimits()
    private let logger: Logger

    init(_ configuration: ServerConfiguration, logger: Logger) throws(StartProblem) {
        let storage = try Storage.open(configuration, logger: logger)
        try storage.check(configuration)
        directory = storage.directory
        tables = storage.tables
        environment = storage.state.environment
        self.logger = logger
        let failure = Failure(logger: logger)
        node = storage.log.identity.node
        nodeName = storage.log.identity.name
        nodeUUID = storage.nodeUUID
        loops = ClientLoops(count: configuration.eventLoopCount) { failure.end($0) }

        let replicaBell = Bell()
        let applyBell = Bell()
        let inbox = Mailbox<ReplicaInput> { replicaBell.ring() }
        let orders = Mailbox<ApplyOrder> { applyBell.ring() }
        let ledger = LogLedger(
            bytes: storage.log.growth.sizes.usedBytes,
            memberships: storage.log.memberships
        )
        let place = StatePlace(storage)
        self.inbox = inbox
        let inboxes = loops.doors.map(\.inbox)
        cluster = Cluster(storage, configuration, inbox, logger: logger)
        board = StatusBoard(Self.status(storage, cluster.members))
        replica = ReplicaThread(
            consensus: try Self.consensus(storage, limits),
            seams: ReplicaThread.Seams(
                inbox: inbox,
                bell: replicaBell,
                applier: orders,
                loops: inboxes,
                board: board,
                peers: cluster.links,
                members: cluster.members,
                ledger: ledger,
                logger: logger,
                failure: failure
            )
        )
        applier = ApplyThread(
            applier: try Self.applier(storage, inboxes, limits),
            state: storage.state,
            seams: ApplyThread.Seams(
                orders: orders,
                bell: applyBell,
                replica: inbox,
                place: place,
                logger: logger,
                failure: failure
            )
        )
        keeper = KeeperThread(
            seams: KeeperThread.Seams(
                growth: storage.log.growth,
                ledger: ledger,
                snapshots: storage.snapshots,
                place: place,
                replica: inbox,
                logger: logger,
                failure: failure,
                logBytesMin: configuration.snapshotLogBytesMin
            )
        )
    }

    private static func status(_ storage: Storage, _ members: MemberBook) -> ReplicaStatus {
        let identity = storage.log.identity
        var status = ReplicaStatus(node: identity.node, name: identity.name)
        let voters = storage.log.memberships.last?.membership.incoming ?? []
        status.ownAddress = members.address(of: identity.node)
        status.peerAddresses = voters.map { members.address(of: $0) }
        status.applied = storage.machine.summary.appliedIndex
        return status
    }

    private static func consensus(
        _ storage: Storage,
        _ limits: ReplicaLimits
    ) throws(StartProblem) -> Consensus {
        let applied = LogIndex(storage.machine.summary.appliedIndex)
        do throws(ReplicaError) {
            return try Consensus(
                id: storage.log.identity.node,
                restored: storage.log.restoredState(applied: applied),
                log: storage.log,
                limits: limits,
                raftLimits: RaftLimits(),
                random: SystemRandomNumberGenerator()
            )
        } catch { throw .state(FailureText.replica(error)) }
    }

    private static func applier(
        _ storage: Storage,
        _ loops: [LoopInbox],
        _ limits: ReplicaLimits
    ) throws(StartProblem) -> Applier {
        do throws(ReplicaError) {
            return try Applier(
                machine: storage.machine,
                tables: storage.tables,
                environment: storage.state.environment,
                loops: loops,
                limits: limits
            )
        } catch { throw .state(FailureText.replica(error)) }
    }

    /// Joins the cluster's talk and starts the threads. A cluster of one serves when this returns;
    /// in a larger one clients wait for the leader, each for its own time.
    func start() async throws {
        try await cluster.open()
        try await loops.open(
            environment: environment,
            tables: tables,
            outbox: inbox,
            board: board,
            limits: limits
        )
        try keeper.start()
        try applier.start()
        try replica.start()
        cluster.connect()
        if board.current.peerAddresses.count <= 1 { try await waitUntilReady() }
    }

    private func waitUntilReady() async throws {
        let deadline = HostClock.monotonic() + ServerLimits.startSeconds * 1_000
        let ready = Readiness(loops: loops)
        while try await !ready.isReached() {
            guard HostClock.monotonic() < deadline else {
                throw StartProblem.notReady(seconds: ServerLimits.startSeconds)
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Stops in the order in which requests flow; what was acknowledged is on the disk already.
    func stop() async throws {
        try await loops.refuse()
        replica.stop()
        try applier.stop()
        keeper.stop()
        try await cluster.stop()
        try await loops.close()
    }
}

/// The engine under service lifecycle: it stops last, when no socket takes connections any more.
struct EngineService: Service {
    let engine: Engine

    func run() async throws {
        try await gracefulShutdown()
        try await engine.stop()
    }
}

/// Asks for a linearizable read until one is granted.
private final class Readiness: Sendable {
    private let loops: ClientLoops

    init(loops: ClientLoops) {
        self.loops = loops
    }

    func isReached() async throws -> Bool {
        let door = loops.doors[0]
        return try await door.loop.flatSubmit {
            let probe = BarrierProbe(port: self.loops.port(on: door.loop), loop: door.loop)
            return probe.ask()
        }.get()
    }
}

private final class BarrierProbe: LoopClient {
    private let port: LoopPort
    private let promise: EventLoopPromise<Bool>
    private var slot: ClientSlot?

    init(port: LoopPort, loop: any EventLoop) {
        self.port = port
        promise = loop.makePromise(of: Bool.self)
    }

    func ask() -> EventLoopFuture<Bool> {
        let slot = port.attach(self)
        self.slot = slot
        port.barrier(from: slot, tag: 0)
        return promise.futureResult
    }

    func completed(tag: UInt32, _ completion: Completion) {
        if let slot { port.wantsFlush(slot) }
        if case .barrier = completion { promise.succeed(true) } else { promise.succeed(false) }
    }

    func flush() {
        if let slot { port.detach(slot) }
        slot = nil
    }

    func watchFired(_ event: ZnodeWatchEvent) {}
    func sessionEnded(_ reason: SessionEnd) {}
}
