import NIOCore
import NIOSSL
import NIOTLS

/// The only handler of a connection that has not shown itself yet: it looks whether the first
/// bytes are TLS, puts TLS in front of itself, and when the handshake is over and the certificate
/// good, adds the port's handlers and goes. Until then nothing of the client reaches them.
final class HandshakeGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case waiting
        case shakingHands
        case over
    }

    private let port: SecurePort
    private let objection: @Sendable (CertificateFacts) -> String?
    private let admit: @Sendable (any Channel, CertificateFacts?) throws -> Void
    private var phase = Phase.waiting
    /// Its host, while it counts as pending.
    private var address: String?
    /// Its host and port.
    private var origin = "unknown"
    private var deadline: Scheduled<Void>?

    /// The first byte of a TLS record that begins a handshake.
    private static let handshakeRecord: UInt8 = 22

    init(
        _ port: SecurePort,
        objection: @escaping @Sendable (CertificateFacts) -> String?,
        admit: @escaping @Sendable (any Channel, CertificateFacts?) throws -> Void
    ) {
        self.port = port
        self.objection = objection
        self.admit = admit
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard address == nil else { return }
        let address = context.remoteAddress?.ipAddress ?? "unknown"
        guard port.enter(address) else {
            phase = .over
            port.note(.crowded)
            port.complain(of: address, "too many connections have not finished their handshake")
            return context.close(promise: nil)
        }
        self.address = address
        origin = "\(address):\(context.remoteAddress?.port ?? 0)"
        let limit = TimeAmount.milliseconds(port.limits.handshakeMilliseconds)
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: limit) {
            self.refuse(
                context,
                .late,
                "it did not finish its handshake in \(self.port.limits.handshakeMilliseconds) ms"
            )
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase == .waiting else { return }
        let buffer = unwrapInboundIn(data)
        guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return }
        if first == Self.handshakeRecord {
            shakeHands(context, buffer)
        } else {
            takePlain(context, buffer)
        }
    }

    private func shakeHands(_ context: ChannelHandlerContext, _ buffer: ByteBuffer) {
        let credentials = port.keyring.credentials
        let chosen =
            port.clients == .certified ? credentials.mutualServer : credentials.server
        // The configuration was checked to name an authority where one is needed.
        guard let chosen else { return refuse(context, .failed, "there is no authority") }
        phase = .shakingHands
        do {
            let handlers = context.pipeline.syncOperations
            try handlers.addHandler(NIOSSLServerHandler(context: chosen), position: .before(self))
            handlers.fireChannelRead(NIOAny(buffer))
        } catch { refuse(context, .failed, "\(error)") }
    }

    private func takePlain(_ context: ChannelHandlerContext, _ buffer: ByteBuffer) {
        switch port.plain {
        case .admitted:
            guard open(context, nil, .plain) else { return }
            context.fireChannelRead(wrapInboundOut(buffer))
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        case .refused(let answer):
            let reason = "it does not speak TLS, and this port speaks nothing else"
            refuse(context, .plain, reason, answer: answer)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if phase == .shakingHands, case .handshakeCompleted = event as? TLSUserEvent {
            let certificate = CertificateFacts.presented(context)
            if port.clients == .certified {
                guard let certificate else {
                    return refuse(context, .failed, "its certificate cannot be read")
                }
                if let reason = lapse(certificate) ?? objection(certificate) {
                    return refuse(context, .failed, reason)
                }
            }
            guard open(context, certificate, .secured) else { return }
            return context.pipeline.syncOperations.removeHandler(self, promise: nil)
        }
        if case .inputClosed? = event as? ChannelEvent, phase == .waiting {
            settle()
            return context.close(promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// A session that is resumed was verified when it began, which may be days ago.
    private func lapse(_ certificate: CertificateFacts) -> String? {
        certificate.lapse(at: port.keyring.now).map {
            "its certificate, \(certificate.text), \($0)"
        }
    }

    /// Lets the connection in; false if the port has no room for it.
    private func open(
        _ context: ChannelHandlerContext,
        _ certificate: CertificateFacts?,
        _ outcome: SecurePort.Outcome
    ) -> Bool {
        settle()
        do { try admit(context.channel, certificate) } catch {
            port.note(.failed)
            context.close(promise: nil)
            return false
        }
        port.note(outcome)
        return true
    }

    private func refuse(
        _ context: ChannelHandlerContext,
        _ outcome: SecurePort.Outcome,
        _ reason: String,
        answer: String = ""
    ) {
        guard phase != .over else { return }
        settle()
        port.note(outcome)
        port.complain(of: origin, reason)
        guard !answer.isEmpty else { return context.close(promise: nil) }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer))).whenComplete { _ in
            channel.close(promise: nil)
        }
    }

    /// It is decided.
    private func settle() {
        phase = .over
        deadline?.cancel()
        deadline = nil
        if let address { port.leave(address) }
        address = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard phase != .over else { return }
        guard HandshakeTrouble.isOne(error) else {
            settle()
            return context.close(promise: nil)
        }
        let text = HandshakeTrouble.text(
            error,
            of: .client,
            presented: .presented(context),
            now: port.keyring.now
        )
        refuse(context, .failed, text)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if phase != .over { settle() }
        context.fireChannelInactive()
    }
}
