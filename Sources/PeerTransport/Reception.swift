import Logging
import NIOConcurrencyHelpers
import NIOCore
import PeerProtocol
import Raft
import Replica
import TransportSecurity

/// A connection that a peer dialled: its hello first, then what it has to say.
final class Reception: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let shared: PeerLinks.Shared
    /// What the peer presented; nil without TLS.
    private let certificate: CertificateFacts?
    private(set) var intake: FrameIntake
    private var peer: PeerHello?
    private var receiver: SnapshotReceiver?
    private var timeout: Scheduled<Void>?
    private var isClosed = false

    init(shared: PeerLinks.Shared, certificate: CertificateFacts?) {
        self.shared = shared
        self.certificate = certificate
        intake = FrameIntake(bodyBytesMax: shared.limits.greetingBytesMax)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        let limit = TimeAmount.milliseconds(shared.limits.greetingMilliseconds)
        timeout = context.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Who has asked, or was refused, has nothing more to say.
        guard !isClosed else { return }
        var buffer = unwrapInboundIn(data)
        intake.add(&buffer)
        do throws(PeerError) {
            while !isClosed, let frame = try intake.next() { take(frame, context) }
        } catch {
            let isTLS = peer == nil && intake.beginsLikeTLS
            shared.logger.warning(
                "a peer's bytes are no frame; its connection is closed",
                metadata: [
                    "peer": "\(peer?.name ?? "unknown")",
                    "error": isTLS ? "it speaks TLS, and this node does not" : "\(error)",
                ]
            )
            close(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosed = true
        timeout?.cancel()
        receiver?.abandon()
        if let peer, peer.purpose == .messages { shared.deliver(.lost(peer.from)) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(context)
    }

    private func close(_ context: ChannelHandlerContext) {
        isClosed = true
        context.close(promise: nil)
    }

    private func take(_ frame: PeerFrame, _ context: ChannelHandlerContext) {
        guard let peer else { return greet(frame, context) }
        guard peer.purpose != .founding, !shared.gate.hasDismissed(peer.from) else {
            return close(context)
        }
        switch frame {
        case .messages(let messages) where peer.purpose == .messages: deliver(messages, of: peer)
        case .requests(let requests) where peer.purpose == .messages:
            shared.deliver(.requests(requests, from: peer.from))
        case .answers(let answers) where peer.purpose == .messages:
            shared.deliver(.answers(answers))
        case .stateReport(let report) where peer.purpose == .messages:
            shared.deliver(.stateReport(report, from: peer.from))
        case .stateVerdict(let verdict) where peer.purpose == .messages:
            shared.deliver(.stateVerdict(verdict, from: peer.from))
        case .snapshotOffer(let offer): receive(offer, from: peer, context)
        case .snapshotChunk(let offset, let bytes): receiver?.take(bytes, at: offset)
        case .messages, .requests, .answers, .hello, .welcome, .refusal, .snapshotResume,
            .snapshotEnd, .join, .joined, .operate, .operated, .stateReport, .stateVerdict:
            close(context)
        }
    }

    /// A peer speaks for itself only.
    private func deliver(_ messages: [Message], of peer: PeerHello) {
        let node = shared.gate.node
        let own = messages.filter { $0.from == peer.from && $0.to == node }
        if !own.isEmpty { shared.deliver(.messages(own)) }
    }

    private func greet(_ frame: PeerFrame, _ context: ChannelHandlerContext) {
        timeout?.cancel()
        if case .join(let request) = frame { return join(request, context) }
        if case .operate(let request) = frame { return operate(request, context) }
        guard case .hello(let hello) = frame else { return close(context) }
        if let objection = shared.security.objection(to: certificate, as: hello.name) {
            return refuse(PeerRefusal(.otherNode, objection), hello.name, context)
        }
        // A certificate vouches for a name only; it must be that of the number.
        if certificate != nil, let name = shared.gate.name(of: hello.from),
            name.lowercased() != hello.name.lowercased()
        {
            let text = "node \(hello.from.rawValue) is \(name), not \(hello.name)"
            return refuse(PeerRefusal(.otherNode, text), hello.name, context)
        }
        switch shared.gate.answer(hello) {
        case .success(let welcome):
            context.channel.send(.welcome(welcome))
            peer = hello
            intake.bodyBytesMax = shared.limits.frameBytesMax
            shared.strangers.leave(context.channel)
            // What was on the way by an earlier one may be lost, which only its sender knows.
            if hello.purpose == .messages { shared.deliver(.lost(hello.from)) }
            if hello.purpose != .founding { introduce(hello) }
        case .failure(let refused):
            refuse(refused.refusal, hello.name, context)
        }
    }

    private func refuse(
        _ refusal: PeerRefusal,
        _ name: String,
        _ context: ChannelHandlerContext
    ) {
        if ![.notReady, .notMember].contains(refusal.reason) {
            shared.logger.warning(
                "a peer was refused",
                metadata: ["peer": "\(name)", "reason": "\(refusal.text)"]
            )
        }
        isClosed = true
        Self.end(context.channel, with: .refusal(refusal))
    }

    /// Who may lead this node may be a stranger to it yet, and must be answered.
    private func introduce(_ hello: PeerHello) {
        guard !shared.gate.knows(hello.from),
            let address = PeerAddress(node: hello.from, name: hello.name, text: hello.address)
        else { return }
        shared.deliver(.introduced(address))
    }

    private func join(_ request: JoinRequest, _ context: ChannelHandlerContext) {
        if let objection = shared.security.objection(to: certificate, as: request.name) {
            return refuse(PeerRefusal(.otherNode, objection), request.name, context)
        }
        isClosed = true
        let channel = context.channel
        shared.deliver(
            .join(request) { answer in
                switch answer {
                case .success(let grant): Self.end(channel, with: .joined(grant))
                case .failure(let refusal): Self.end(channel, with: .refusal(refusal))
                }
            }
        )
    }

    private func operate(_ request: OperatorRequest, _ context: ChannelHandlerContext) {
        isClosed = true
        let channel = context.channel
        shared.deliver(
            .operate(request) { Self.end(channel, with: .operated($0)) }
        )
    }

    /// Sends a last frame and closes; from any thread.
    private static func end(_ channel: any Channel, with frame: PeerFrame) {
        let sent = channel.eventLoop.makePromise(of: Void.self)
        sent.futureResult.whenComplete { _ in channel.close(promise: nil) }
        channel.send(frame, promise: sent)
    }

    private func receive(
        _ offer: SnapshotOffer,
        from peer: PeerHello,
        _ context: ChannelHandlerContext
    ) {
        guard peer.purpose == .snapshot, receiver == nil, let snapshots = shared.snapshots else {
            return close(context)
        }
        receiver = SnapshotReceiver(
            offer,
            from: peer.from,
            into: snapshots,
            over: context.channel,
            shared
        )
        shared.receiving.withLockedValue { current in
            current?.supersede()
            current = receiver
        }
        receiver?.begin()
    }
}
