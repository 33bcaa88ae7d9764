import ConsulServer
import Measures
import Raft
import Replica
import Synchronization
import Testing
import VirtualReplica

/// What is told of requests that are answered while nothing comes from the replica.
@Suite("Reports of refused requests") struct ReportTests {

    /// Where reports are told.
    private final class Told: Sendable {
        let reports = Mutex<[RequestReport]>([])
    }

    private func node(_ told: Told) throws -> TestNode {
        try TestNode { settings in
            settings.requests.isTracing = true
            settings.requests.traceOneIn = 1
            settings.requests.tell = { report in told.reports.withLock { $0.append(report) } }
        }
    }

    @Test("a snapshot that is refused has not ended before it began")
    func snapshot() throws {
        let told = Told()
        let node = try node(told)
        let client = try node.connect()
        try node.replica.advance(milliseconds: 70)
        #expect(try client.ask("GET", "/v1/snapshot").status == 500)
        let report = try #require(told.reports.withLock { $0.last })
        #expect(report.kind == "GET /v1/snapshot")
        #expect(report.ended == report.began)
    }

    @Test("a read that is refused as its node is dismissed took as long as it waited")
    func read() throws {
        let told = Told()
        let node = try node(told)
        let client = try node.connect()
        node.replica.isPaused = true
        try client.request("GET", "/v1/kv/a?consistent")
        try #require(try client.received().isEmpty)
        node.replica.board.update { $0.isDismissed = true }
        try node.replica.advance(milliseconds: 3_000)
        #expect(TestAnswer(try client.received()).status == 500)
        let report = try #require(told.reports.withLock { $0.last })
        let took = report.ended - report.began
        #expect(took > 0 && took <= 3_000_000, "\(took)")
    }
}
