import Disk
package import Logging
import NIOCore
import NIOSSL
import NIOTLS
package import TransportSecurity

/// Whether this node and the others speak TLS to each other, and how they know each other then:
/// both sides present a certificate of the cluster's authority that names them as nodes.
package struct PeerSecurity: Sendable {
    /// A running cluster is changed over by one restart of each node for each step.
    package enum Mode: String, CaseIterable, Sendable {
        case off
        /// Takes both, dials without TLS.
        case accept
        /// Takes both, dials with TLS only.
        case dial
        /// Nothing but TLS.
        case require
    }

    package let mode: Mode
    /// Not nil unless `mode` is off.
    private let keyring: Keyring?
    let port: SecurePort?
    let role: ClusterRole

    package static func plain(_ role: ClusterRole) -> PeerSecurity {
        PeerSecurity(mode: .off, keyring: nil, port: nil, role: role)
    }

    /// - Parameter count: called for every connection that came.
    package static func secured(
        _ mode: Mode,
        _ role: ClusterRole,
        _ keyring: Keyring,
        limits: SecurityLimits = SecurityLimits(),
        logger: Logger,
        count: @escaping @Sendable (SecurePort.Outcome) -> Void = { _ in }
    ) -> PeerSecurity {
        let port = SecurePort(
            "the peer port",
            keyring,
            clients: .certified,
            plain: mode == .require ? .refused(answer: "") : .admitted,
            limits: limits,
            complaintLevel: .warning,
            logger: logger,
            count: count
        )
        return PeerSecurity(mode: mode, keyring: keyring, port: port, role: role)
    }

    private init(mode: Mode, keyring: Keyring?, port: SecurePort?, role: ClusterRole) {
        self.mode = mode
        self.keyring = keyring
        self.port = port
        self.role = role
    }

    // MARK: The side that is dialled

    /// Adds what `handlers` makes to a connection that came, once it is known whose it is.
    func receive(
        _ channel: any Channel,
        _ handler: @escaping @Sendable (CertificateFacts?) -> Reception
    ) throws {
        guard let port, mode != .off else {
            return try channel.pipeline.syncOperations.addHandler(handler(nil))
        }
        let role = self.role
        try port.watch(channel, objection: { role.objection(to: $0, as: nil) }) {
            channel,
            certificate in
            try channel.pipeline.syncOperations.addHandler(handler(certificate))
        }
    }

    /// Why who presented this certificate may not speak for the node; nil: he may.
    func objection(to certificate: CertificateFacts?, as node: String) -> String? {
        certificate.flatMap { role.objection(to: $0, as: node) }
    }

    // MARK: The side that dials

    /// Puts TLS into a connection to a peer, if it is to have it.
    /// - Parameters:
    ///   - node: the name of who should be there; nil: any node.
    ///   - secured: told when something may be sent.
    func dial(
        _ channel: any Channel,
        expecting node: String?,
        _ secured: EventLoopPromise<Void>
    ) throws {
        guard let keyring, mode == .dial || mode == .require else { return secured.succeed() }
        // A key ring of peers has an authority, or it was not opened.
        guard let dialler = keyring.credentials.dialler else {
            throw DialProblem.insecure("this node has no authority (--tls-ca)")
        }
        let handlers = channel.pipeline.syncOperations
        try handlers.addHandler(NIOSSLClientHandler(context: dialler, serverHostname: nil))
        try handlers.addHandler(DialledHandshake(role, expecting: node, secured))
    }
}

/// Waits for the end of the handshake of a connection that this node dialled, and looks whose
/// certificate it is.
private final class DialledHandshake: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let role: ClusterRole
    private let node: String?
    private let secured: EventLoopPromise<Void>

    init(_ role: ClusterRole, expecting node: String?, _ secured: EventLoopPromise<Void>) {
        self.role = role
        self.node = node
        self.secured = secured
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted = event as? TLSUserEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        guard let certificate = CertificateFacts.presented(context) else {
            return refuse(context, "its certificate cannot be read")
        }
        if let objection = role.objection(to: certificate, as: node) {
            return refuse(context, objection)
        }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
        secured.succeed()
    }

    private func refuse(_ context: ChannelHandlerContext, _ reason: String) {
        secured.fail(DialProblem.insecure(reason))
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let problem = DialProblem.failure(error, .presented(context))
        secured.fail(problem)
        context.fireErrorCaught(problem)
    }

    func channelInactive(context: ChannelHandlerContext) {
        secured.fail(DialProblem.silent)
        context.fireChannelInactive()
    }
}

extension DialProblem {
    /// What an error of a connection means, if TLS is what failed.
    static func failure(_ error: any Error, _ presented: CertificateFacts? = nil) -> any Error {
        guard HandshakeTrouble.isOne(error) else { return error }
        let now = wallMilliseconds() / 1_000
        return DialProblem.insecure(
            HandshakeTrouble.text(error, of: .server, presented: presented, now: now)
        )
    }
}
