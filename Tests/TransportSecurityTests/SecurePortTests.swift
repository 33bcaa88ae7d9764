import Logging
import NIOCore
import Synchronization
import Testing

@testable import TransportSecurity

/// What a port bears of those who have not shown themselves.
@Suite struct SecurePortTests {
    /// Keeps the metadata of what is logged.
    private struct Lines: LogHandler {
        final class Kept: Sendable {
            let all: Mutex<[Logger.Metadata]> = Mutex([])
        }

        let kept: Kept
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            kept.all.withLock { $0.append(event.metadata ?? [:]) }
        }
    }

    private func port(
        _ papers: Papers,
        _ limits: SecurityLimits,
        _ logger: Logger
    ) async throws -> SecurePort {
        var silent = logger
        silent.logLevel = .critical
        let keyring = try await Keyring.open(
            papers.files,
            role: nil,
            wallSeconds: { 0 },
            logger: silent,
            onRead: { _ in }
        )
        return SecurePort(
            "a port",
            keyring,
            clients: .anybody,
            plain: .admitted,
            limits: limits,
            logger: logger
        )
    }

    @Test func `of a flood of refusals ten in ten seconds are told, and how many were not`()
        async throws
    {
        let papers = try Papers()
        let kept = Lines.Kept()
        let logger = Logger(label: "port") { _ in Lines(kept: kept) }
        let port = try await port(papers, SecurityLimits(), logger)
        let start = NIODeadline.uptimeNanoseconds(1 << 40)
        for number in 0..<25 {
            port.complain(of: "a", "because", now: start + .milliseconds(Int64(number) * 399))
        }
        #expect(kept.all.withLock { $0.count } == 10)
        for later: Int64 in [10_000, 10_001] {
            port.complain(of: "b", "because", now: start + .milliseconds(later))
        }
        #expect(
            kept.all.withLock { Array($0.dropFirst(10)) } == [
                ["from": "b", "reason": "because", "untold": "15"],
                ["from": "b", "reason": "because"],
            ]
        )
        try papers.remove()
    }

    @Test func `unfinished handshakes are bounded, of all and of each address`() async throws {
        let papers = try Papers()
        var limits = SecurityLimits()
        (limits.handshakesMax, limits.handshakesPerAddressMax) = (5, 3)
        let port = try await port(papers, limits, Logger(label: "port"))
        #expect((0..<4).map { _ in port.enter("a") } == [true, true, true, false])
        #expect((0..<3).map { _ in port.enter("b") } == [true, true, false])
        port.leave("a")
        #expect(port.enter("b") && !port.enter("c") && port.pendingCount == 5)
        for address in ["a", "a", "b", "b", "b"] { port.leave(address) }
        #expect(port.pendingCount == 0 && port.enter("a"))
        try papers.remove()
    }
}
