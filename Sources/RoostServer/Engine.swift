import Disk
import LMDB
import Logging
import NIOCore
import PeerTransport
import Raft
import RaftStore
import Replica
import ServiceLifecycle
import StateMachine
import Tracing
import Watches

/// Storage, the replica's threads, the links to peers and the event loops of one node.
final class Engine: Sendable {
    let loops: ClientLoops
    let node: NodeID
    let nodeName: String
    let nodeUUID: String
    let board: StatusBoard
    let measures: NodeMeasures
    private let ledger: LogLedger
    private let replica: ReplicaThread
    private let applier: ApplyThread
    private let keeper: KeeperThread
    private let desk: ReplicaDesk
    private let isJoining: Bool
    private let relocation: Relocation?
    let staff: Operator
    let exporter: Exporter
    private let cluster: Cluster
    /// Holds the lock of the data directory.
    private let directory: DataDirectory
    private let tables: StateTables
    private let place: StatePlace
    private let inbox: Mailbox<ReplicaInput>
    private let limits = ReplicaLimits()
    private let logger: Logger

    /// Opens the data directory, after joining the cluster if it is new and was told to.
    static func open(
        _ configuration: ServerConfiguration,
        _ security: PeerSecurity,
        registry: MetricsRegistry,
        logger: Logger
    ) async throws -> Engine {
        let directory: DataDirectory
        do throws(StoreError) {
            directory = try DataDirectory(configuration.dataDirectory)
            try NewNode.checkIsNew(directory)
        } catch { throw StartProblem.storage(error) }
        Security.checkPrivacy(of: directory.path, logger: logger)
        try await Joining(configuration, security, logger: logger).begin(directory)
        return try Engine(
            Storage.open(directory, configuration, logger: logger),
            configuration,
            security,
            registry,
            logger
        )
    }

    private init(
        _ storage: Storage,
        _ configuration: ServerConfiguration,
        _ security: PeerSecurity,
        _ registry: MetricsRegistry,
        _ logger: Logger
    ) throws(StartProblem) {
        try storage.check(configuration)
        directory = storage.directory
        tables = storage.tables
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
        ledger = LogLedger(storage.log)
        measures = NodeMeasures(storage.log, registry)
        place = StatePlace(storage)
        self.inbox = inbox
        let inboxes = loops.doors.map(\.inbox)
        cluster = Cluster(storage, configuration, inbox, security, logger: logger)
        cluster.update(try Self.members(storage))
        board = StatusBoard(try Self.status(storage, cluster.members))
        isJoining = configuration.join != nil
        relocation = Relocation(cluster, try Self.members(storage), configuration, logger: logger)
        desk = ReplicaDesk(loops, inbox)
        staff = Operator(desk, cluster, board, storage.log.identity.clusterID, logger)
        exporter = Self.exporter(storage, place, ledger, desk, board, logger)
        applier = ApplyThread(
            applier: try Self.applier(storage, inboxes, limits),
            state: storage.state,
            seams: ApplyThread.Seams(
                orders: orders,
                bell: applyBell,
                replica: inbox,
                place: place,
                measures: measures,
                logger: logger,
                failure: failure
            )
        )
        keeper = KeeperThread(
            seams: Self.keeping(storage, configuration, place, ledger, measures, board, failure),
            replica: inbox
        )
        replica = ReplicaThread(
            consensus: try Self.consensus(storage, limits, board.current.divergence),
            seams: ReplicaThread.Seams(
                inbox: inbox,
                bell: replicaBell,
                applier: applier,
                loops: inboxes,
                board: board,
                cluster: cluster,
                ledger: ledger,
                measures: measures,
                keeper: keeper,
                divergenceMarker: DivergenceMarker(directory: directory.statePath),
                logger: logger,
                failure: failure
            )
        )
    }

    private static func exporter(
        _ storage: Storage,
        _ place: StatePlace,
        _ ledger: LogLedger,
        _ desk: ReplicaDesk,
        _ board: StatusBoard,
        _ logger: Logger
    ) -> Exporter {
        Exporter(
            Exporter.Seams(
                place: place,
                ledger: ledger,
                snapshots: storage.snapshots,
                desk: desk,
                board: board,
                identity: storage.log.identity,
                logger: logger
            )
        )
    }

    private static func keeping(
        _ storage: Storage,
        _ configuration: ServerConfiguration,
        _ place: StatePlace,
        _ ledger: LogLedger,
        _ measures: NodeMeasures,
        _ board: StatusBoard,
        _ failure: Failure
    ) -> KeeperThread.Seams {
        KeeperThread.Seams(
            growth: storage.log.growth,
            ledger: ledger,
            snapshots: storage.snapshots,
            place: place,
            measures: measures,
            board: board,
            logger: failure.logger,
            failure: failure,
            logBytesMin: configuration.snapshotLogBytesMin
        )
    }

    var members: MemberBook { cluster.members }

    /// Who is told of slow and traced requests.
    func reports(
        _ configuration: ServerConfiguration,
        _ tracer: (any Tracer)?
    ) -> RequestReports {
        RequestReports(
            stages: measures.stages,
            slowMilliseconds: configuration.slowOperationMilliseconds,
            tracer: tracer,
            traceOneIn: configuration.traceOneIn,
            slow: SlowLog(logger) { [rare = measures.rare] in rare.slowOperation() }
        )
    }

    /// What the node's files take, as far as it can be told.
    var storageFigures: StorageFigures {
        StorageFigures(
            log: measures.growth.sizes,
            bytesSinceSnapshot: ledger.bytes,
            lastSnapshot: ledger.snapshots.last,
            stateBytes: (try? place.environment.information()).map { ($0.lastPage + 1) * 4_096 },
            space: try? FileSystem.space(at: directory.path)
        )
    }

    private static func members(_ storage: Storage) throws(StartProblem) -> [MemberRecord] {
        do throws(StateError) {
            let reading: ReadTransaction
            do { reading = try ReadTransaction(storage.state.environment) } catch {
                throw .storage(error)
            }
            return try StateView(reading.reader, tables: storage.tables).members
        } catch { throw .state(error.description) }
    }

    private static func status(
        _ storage: Storage,
        _ members: MemberBook
    ) throws(StartProblem) -> ReplicaStatus {
        let identity = storage.log.identity
        var status = ReplicaStatus(node: identity.node, name: identity.name)
        status.ownAddress = members.address(of: identity.node)
        status.servers = members.servers(storage.log.memberships.last?.membership)
        status.applied = storage.machine.summary.appliedIndex
        status.divergence = try storage.divergence
        return status
    }

    private static func consensus(
        _ storage: Storage,
        _ limits: ReplicaLimits,
        _ divergence: Divergence?
    ) throws(StartProblem) -> Consensus {
        let applied = LogIndex(storage.machine.summary.appliedIndex)
        do throws(ReplicaError) {
            return try Consensus(
                id: storage.log.identity.node,
                restored: storage.log.restoredState(applied: applied),
                log: storage.log,
                limits: limits,
                raftLimits: RaftLimits(),
                random: SystemRandomNumberGenerator(),
                divergence: divergence
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
        if let divergence = board.current.divergence {
            logger.error(
                "\(divergence.text)",
                metadata: ["refill": "roost raft refill \(nodeName)"]
            )
        }
        try await cluster.open()
        try await loops.open(
            environment: place.environment,
            tables: tables,
            outbox: inbox,
            board: board,
            limits: limits
        )
        try keeper.start()
        try applier.start()
        try replica.start()
        cluster.take(requestsBy: staff)
        cluster.connect()
        if board.current.isAlone { try await waitUntilReady() }
    }

    /// Until a node that joined may vote; at once for all others.
    func seekVote() async {
        guard isJoining else { return }
        do { try await Candidacy(desk, board, staff, logger: logger).pursue() } catch {
            logger.info("no longer asking for a vote", metadata: ["reason": "\(error)"])
        }
    }

    /// Until the cluster knows where this node is.
    func tellAddress() async {
        guard let relocation else { return }
        do { try await relocation.announce() } catch {
            logger.info("the new address was not told", metadata: ["reason": "\(error)"])
        }
    }

    /// As long as the node serves.
    func callRoll() async {
        let rollCall = RollCall(desk, board, cluster.members, logger: logger)
        do { try await rollCall.call() } catch {
            logger.debug("no more roll calls", metadata: ["reason": "\(error)"])
        }
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
        // At once, so that the others notice: the state may take a while to be synced.
        try await cluster.stop()
        try applier.stop()
        keeper.stop()
        try await loops.close()
    }
}

/// The engine under service lifecycle: it stops last, when no socket takes connections any more.
struct EngineService: Service {
    let engine: Engine

    func run() async throws {
        let errands = [
            Task { await engine.tellAddress() }, Task { await engine.seekVote() },
            Task { await engine.callRoll() },
        ]
        try await gracefulShutdown()
        // Not awaited: they may wait for a leader that does not answer.
        for errand in errands { errand.cancel() }
        try await engine.stop()
    }
}

/// What happens first when a leader is told to stop, while it serves its clients as before.
struct HandOver: Service {
    let staff: Operator
    let desk: NodeDesk

    func run() async throws {
        try await gracefulShutdown()
        desk.leave()
        await staff.handOver()
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
            let errand = Errand(port: self.loops.port(on: door.loop), loop: door.loop)
            return errand.barrier().map { if case .barrier = $0 { true } else { false } }
        }.get()
    }
}
