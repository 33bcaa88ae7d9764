import Glibc
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The clients behind a socket, on their way out when the node is to stop.
struct Clientele: Sendable {
    /// Has every client get the answers that are under way, and no more.
    let retire: @Sendable () async throws -> Void
    let remains: @Sendable () async throws -> Bool

    /// Returns when all are gone, or have had their time.
    func leave() async throws {
        try await retire()
        let deadline = HostClock.monotonic() + ServerLimits.retirementMilliseconds
        while try await remains(), HostClock.monotonic() < deadline {
            try await Task.sleep(for: .milliseconds(ServerLimits.retirementPollMilliseconds))
        }
    }
}

/// A socket that takes clients' connections.
struct Listener: Service {
    private let channel: any Channel
    private let clientele: Clientele
    let address: String
    let port: Int

    private static let keepIdle = NIOBSDSocket.Option(rawValue: TCP_KEEPIDLE)
    private static let keepInterval = NIOBSDSocket.Option(rawValue: TCP_KEEPINTVL)

    /// Binds the socket; connections wait until `accept`.
    static func bind(
        _ what: String,
        _ host: String,
        _ port: Int,
        _ loops: ClientLoops,
        _ clientele: Clientele,
        initialize: @escaping @Sendable (any Channel) throws -> Void
    ) async throws(StartProblem) -> Listener {
        let bootstrap = ServerBootstrap(group: loops.group)
            .serverChannelOption(.backlog, value: ServerLimits.listenBacklog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.tcpOption(Self.keepIdle), value: ServerLimits.keepAliveSeconds)
            .childChannelOption(.tcpOption(Self.keepInterval), value: ServerLimits.keepAliveSeconds)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: ServerLimits.readsPerTurnMax)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try initialize(channel) }
            }
        do {
            let channel = try await bootstrap.bind(host: host, port: port).get()
            return Listener(
                channel: channel,
                clientele: clientele,
                address: "\(host):\(channel.localAddress?.port ?? port)",
                port: channel.localAddress?.port ?? port
            )
        } catch {
            throw .listen(what: what, address: host, port: port, reason: "\(error)")
        }
    }

    /// Begins to take connections.
    func accept() async throws {
        try await channel.setOption(.autoRead, value: true).get()
        channel.read()
    }

    /// Listens until the server is to stop; then who is connected already gets his answers.
    func run() async throws {
        try await gracefulShutdown()
        try await channel.close()
        try await clientele.leave()
    }
}

/// One value for each event loop, made and used on that loop.
final class LoopTable<Value>: Sendable {
    private let entries = NIOLockedValueBox<[(loop: any EventLoop, value: NIOLoopBound<Value>)]>([])

    func set(_ value: Value, on loop: any EventLoop) {
        let bound = NIOLoopBound(value, eventLoop: loop)
        entries.withLockedValue { $0.append((loop, bound)) }
    }

    var all: [NIOLoopBound<Value>] { entries.withLockedValue { $0.map(\.value) } }

    /// Called on the loop.
    func value(on loop: any EventLoop) -> Value? {
        let bound = entries.withLockedValue { entries in entries.first { $0.loop === loop }?.value }
        return bound?.value
    }
}
