import Raft
import Replica
import Testing
import VirtualReplica

/// When a leader may answer a default read by itself. Each of these was wrong in some server.
@Suite("A leader's word in Consul's default mode")
struct LeadershipTests {
    private let node: TestNode
    private let client: TestClient

    private static let servers = (1...3).map { number in
        ReplicaStatus.Server(
            node: NodeID(UInt64(number)),
            name: "n\(number)",
            address: "n\(number):8300",
            isVoter: true
        )
    }

    init() throws {
        node = try TestNode()
        client = try node.connect()
        _ = try client.ask("PUT", "/v1/kv/a", "1")
        node.replica.board.update { $0.servers = Self.servers }
        confirm()
        #expect(try client.ask("GET", "/v1/kv/a?raw").body == "1")
    }

    /// A quorum knows no other leader, as of now.
    private func confirm() {
        let now = node.replica.clock.monotonic()
        node.replica.board.update { $0.note(confirmedAt: now) }
    }

    private func isAnswered(_ path: String) throws -> Bool {
        try client.request("GET", path)
        return try !client.received().isEmpty
    }

    @Test func `while its word is recent it answers by itself`() throws {
        node.replica.isPaused = true
        #expect(try isAnswered("/v1/kv/a"))
    }

    @Test func `after a pause of the process, or a jump of its clock, it asks the others first`()
        throws
    {
        try node.replica.advance(milliseconds: ReplicaLimits.leaderWordMilliseconds)
        node.replica.isPaused = true
        #expect(try !isAnswered("/v1/kv/a"))
        try node.replica.resume()
        #expect(try client.received().hasPrefix("HTTP/1.1 200 OK"))
    }

    @Test func `a new leader answers nothing before it has applied what others acknowledged`()
        throws
    {
        node.replica.board.update { $0.term += 1 }
        confirm()
        node.replica.isPaused = true
        #expect(try !isAnswered("/v1/kv/a"))
        try node.replica.resume()
        #expect(try client.received().hasPrefix("HTTP/1.1 200 OK"))
        confirm()
        node.replica.isPaused = true
        #expect(try isAnswered("/v1/kv/a"))
    }

    @Test func `what the leader has told others to be committed, it has applied before it answers`()
        throws
    {
        node.replica.board.update { $0.commit = node.replica.index + 1 }
        node.replica.isPaused = true
        #expect(try !isAnswered("/v1/kv/a"))
        try node.replica.resume()
        #expect(try client.received().hasPrefix("HTTP/1.1 200 OK"))
    }

    @Test func `a stale read waits for nobody`() throws {
        try node.replica.advance(milliseconds: 60_000)
        node.replica.board.update { $0.role = .follower }
        node.replica.isPaused = true
        #expect(try isAnswered("/v1/kv/a?stale"))
    }
}
