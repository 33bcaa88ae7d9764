import Glibc
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ServiceLifecycle
import TransportSecurity

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

/// A port by which clients come in.
struct Entrance: Sendable {
    /// In logs, and in problems.
    let name: String
    let what: String
    /// Nil: it is off.
    let port: Int?
    /// Nil: without TLS.
    let security: SecurePort?

    init(_ name: String, _ what: String, _ port: Int?, _ security: SecurePort? = nil) {
        self.name = name
        self.what = what
        self.port = port
        self.security = security
    }
}

/// The sockets that take the clients' connections of one protocol.
struct Listener: Service {
    private let sockets: [Socket]
    private let clientele: Clientele

    /// One that is bound.
    struct Socket: Sendable {
        let name: String
        let address: String
        let port: Int
        fileprivate let channel: any Channel
    }

    private static let keepIdle = NIOBSDSocket.Option(rawValue: TCP_KEEPIDLE)
    private static let keepInterval = NIOBSDSocket.Option(rawValue: TCP_KEEPINTVL)

    /// Binds the sockets; connections wait until `accept`.
    static func bind(
        _ entrances: [Entrance],
        _ host: String,
        _ loops: ClientLoops,
        _ clientele: Clientele,
        initialize: @escaping @Sendable (any Channel) throws -> Void
    ) async throws(StartProblem) -> Listener {
        var sockets: [Socket] = []
        for entrance in entrances {
            guard let port = entrance.port else { continue }
            sockets.append(try await bind(entrance, host, port, loops, initialize))
        }
        return Listener(sockets: sockets, clientele: clientele)
    }

    private static func bind(
        _ entrance: Entrance,
        _ host: String,
        _ port: Int,
        _ loops: ClientLoops,
        _ initialize: @escaping @Sendable (any Channel) throws -> Void
    ) async throws(StartProblem) -> Socket {
        let security = entrance.security
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
                channel.eventLoop.makeCompletedFuture {
                    guard let security else { return try initialize(channel) }
                    try security.watch(channel) { channel, _ in try initialize(channel) }
                }
            }
        do {
            let channel = try await bootstrap.bind(host: host, port: port).get()
            let bound = channel.localAddress?.port ?? port
            return Socket(
                name: entrance.name,
                address: "\(host):\(bound)",
                port: bound,
                channel: channel
            )
        } catch {
            throw .listen(what: entrance.what, address: host, port: port, reason: "\(error)")
        }
    }

    /// Where it listens, by the entrances' names.
    var addresses: [String: String] {
        Dictionary(uniqueKeysWithValues: sockets.map { ($0.name, $0.address) })
    }

    /// The port of an entrance; nil: it is off.
    func port(_ name: String) -> Int? { sockets.first { $0.name == name }?.port }

    /// Begins to take connections.
    func accept() async throws {
        for socket in sockets {
            try await socket.channel.setOption(.autoRead, value: true).get()
            socket.channel.read()
        }
    }

    /// Gives the ports back; nobody was let in.
    func close() async throws {
        for socket in sockets { try await socket.channel.close() }
    }

    /// Listens until the server is to stop; then who is connected already gets his answers.
    func run() async throws {
        try await gracefulShutdown()
        try await close()
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

    private var all: [NIOLoopBound<Value>] { entries.withLockedValue { $0.map(\.value) } }

    func onEach(_ body: @escaping @Sendable (Value) -> Void) async throws {
        for bound in all { try await bound.eventLoop.submit { body(bound.value) }.get() }
    }

    func contains(where condition: @escaping @Sendable (Value) -> Bool) async throws -> Bool {
        for bound in all {
            if try await bound.eventLoop.submit({ condition(bound.value) }).get() { return true }
        }
        return false
    }

    /// Of a channel that was accepted after its loop's value was set. Called on the loop.
    func value(of channel: any Channel) -> Value {
        guard let value = value(on: channel.eventLoop) else {
            preconditionFailure("a channel was accepted before its loop was open")
        }
        return value
    }

    /// Called on the loop.
    func value(on loop: any EventLoop) -> Value? {
        let bound = entries.withLockedValue { entries in entries.first { $0.loop === loop }?.value }
        return bound?.value
    }
}
