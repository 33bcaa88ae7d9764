import DNSServer
import Logging
import NIOCore
import NIOPosix
import Replica
import ServiceLifecycle

/// Consul's DNS interface: one port, by datagrams and by connections.
struct NameFront: Service {
    private let streams: Listener
    private let datagrams: DatagramSocket

    static let entrance = "dns"

    /// Where it listens, by the entrance's name.
    var addresses: [String: String] { streams.addresses }

    /// Binds both sockets; queries wait until `accept`. Nil: the port is off.
    static func bind(
        _ configuration: ServerConfiguration,
        _ clients: ClientLoops,
        _ names: NameLoops,
        _ logger: Logger
    ) async throws -> NameFront? {
        guard let port = configuration.names.port else { return nil }
        let limits = configuration.names.settings.limits
        // A free port for the one kind of socket may be taken for the other.
        var attemptsLeft = port == 0 ? ServerLimits.freePortAttemptsMax : 1
        while true {
            let gate = AddressGate(limits.connectionsPerAddressMax, "DNS", logger)
            let streams = try await Listener.bind(
                [Entrance(entrance, "the DNS port", port)],
                configuration.bind,
                clients,
                Clientele(retire: names.retire, remains: names.haveConnections)
            ) { channel in
                try gate.admit(channel)
                let loop = names.loop(of: channel)
                try channel.pipeline.syncOperations.addHandler(StreamConnection(loop: loop))
            }
            let bound = streams.port(entrance) ?? port
            let datagrams = DatagramSocket(
                configuration.bind,
                bound,
                on: clients.doors[0].loop,
                names,
                limits,
                logger
            )
            do {
                try await datagrams.open()
                return NameFront(streams: streams, datagrams: datagrams)
            } catch {
                try await streams.close()
                attemptsLeft -= 1
                guard attemptsLeft == 0 else { continue }
                throw StartProblem.listen(
                    what: "the DNS port (UDP)",
                    address: configuration.bind,
                    port: bound,
                    reason: "\(error)"
                )
            }
        }
    }

    func accept() async throws {
        try await streams.accept()
        try await datagrams.accept()
    }

    func run() async throws {
        try await streams.run()
        try await datagrams.close()
    }
}

/// The DNS interface's side of every event loop; made on the loop and used there.
final class NameLoops: Sendable {
    private let bound = LoopTable<DNSLoop>()

    func open(
        _ port: LoopPort,
        on eventLoop: any EventLoop,
        _ settings: DNSSettings,
        _ logger: Logger
    ) {
        let loop = DNSLoop(
            port: port,
            eventLoop: eventLoop,
            settings: settings,
            logger: logger,
            random: { UInt64.random(in: .min ... .max) }
        )
        bound.set(loop, on: eventLoop)
    }

    /// Adds what a loop has counted; called on it.
    func fill(_ figures: inout LoopFigures, on eventLoop: any EventLoop, beginsInterval: Bool) {
        guard let loop = bound.value(on: eventLoop) else { return }
        figures.names = loop.collectCounts(beginsInterval: beginsInterval)
    }

    func loop(of channel: any Channel) -> DNSLoop { bound.value(of: channel) }

    func retire() async throws { try await bound.onEach { $0.retire() } }

    func haveConnections() async throws -> Bool {
        try await bound.contains { $0.connectionCount > 0 }
    }
}
