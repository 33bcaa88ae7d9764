package import Logging
package import NIOCore
import Synchronization

/// A port that speaks TLS: what it asks of who connects, and those who have not shown it yet.
package final class SecurePort: Sendable {
    /// Whether clients must present a certificate of the authority.
    package enum Clients: Sendable {
        case anybody
        case certified
    }

    /// What becomes of who does not begin with TLS.
    package enum Plain: Sendable {
        /// The connection is closed, after this answer.
        case refused(answer: String)
        /// It goes on without TLS, while a cluster is being changed over.
        case admitted
    }

    /// How it went with those who connected.
    package enum Outcome: String, CaseIterable, Sendable {
        case secured
        case failed
        case late
        case crowded
        case plain
    }

    let clients: Clients
    let plain: Plain
    let limits: SecurityLimits
    let keyring: Keyring
    private let name: String
    private let complaintLevel: Logger.Level
    private let count: @Sendable (Outcome) -> Void
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var pending = 0
        var pendingByAddress: [String: Int] = [:]
        var complaints = 0
        var untold = 0
        var complaintsSince = NIODeadline.uptimeNanoseconds(0)
    }

    /// - Parameters:
    ///   - complaintLevel: at which refusals are logged.
    ///   - count: called once for every connection; on any event loop.
    package init(
        _ name: String,
        _ keyring: Keyring,
        clients: Clients,
        plain: Plain,
        limits: SecurityLimits = SecurityLimits(),
        complaintLevel: Logger.Level = .info,
        logger: Logger,
        count: @escaping @Sendable (Outcome) -> Void = { _ in }
    ) {
        self.name = name
        self.keyring = keyring
        self.clients = clients
        self.plain = plain
        self.limits = limits
        self.complaintLevel = complaintLevel
        self.logger = logger
        self.count = count
    }

    /// Has a new connection show itself first; called on its loop, before any other handler is
    /// added.
    /// - Parameters:
    ///   - objection: why a client with this certificate is not let in; nil: it is.
    ///   - admit: adds the handlers of a connection that is let in, with the certificate that the
    ///     client had to present.
    package func watch(
        _ channel: any Channel,
        objection: @escaping @Sendable (CertificateFacts) -> String? = { _ in nil },
        admit: @escaping @Sendable (any Channel, CertificateFacts?) throws -> Void
    ) throws {
        try channel.pipeline.syncOperations.addHandler(
            HandshakeGate(self, objection: objection, admit: admit)
        )
    }

    /// Connections that have not finished their handshake.
    package var pendingCount: Int { state.withLock { $0.pending } }

    func enter(_ address: String) -> Bool {
        state.withLock { state in
            guard state.pending < limits.handshakesMax,
                state.pendingByAddress[address, default: 0] < limits.handshakesPerAddressMax
            else { return false }
            state.pending += 1
            state.pendingByAddress[address, default: 0] += 1
            return true
        }
    }

    func leave(_ address: String) {
        state.withLock { state in
            state.pending -= 1
            let left = state.pendingByAddress[address, default: 1] - 1
            state.pendingByAddress[address] = left > 0 ? left : nil
        }
    }

    func note(_ outcome: Outcome) { count(outcome) }

    /// Logs a refusal, but not every one of very many.
    func complain(of address: String, _ reason: String, now: NIODeadline = .now()) {
        let untold = state.withLock { state -> Int? in
            if now - state.complaintsSince >= .milliseconds(limits.complaintsMilliseconds) {
                state.complaintsSince = now
                state.complaints = 0
            }
            state.complaints += 1
            guard state.complaints <= limits.complaintsMax else {
                state.untold += 1
                return nil
            }
            defer { state.untold = 0 }
            return state.untold
        }
        guard let untold else { return }
        var metadata: Logger.Metadata = ["from": "\(address)", "reason": "\(reason)"]
        if untold > 0 { metadata["untold"] = "\(untold)" }
        logger.log(level: complaintLevel, "\(name): a connection was refused", metadata: metadata)
    }
}
