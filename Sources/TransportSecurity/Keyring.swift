package import Logging
import Synchronization

/// A node's certificate, its key and the authorities that it trusts, as its files say now: what
/// the ports of a node speak TLS with.
///
/// Files are read again when they change; a connection goes on with what it began with. Files that
/// cannot be used are refused as a whole and what was read before stays. What the module must never
/// do: tell a key, or let a connection pass that was not vetted.
///
/// Map: `Credentials` is one reading of the files, `CertificateFacts` what is in a certificate and
/// who may speak as a node, `SecurePort` what a port does with connections until they are secure,
/// `HandshakeGate` one of these, `HandshakeTrouble` why it failed in words.
package final class Keyring: Sendable {
    private let files: CredentialFiles
    private let role: ClusterRole?
    private let limits: SecurityLimits
    private let wallSeconds: @Sendable () -> Int64
    private let logger: Logger
    private let onRead: @Sendable (Credentials) -> Void
    private let state: Mutex<State>

    private struct State {
        var credentials: Credentials
        /// What the files were at the last look: they are read when two looks agree, since a
        /// certificate and its key are seldom replaced in one step.
        var seen: [UInt8] = []
        /// What they were when they were refused, so that it is told once.
        var refused: [UInt8] = []
        var trouble = ""
        var warnedAt: Int64
    }

    /// - Parameters:
    ///   - role: not nil if the nodes speak TLS to each other.
    ///   - wallSeconds: the time, in seconds since 1970.
    ///   - onRead: told of every reading that is used.
    package static func open(
        _ files: CredentialFiles,
        role: ClusterRole?,
        limits: SecurityLimits = SecurityLimits(),
        wallSeconds: @escaping @Sendable () -> Int64,
        logger: Logger,
        onRead: @escaping @Sendable (Credentials) -> Void
    ) async throws(CredentialProblem) -> Keyring {
        let now = wallSeconds()
        let credentials = try await Credentials.read(files, role: role, now: now, limits)
        let clock = (wallSeconds, now)
        let keyring = Keyring(files, role, limits, clock, logger, onRead, credentials)
        keyring.tell("TLS has its certificate", credentials)
        keyring.warnOfExpiry(credentials.certificate, now)
        return keyring
    }

    private init(
        _ files: CredentialFiles,
        _ role: ClusterRole?,
        _ limits: SecurityLimits,
        _ clock: (wallSeconds: @Sendable () -> Int64, now: Int64),
        _ logger: Logger,
        _ onRead: @escaping @Sendable (Credentials) -> Void,
        _ credentials: Credentials
    ) {
        self.files = files
        self.role = role
        self.limits = limits
        wallSeconds = clock.wallSeconds
        self.logger = logger
        self.onRead = onRead
        state = Mutex(State(credentials: credentials, warnedAt: clock.now))
    }

    package var credentials: Credentials { state.withLock { $0.credentials } }

    var now: Int64 { wallSeconds() }

    /// Reads the files again if they have changed since they were read or refused.
    /// - Parameter isAsked: whether somebody waits for the answer, who is told in any case.
    package func refresh(isAsked: Bool = false) async {
        do throws(CredentialProblem) {
            let digest = try Credentials.digest(of: files, limits)
            let (isSame, isSettled) = state.withLock { state in
                defer { state.seen = digest }
                let isSettled = state.seen == digest && state.refused != digest
                return (state.credentials.digest == digest, isSettled)
            }
            if isSame { return unchanged(isAsked) }
            guard isSettled || isAsked else { return }
            state.withLock { $0.refused = digest }
            try replace(await Credentials.read(files, role: role, now: now, limits))
        } catch { refuse(error, isAsked) }
    }

    private func unchanged(_ isAsked: Bool) {
        let (credentials, warnedAt) = state.withLock { state in
            state.trouble = ""
            state.refused = []
            return (state.credentials, state.warnedAt)
        }
        if isAsked { logger.notice("the files of TLS have not changed") }
        if now - warnedAt >= 86_400 {
            state.withLock { $0.warnedAt = now }
            warnOfExpiry(credentials.certificate, now)
        }
    }

    /// Nobody gains by one that has expired while the old one has not.
    private func replace(_ new: Credentials) throws(CredentialProblem) {
        if let lapse = new.certificate.lapse(at: now),
            credentials.certificate.lapse(at: now) == nil
        {
            // Time may mend it: the same files are read again.
            state.withLock { $0.refused = [] }
            throw CredentialProblem(files.certificate, "the certificate \(lapse)")
        }
        state.withLock { state in
            state.credentials = new
            state.trouble = ""
            state.refused = []
            state.warnedAt = now
        }
        tell("TLS has a new certificate; connections that are open go on", new)
        warnOfExpiry(new.certificate, now)
    }

    private func refuse(_ problem: CredentialProblem, _ isAsked: Bool) {
        let isNew = state.withLock { state in
            defer { state.trouble = problem.description }
            return state.trouble != problem.description
        }
        guard isNew || isAsked else { return }
        logger.error(
            "the new files of TLS are refused; what was read before stays",
            metadata: ["reason": "\(problem)", "certificate": "\(credentials.certificate.text)"]
        )
    }

    private func tell(_ text: String, _ credentials: Credentials) {
        onRead(credentials)
        let certificate = credentials.certificate
        logger.notice(
            "\(text)",
            metadata: [
                "certificate": "\(certificate.text)", "issuer": "\(certificate.issuer)",
                "until": "\(CertificateFacts.date(certificate.notAfter))",
            ]
        )
        for warning in credentials.warnings { logger.warning("\(warning)") }
    }

    private func warnOfExpiry(_ certificate: CertificateFacts, _ now: Int64) {
        let left = certificate.notAfter - now
        guard left < limits.expiryWarningSeconds else { return }
        let what = left < 0 ? "has expired" : "expires in \(left / 86_400) days"
        logger.warning(
            "the certificate \(what)",
            metadata: ["file": "\(files.certificate)", "certificate": "\(certificate.text)"]
        )
    }
}
