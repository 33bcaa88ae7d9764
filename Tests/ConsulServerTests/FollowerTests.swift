import Bytes
import Commands
import ConsulServer
import Raft
import Replica
import Testing
import VirtualReplica

/// A session that was made through one server was renewed through another that had not applied it:
/// the client was told that it was gone, and took its locks for lost. Transactions that only read
/// were answered from whatever the server had.
@Suite("A follower says nothing of what it has not asked the leader for")
struct FollowerTests {
    private let id: ByteString = "11111111-1111-1111-1111-111111111111"
    private static let read =
        "[{\"KV\":{\"Verb\":\"get-tree\",\"Key\":\"a\"}}]"

    /// A follower to which nothing comes until it is resumed.
    private func follower(
        configure: (inout ConsulSettings) -> Void = { _ in }
    ) throws -> (TestNode, TestClient) {
        let node = try TestNode(configure: configure)
        node.replica.board.update { $0.role = .follower }
        node.replica.isPaused = true
        return (node, try node.connect())
    }

    private func open(on node: TestNode) throws {
        let session = SessionDefinition(id: id, node: "n1", ttlMilliseconds: 10_000)
        try node.replica.leaderProposes(CreateConsulSession(session).encode(CommandHeader()))
    }

    @Test func `a transaction that reads waits for the leader's word`() throws {
        let (node, client) = try follower()
        try client.request("PUT", "/v1/txn", Self.read)
        #expect(try client.received() == "")
        let key = KeyTransactionOperation(verb: .set, key: "a", value: Array("1".utf8))
        let write = Transaction([.key(key)]).encode(CommandHeader())
        try node.replica.leaderProposes(write)
        try node.replica.resume()
        let answer = TestAnswer(try client.received())
        #expect(answer.status == 200)
        #expect(answer.body.contains("\"Value\":\"MQ==\""))
    }

    @Test func `a stale one waits for nobody`() throws {
        let (_, client) = try follower()
        let answer = try client.ask("PUT", "/v1/txn?stale", Self.read)
        #expect(answer.body.hasPrefix("{\"Results\":[],\"Errors\":null"))
    }

    @Test func `a leader answers one by itself, but for a consistent one`() throws {
        let node = try TestNode()
        let client = try node.connect()
        #expect(try client.ask("GET", "/v1/kv/a").status == 404)
        node.replica.isPaused = true
        #expect(try client.ask("PUT", "/v1/txn", Self.read).status == 200)
        try client.request("PUT", "/v1/txn?consistent", Self.read)
        #expect(try client.received() == "")
        try node.replica.resume()
        #expect(TestAnswer(try client.received()).status == 200)
    }

    @Test func `a session that is not found is asked for before it is called gone`() throws {
        let (node, client) = try follower()
        try client.request("PUT", "/v1/session/renew/\(id)")
        #expect(try client.received() == "")
        try open(on: node)
        try node.replica.resume()
        let answer = TestAnswer(try client.received())
        #expect(answer.status == 200)
        #expect(answer.body.contains(id.text))
    }

    @Test func `a session that the leader has ended is not renewed`() throws {
        let (node, client) = try follower()
        try node.replica.resume()
        try open(on: node)
        node.replica.isPaused = true
        try client.request("PUT", "/v1/session/renew/\(id)")
        #expect(try client.received() == "")
        try node.replica.leaderProposes(DestroyConsulSession(id: id).encode(CommandHeader()))
        try node.replica.resume()
        #expect(TestAnswer(try client.received()).status == 404)
    }

    @Test func `a session that is nowhere is gone`() throws {
        let (node, client) = try follower()
        try node.replica.resume()
        #expect(try client.ask("PUT", "/v1/session/renew/\(id)").status == 404)
    }

    /// Else a client without rights learns of it, or is told that it ended what it may not end.
    @Test(arguments: ["renew", "destroy"])
    func `who may not touch a session is not told first that it is gone`(verb: String) throws {
        let (node, client) = try follower {
            $0.tokens.isEnabled = true
            $0.tokens.allowsByDefault = false
        }
        try client.request("PUT", "/v1/session/\(verb)/\(id)")
        #expect(try client.received() == "")
        try open(on: node)
        try node.replica.resume()
        #expect(TestAnswer(try client.received()).status == 403)
    }

    @Test func `a hidden transaction waits as any other`() throws {
        let (node, client) = try follower {
            $0.tokens.isEnabled = true
            $0.tokens.allowsByDefault = false
        }
        try client.request("PUT", "/v1/txn", Self.read)
        #expect(try client.received() == "")
        try node.replica.resume()
        #expect(try client.received().contains("{\"Results\":[],\"Errors\":null"))
    }

    /// The check had turned critical at the leader: this node still had it passing, and the sign of
    /// life was answered and lost.
    @Test func `a sign of life is compared with what there is now`() throws {
        let (node, client) = try follower()
        try node.replica.resume()
        let body = "{\"Name\":\"c\",\"TTL\":\"10s\",\"Status\":\"passing\"}"
        try client.request("PUT", "/v1/agent/check/register", body)
        #expect(TestAnswer(try client.received()).status == 200)
        node.replica.isPaused = true
        try client.request("PUT", "/v1/agent/check/pass/c")
        #expect(try client.received() == "")
        let critical = UpdateCheck(node: "n1", checkID: "c", status: .critical, output: "")
        try node.replica.leaderProposes(critical.encode(CommandHeader()))
        try node.replica.resume()
        #expect(TestAnswer(try client.received()).status == 200)
        let states = try client.ask("GET", "/v1/health/state/passing?stale").body
        #expect(states.contains("\"CheckID\":\"c\""))
    }

    /// The old status was copied from what this node had, and made the check pass without a sign of
    /// life.
    @Test(arguments: ["check", "service"])
    func `a check that is registered again keeps the status that it has now`(kind: String) throws {
        let (node, client) = try follower()
        try node.replica.resume()
        let check = "\"TTL\":\"10s\",\"Status\":\"passing\""
        let body =
            kind == "check"
            ? "{\"Name\":\"c\",\(check)}"
            : "{\"Name\":\"s\",\"Check\":{\"CheckID\":\"c\",\(check)}}"
        let path = "/v1/agent/\(kind)/register"
        try client.request("PUT", path, body)
        #expect(TestAnswer(try client.received()).status == 200)
        node.replica.isPaused = true
        try client.request("PUT", path, body)
        #expect(try client.received() == "")
        let critical = UpdateCheck(node: "n1", checkID: "c", status: .critical, output: "")
        try node.replica.leaderProposes(critical.encode(CommandHeader()))
        try node.replica.resume()
        #expect(TestAnswer(try client.received()).status == 200)
        let states = try client.ask("GET", "/v1/health/state/critical?stale").body
        #expect(states.contains("\"CheckID\":\"c\""))
    }
}
