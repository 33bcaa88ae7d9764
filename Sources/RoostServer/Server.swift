import Commands
import ConsulServer
import LMDB
package import Logging
import Measures
import NIOCore
import NIOPosix
import PeerTransport
import Raft
import RaftStore
import Replica
import ServiceLifecycle
import StateMachine
package import Tracing
import ZooKeeperProtocol
import ZooKeeperServer

/// The assembly of a node, the only place that builds everything: storage, the threads of the
/// replica, the event loops with their ports, and the front ends on their sockets.
///
/// It decides nothing by itself. What it must never do: hold state that another module owns, or
/// answer a client.
///
/// Map: `ServerConfiguration` and `Setting` are what an operator says, `SettingLedger` who said it,
/// `Storage` opens the data directory, `ReplicaThread`, `ApplyThread` and `KeeperThread` are the
/// threads, `ClientLoops` the event loops, `Engine` all of these together, `Listener` a socket,
/// `Server` the order of it.
package struct Server: Sendable {
    private let configuration: ServerConfiguration
    private let registry: MetricsRegistry
    private let volume: LogVolume
    private let tracer: (any Tracer)?
    private let logger: Logger

    /// - Parameters:
    ///   - registry: where libraries tell their metrics, if it is swift-metrics' backend.
    ///   - volume: what the loggers follow.
    ///   - tracer: who makes the spans of traced requests; nil: none are traced.
    package init(
        configuration: ServerConfiguration,
        registry: MetricsRegistry = MetricsRegistry(),
        volume: LogVolume,
        tracer: (any Tracer)? = nil,
        logger: Logger
    ) {
        self.configuration = configuration
        self.registry = registry
        self.volume = volume
        self.tracer = tracer
        self.logger = logger
    }

    /// Serves until SIGINT or SIGTERM, then stops in order.
    /// - Throws: `StartProblem`.
    package func run() async throws {
        let signals = try StopSignals(logger: logger)
        let security = try await Security.open(
            configuration,
            hangups: signals.hangups,
            registry: registry,
            logger: logger
        )
        // Also while the node waits for others, who may refuse it for its certificate.
        async let _: Void = security.watch.run()
        let engine = try await Engine.open(
            configuration,
            security.peers,
            registry: registry,
            logger: logger
        )
        try await engine.start()
        let desk = NodeDesk(engine, volume, logger)
        let requests = engine.reports(configuration, tracer)
        let fronts = try await FrontEnds.open(
            engine,
            configuration,
            security,
            FrontEnds.Ears(desk: desk, requests: requests.watch),
            logger: logger
        )
        signals.begin()
        var facts: Logger.Metadata = [
            "node": "\(engine.nodeName)", "data": "\(configuration.dataDirectory)",
        ]
        for (name, address) in fronts.addresses { facts[name] = "\(address)" }
        logger.notice("serving", metadata: facts)
        // They stop in the opposite order.
        var services: [any Service] = [
            EngineService(engine: engine), fronts.collector, fronts.consul, fronts.zooKeeper,
        ]
        if let names = fronts.names { services.append(names) }
        services.append(HandOver(staff: engine.staff, desk: desk))
        if let plan = configuration.backup {
            services.append(BackupSchedule(plan, engine, logger: logger))
        }
        let stop = ServiceGroupConfiguration.ServiceConfiguration(
            service: signals,
            successTerminationBehavior: .gracefullyShutdownGroup
        )
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0) } + [stop],
                logger: logger
            )
        )
        try await group.run()
        // Connections refer to their loops without holding them.
        withExtendedLifetime(fronts) {}
        logger.notice("stopped")
    }
}

/// The front ends of all event loops, and their sockets.
struct FrontEnds {
    let zooKeeper: Listener
    let consul: Listener
    /// Nil: its port is off.
    let names: NameFront?
    let collector: MetricsCollector
    private let consulLoops: ConsulLoops

    /// Who hears what concerns this node alone.
    struct Ears {
        let desk: NodeDesk
        let requests: RequestWatch
    }

    /// Where they listen, by the names of their entrances.
    var addresses: [String: String] {
        [consul.addresses, names?.addresses ?? [:]].reduce(zooKeeper.addresses) { all, more in
            all.merging(more) { first, _ in first }
        }
    }

    static func open(
        _ engine: Engine,
        _ configuration: ServerConfiguration,
        _ security: Security,
        _ ears: Ears,
        logger: Logger
    ) async throws -> FrontEnds {
        let zooKeeper = ZooKeeperFrontEnd(
            settings: zooKeeperSettings(engine, configuration, ears.requests),
            clock: HostClock.loopClock,
            randomWord: { UInt64.random(in: .min ... .max) },
            logger: logger
        )
        let zooKeeperListener = try await Listener.bind(
            zooKeeperEntrances(configuration, security),
            configuration.bind,
            engine.loops,
            Clientele(retire: zooKeeper.retire, remains: zooKeeper.hasConnections)
        ) { channel in try zooKeeper.initialize(channel) }
        let consulLoops = ConsulLoops()
        let consulListener = try await bind(
            consulLoops,
            engine,
            configuration,
            security,
            logger
        )
        let nameLoops = NameLoops()
        let names = try await NameFront.bind(configuration, engine.loops, nameLoops, logger)
        let collector = MetricsCollector(
            engine,
            zooKeeper,
            consulLoops,
            nameLoops,
            logger: logger
        )
        let settings = consulSettings(
            engine,
            configuration,
            collector,
            ears,
            port: consulListener.port("http") ?? -1,
            logger
        )
        for door in engine.loops.doors {
            try await door.loop.submit {
                let port = engine.loops.port(on: door.loop)
                zooKeeper.open(port, on: door.loop)
                consulLoops.open(port, on: door.loop, settings, logger)
                nameLoops.open(port, on: door.loop, configuration.names.settings, logger)
            }.get()
        }
        try await consulLoops.announce(on: engine.loops.doors[0].loop)
        try await zooKeeperListener.accept()
        try await consulListener.accept()
        try await names?.accept()
        return FrontEnds(
            zooKeeper: zooKeeperListener,
            consul: consulListener,
            names: names,
            collector: collector,
            consulLoops: consulLoops
        )
    }

    private static func bind(
        _ consul: ConsulLoops,
        _ engine: Engine,
        _ configuration: ServerConfiguration,
        _ security: Security,
        _ logger: Logger
    ) async throws -> Listener {
        let gate = AddressGate(configuration.access.httpConnectionsPerAddressMax, "HTTP", logger)
        return try await Listener.bind(
            consulEntrances(configuration, security),
            configuration.bind,
            engine.loops,
            Clientele(retire: consul.retire, remains: consul.haveConnections)
        ) { channel in
            try gate.admit(channel)
            try ConsulFrontEnd.configure(channel, loop: consul.loop(of: channel))
        }
    }

    private static func zooKeeperEntrances(
        _ configuration: ServerConfiguration,
        _ security: Security
    ) -> [Entrance] {
        [
            Entrance("zookeeper", "the ZooKeeper port", configuration.zooKeeperPort),
            Entrance(
                "zookeeper-secure",
                "the secure ZooKeeper port",
                configuration.security.zooKeeperSecurePort,
                security.zooKeeper
            ),
        ]
    }

    private static func consulEntrances(
        _ configuration: ServerConfiguration,
        _ security: Security
    ) -> [Entrance] {
        let secure = configuration.security.httpsPort
        return [
            Entrance("http", "the HTTP port", configuration.httpPort),
            Entrance("https", "the HTTPS port", secure, security.https),
        ]
    }

    private static func zooKeeperSettings(
        _ engine: Engine,
        _ configuration: ServerConfiguration,
        _ requests: RequestWatch
    ) -> ZooKeeperSettings {
        var settings = ZooKeeperSettings()
        settings.requests = requests
        settings.serverID = UInt8(truncatingIfNeeded: engine.node.rawValue)
        settings.tickMilliseconds = configuration.tickMilliseconds
        settings.minSessionTimeoutMilliseconds =
            Int32(clamping: configuration.minSessionTimeoutMilliseconds)
        settings.maxSessionTimeoutMilliseconds =
            Int32(clamping: configuration.maxSessionTimeoutMilliseconds)
        settings.fourLetterWords = ZooKeeperSettings.whitelist(
            configuration.fourLetterWords.joined(separator: ",")
        )
        configuration.access.apply(to: &settings)
        let directory = configuration.dataDirectory
        settings.process = ProcessProbe.facts(dataDirectory: directory)
        settings.usage = { ProcessProbe.usage(dataDirectory: directory) }
        settings.node = { [measures = engine.measures] in NodeReport(measures) }
        return settings
    }

    private static func consulSettings(
        _ engine: Engine,
        _ configuration: ServerConfiguration,
        _ collector: MetricsCollector,
        _ ears: Ears,
        port: Int,
        _ logger: Logger
    ) -> ConsulSettings {
        let own = HostPort(engine.board.current.ownAddress)
        var settings = ConsulSettings(
            nodeName: engine.nodeName,
            nodeID: engine.nodeUUID,
            address: own?.host ?? configuration.advertise,
            peerPort: own?.port ?? configuration.peerPort,
            httpPort: port
        )
        settings.datacenter = configuration.datacenter
        settings.tokens = configuration.access.tokens(in: configuration.dataDirectory, logger)
        settings.collect = { format, answer in Task { answer(await collector.text(format)) } }
        settings.requests = ears.requests
        settings.inquire = { [desk = ears.desk] in desk.answer($0) }
        settings.export = { [exporter = engine.exporter] isStale, answer in
            Task { answer(await exporter.answer(isStale: isStale)) }
        }
        settings.operate = { [staff = engine.staff] request, answer in
            Task { answer(await staff.perform(request)) }
        }
        return settings
    }
}

/// Consul's side of every event loop; made on the loop and used there.
final class ConsulLoops: Sendable {
    private let bound = LoopTable<ConsulLoop>()
    private let agent = LoopTable<ConsulAgent>()

    func open(
        _ port: LoopPort,
        on eventLoop: any EventLoop,
        _ settings: ConsulSettings,
        _ logger: Logger
    ) {
        let loop = ConsulLoop(
            port: port,
            eventLoop: eventLoop,
            settings: settings,
            logger: logger,
            random: { UInt64.random(in: .min ... .max) }
        )
        loop.start()
        bound.set(loop, on: eventLoop)
    }

    /// Adds what a loop has counted; called on it.
    func fill(_ figures: inout LoopFigures, on eventLoop: any EventLoop, beginsInterval: Bool) {
        guard let loop = bound.value(on: eventLoop) else { return }
        figures.consul = loop.collectCounts(beginsInterval: beginsInterval)
        figures.consulConnections = loop.connectionCount
        figures.blockedQueries = loop.blockedCount
        figures.questions = loop.questionCount
    }

    func loop(of channel: any Channel) -> ConsulLoop { bound.value(of: channel) }

    func retire() async throws { try await bound.onEach { $0.retire() } }

    func haveConnections() async throws -> Bool {
        try await bound.contains { $0.hasConnections }
    }

    /// Has one loop register this node in the catalog.
    func announce(on eventLoop: any EventLoop) async throws {
        try await eventLoop.submit {
            guard let loop = self.bound.value(on: eventLoop) else { return }
            let agent = ConsulAgent(loop: loop)
            self.agent.set(agent, on: eventLoop)
            agent.announce()
        }.get()
    }
}
