import Logging
import NIOCore
import NIOPosix
package import PeerProtocol
import Raft
package import Replica

/// Why a peer was not reached.
package enum DialProblem: Error, CustomStringConvertible, Sendable {
    case refused(PeerRefusal)
    case silent
    /// The connection could not be made secure.
    case insecure(String)
    case frame(PeerError)
    case unexpected

    package var description: String {
        switch self {
        case .refused(let refusal): refusal.text
        case .silent: "it does not answer"
        case .insecure(let reason): "TLS: \(reason)"
        case .frame(let error): "it speaks another language: \(error)"
        case .unexpected: "it answers something else than was asked"
        }
    }
}

/// Reaches a peer and greets it.
enum Dialler {
    /// Connects, says hello, and waits for the welcome; then the channel belongs to the handler
    /// that `next` makes.
    static func connect(
        to address: PeerAddress,
        _ hello: PeerHello,
        on loop: any EventLoop,
        _ shared: PeerLinks.Shared,
        next: @escaping @Sendable (any Channel) -> any ChannelInboundHandler
    ) -> EventLoopFuture<Welcomed> {
        let greeting = ask(
            .hello(hello),
            of: address,
            on: loop,
            within: shared.limits.greetingMilliseconds,
            shared.security,
            shared.limits
        )
        return greeting.flatMapThrowing { reply in
            guard case .welcome(let welcome) = reply.frame else {
                reply.channel.close(promise: nil)
                throw problem(reply.frame)
            }
            try reply.channel.pipeline.syncOperations.addHandler(next(reply.channel))
            return Welcomed(channel: reply.channel, welcome: welcome)
        }
    }

    /// A channel whose other side has taken the hello.
    struct Welcomed {
        let channel: any Channel
        let welcome: PeerWelcome
    }

    struct Reply {
        let frame: PeerFrame
        let channel: any Channel
    }

    /// Connects, sends one frame, and waits for the first one that comes back.
    static func ask(
        _ frame: PeerFrame,
        of address: PeerAddress,
        on loop: any EventLoop,
        within milliseconds: Int64,
        _ security: PeerSecurity,
        _ limits: PeerLimits
    ) -> EventLoopFuture<Reply> {
        let answer = loop.makePromise(of: PeerFrame.self)
        let secured = loop.makePromise(of: Void.self)
        // Nobody is known by name before he has a number.
        let name = address.node.rawValue == 0 ? nil : address.name
        let connecting = ClientBootstrap(group: loop)
            .connectTimeout(.milliseconds(limits.connectMilliseconds))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(PeerSocket.keepIdle, value: PeerSocket.keepSeconds)
            .channelOption(PeerSocket.keepInterval, value: PeerSocket.keepSeconds)
            .channelOption(
                PeerSocket.userTimeout,
                value: SocketOptionValue(limits.unacknowledgedMilliseconds)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try security.dial(channel, expecting: name, secured)
                    try channel.pipeline.syncOperations.addHandler(
                        FirstReply(answer, limits)
                    )
                }
            }
            .connect(host: address.host, port: address.port)
        connecting.cascadeFailure(to: answer)
        connecting.cascadeFailure(to: secured)
        return connecting.flatMap { channel in
            let timeout = loop.scheduleTask(in: .milliseconds(milliseconds)) {
                secured.fail(DialProblem.silent)
                answer.fail(DialProblem.silent)
                channel.close(promise: nil)
            }
            return secured.futureResult.flatMap {
                channel.send(frame)
                return answer.futureResult
            }.map { frame in
                timeout.cancel()
                return Reply(frame: frame, channel: channel)
            }
        }
    }

    static func problem(_ frame: PeerFrame) -> DialProblem {
        if case .refusal(let refusal) = frame { return .refused(refusal) }
        return .unexpected
    }
}

/// Waits for one frame, hands it over, and leaves the pipeline.
private final class FirstReply: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let answer: EventLoopPromise<PeerFrame>
    private var intake: FrameIntake

    init(_ answer: EventLoopPromise<PeerFrame>, _ limits: PeerLimits) {
        self.answer = answer
        intake = FrameIntake(bodyBytesMax: limits.frameBytesMax)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        intake.add(&buffer)
        do throws(PeerError) {
            guard let frame = try intake.next() else { return }
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
            answer.succeed(frame)
        } catch {
            answer.fail(DialProblem.frame(error))
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer.fail(DialProblem.silent)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(DialProblem.failure(error))
        context.close(promise: nil)
    }
}

extension PeerLinks {
    /// Whether a node could listen there; for who must know before it tells others.
    /// - Throws: the error of the socket.
    package static func probe(host: String, port: Int) async throws {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: host, port: port).get()
        try await channel.close()
    }

    /// Has the leader carry out an operator's request.
    /// - Throws: `DialProblem`, or the error of the connection.
    package static func operate(
        _ address: PeerAddress,
        _ request: OperatorRequest,
        _ security: PeerSecurity,
        _ limits: PeerLimits = PeerLimits()
    ) async throws -> OperatorAnswer {
        let within = limits.requestMilliseconds
        let reply = try await exchange(
            .operate(request),
            address,
            within: within,
            security,
            limits
        )
        guard case .operated(let answer) = reply else { throw Dialler.problem(reply) }
        return answer
    }

    /// Asks a member to take this node into the cluster.
    /// - Throws: `DialProblem`, or the error of the connection.
    package static func join(
        _ address: PeerAddress,
        _ request: JoinRequest,
        _ security: PeerSecurity,
        _ limits: PeerLimits = PeerLimits()
    ) async throws -> JoinGrant {
        let within = limits.requestMilliseconds
        let reply = try await exchange(
            .join(request),
            address,
            within: within,
            security,
            limits
        )
        guard case .joined(let grant) = reply else { throw Dialler.problem(reply) }
        return grant
    }

    /// Greets a node once, as a first voter does that asks whether the others are new.
    /// - Throws: `DialProblem`, or the error of the connection.
    package static func greet(
        _ address: PeerAddress,
        _ gate: PeerGate,
        _ security: PeerSecurity,
        for purpose: PeerHello.Purpose = .founding,
        _ limits: PeerLimits = PeerLimits()
    ) async throws -> PeerWelcome {
        let hello = gate.hello(to: address.node, for: purpose)
        let within = limits.greetingMilliseconds
        let reply = try await exchange(
            .hello(hello),
            address,
            within: within,
            security,
            limits
        )
        guard case .welcome(let welcome) = reply else { throw Dialler.problem(reply) }
        return welcome
    }

    /// One question and its answer, on a connection of their own.
    private static func exchange(
        _ frame: PeerFrame,
        _ address: PeerAddress,
        within milliseconds: Int64,
        _ security: PeerSecurity,
        _ limits: PeerLimits
    ) async throws -> PeerFrame {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let reply = try await Dialler.ask(
            frame,
            of: address,
            on: loop,
            within: milliseconds,
            security,
            limits
        ).get()
        reply.channel.close(promise: nil)
        return reply.frame
    }
}
