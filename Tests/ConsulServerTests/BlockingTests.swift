import Bytes
import Commands
import Foundation
import NIOEmbedded
import Testing
import VirtualReplica

@Suite("Blocked questions wake when, and only when, their answer is new")
struct BlockingTests {
    private let node: TestNode
    private let writer: TestClient

    init() throws {
        node = try TestNode()
        writer = try node.connect()
    }

    /// A client that waits on a path from its present index on.
    private func block(_ path: String, wait: String = "5m") throws -> (TestClient, UInt64) {
        let client = try node.connect()
        let mark = path.contains("?") ? "&" : "?"
        let index = try client.ask("GET", path).index
        try client.request("GET", "\(path)\(mark)index=\(index)&wait=\(wait)")
        #expect(try client.received() == "")
        return (client, index)
    }

    @Test("a key wakes on its own change and not on another's")
    func key() throws {
        _ = try writer.ask("PUT", "/v1/kv/a", "1")
        let (client, index) = try block("/v1/kv/a")
        _ = try writer.ask("PUT", "/v1/kv/b", "1")
        #expect(try client.received() == "")
        _ = try writer.ask("PUT", "/v1/kv/a", "1")
        #expect(try client.received() == "")
        _ = try writer.ask("PUT", "/v1/kv/a", "2")
        let answer = TestAnswer(try client.received())
        #expect(answer.status == 200)
        #expect(answer.index > index)
        #expect(answer.body.contains("\"Value\":\"Mg==\""))
    }

    @Test("a deletion wakes the key and its prefixes")
    func deletion() throws {
        _ = try writer.ask("PUT", "/v1/kv/p/a", "1")
        _ = try writer.ask("PUT", "/v1/kv/p/b", "1")
        let clients = try ["/v1/kv/p/a", "/v1/kv/p?recurse", "/v1/kv/p/?keys"].map {
            try block($0).0
        }
        _ = try writer.ask("DELETE", "/v1/kv/p/a")
        let answers = try clients.map { TestAnswer(try $0.received()) }
        #expect(answers.map(\.status) == [404, 200, 200])
        #expect(answers[2].body == "[\"p/b\"]")
    }

    /// The rows were found without regard to case, and their changes were not.
    @Test("a name in another spelling wakes too")
    func spelling() throws {
        for name in ["x1", "x2"] {
            let node = "{\"Node\":\"\(name)\",\"Address\":\"127.0.0.1\"}"
            #expect(try writer.ask("PUT", "/v1/catalog/register", node).body == "true")
        }
        func register(on node: String) throws {
            let body =
                "{\"Node\":\"\(node)\",\"Address\":\"127.0.0.1\",\"SkipNodeUpdate\":true,"
                + "\"Service\":{\"Service\":\"web\"}}"
            #expect(try writer.ask("PUT", "/v1/catalog/register", body).body == "true")
        }
        try register(on: "x1")
        let paths = ["/v1/catalog/service/WEB", "/v1/health/service/Web", "/v1/catalog/node/X2"]
        let clients = try paths.map { try block($0).0 }
        try register(on: "x2")
        for client in clients {
            #expect(TestAnswer(try client.received()).body.contains("\"Service"))
        }
        let sessions = try block("/v1/session/node/X1").0
        let session = "{\"Node\":\"X1\",\"Checks\":[]}"
        #expect(try writer.ask("PUT", "/v1/session/create", session).status == 200)
        #expect(TestAnswer(try sessions.received()).body.contains("\"ID\""))
    }

    @Test("a missing key can be waited for")
    func missing() throws {
        let (client, _) = try block("/v1/kv/later")
        _ = try writer.ask("PUT", "/v1/kv/other", "1")
        #expect(try client.received() == "")
        _ = try writer.ask("PUT", "/v1/kv/later", "1")
        #expect(TestAnswer(try client.received()).status == 200)
    }

    @Test("an old index is answered at once, and time ends a wait with the same index")
    func times() throws {
        _ = try writer.ask("PUT", "/v1/kv/a", "1")
        #expect(try writer.ask("GET", "/v1/kv/a?index=1").status == 200)
        let (client, index) = try block("/v1/kv/a", wait: "10s")
        try node.replica.advance(milliseconds: 9_900)
        #expect(try client.received() == "")
        try node.replica.advance(milliseconds: 1_000)
        let answer = TestAnswer(try client.received())
        #expect(answer.status == 200)
        #expect(answer.index == index)
    }

    @Test("many clients share one question, and all are told")
    func many() throws {
        _ = try writer.ask("PUT", "/v1/kv/a", "1")
        let clients = try (0..<200).map { _ in try block("/v1/kv/a").0 }
        _ = try writer.ask("PUT", "/v1/kv/a", "2")
        let texts = try clients.map { try $0.received() }
        #expect(Set(texts).count == 1)
        #expect(TestAnswer(texts[0]).status == 200)
    }

    @Test("a client that goes away is forgotten")
    func gone() throws {
        _ = try writer.ask("PUT", "/v1/kv/a", "1")
        let (client, _) = try block("/v1/kv/a")
        let (other, _) = try block("/v1/kv/a")
        _ = try client.channel.finish(acceptAlreadyClosed: true)
        _ = try writer.ask("PUT", "/v1/kv/a", "2")
        #expect(TestAnswer(try other.received()).status == 200)
    }

    @Test("a service that is not there yet wakes its question when it comes")
    func services() throws {
        let (client, _) = try block("/v1/health/service/web")
        _ = try writer.ask("PUT", "/v1/agent/service/register", "{\"Name\":\"other\"}")
        #expect(try client.received() == "")
        _ = try writer.ask("PUT", "/v1/agent/service/register", "{\"Name\":\"web\"}")
        #expect(TestAnswer(try client.received()).body.contains("\"Service\":\"web\""))
    }

    /// They slept on, and the index stood still.
    @Test("what is chosen by the metadata of nodes wakes when a node has other metadata")
    func metadata() throws {
        let node = "\"Node\":\"m1\",\"Address\":\"127.0.0.1\""
        let service = "\"Service\":{\"Service\":\"web\"}"
        let check = "\"Check\":{\"Name\":\"ping\",\"ServiceID\":\"web\",\"Status\":\"passing\"}"
        let path = "/v1/catalog/register"
        _ = try writer.ask("PUT", path, "{\(node),\(service),\(check)}")
        let paths = ["catalog/services", "health/state/any", "health/checks/web"]
        let clients = try paths.map { try block("/v1/\($0)?node-meta=rack:a") }
        // A service's index moves with its nodes, whoever asks, as in Consul.
        let others = try paths.dropLast().map { try block("/v1/\($0)") }
        _ = try writer.ask("PUT", path, "{\(node),\"NodeMeta\":{\"rack\":\"a\"}}")
        for (client, index) in clients {
            let answer = TestAnswer(try client.received())
            #expect(answer.index > index)
            #expect(answer.body.contains("web"))
        }
        for (client, _) in others { #expect(try client.received() == "") }
    }

    @Test("a check's change wakes its service")
    func checks() throws {
        _ = try writer.ask(
            "PUT",
            "/v1/agent/service/register",
            "{\"Name\":\"web\",\"Check\":{\"TTL\":\"10s\"}}"
        )
        let (client, _) = try block("/v1/health/service/web?passing")
        _ = try writer.ask("PUT", "/v1/agent/check/pass/service:web")
        let answer = TestAnswer(try client.received())
        #expect(answer.body.contains("\"Status\":\"passing\",\"Notes\":\"\",\"Output\":\"\""))
        let expiry = UpdateCheck(
            node: "n1",
            checkID: "service:web",
            status: .critical,
            output: "",
            expired: true,
            term: 1
        )
        let (again, _) = try block("/v1/health/service/web?passing")
        try node.replica.leaderProposes(expiry.encode(CommandHeader()))
        #expect(TestAnswer(try again.received()).body == "[]")
        #expect(try writer.ask("GET", "/v1/agent/checks").body.contains("TTL expired"))
    }

    /// The hash was no part of what makes an answer new: every change of the node woke it.
    @Test("the agent's own service wakes when its hash is another")
    func agentService() throws {
        _ = try writer.ask("PUT", "/v1/agent/service/register", "{\"Name\":\"a\",\"Port\":1}")
        let path = "/v1/agent/service/a"
        let hash = try #require(try writer.ask("GET", path).header("X-Consul-Contenthash"))
        let client = try node.connect()
        try client.request("GET", "\(path)?hash=\(hash)&wait=5m")
        #expect(try client.received() == "")
        _ = try writer.ask("PUT", "/v1/agent/service/register", "{\"Name\":\"b\"}")
        #expect(try client.received() == "")
        _ = try writer.ask("PUT", "/v1/agent/service/register", "{\"Name\":\"a\",\"Port\":2}")
        #expect(TestAnswer(try client.received()).body.contains("\"Port\":2"))
    }

    @Test("who asked for ?pretty gets it, beside others that wait for the same")
    func pretty() throws {
        _ = try writer.ask("PUT", "/v1/kv/a", "1")
        let (plain, index) = try block("/v1/kv/a")
        let indented = try node.connect()
        try indented.request("GET", "/v1/kv/a?pretty&index=\(index)")
        _ = try writer.ask("PUT", "/v1/kv/a", "2")
        #expect(TestAnswer(try plain.received()).body.hasPrefix("[{\"LockIndex\":0,"))
        let body = TestAnswer(try indented.received()).body
        #expect(body.hasPrefix("[\n    {\n        \"LockIndex\": 0,"))
        #expect(try writer.ask("PUT", "/v1/kv/a?pretty", "3").body == "true\n")
    }

    @Test("pipelined requests are answered in order, behind a blocked one too")
    func pipelined() throws {
        _ = try writer.ask("PUT", "/v1/kv/a", "1")
        let client = try node.connect()
        let index = try client.ask("GET", "/v1/kv/a").index
        let blocked = "GET /v1/kv/a?index=\(index) HTTP/1.1\r\nHost: x\r\n\r\n"
        let write = "PUT /v1/kv/z HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n9"
        let last = "GET /v1/kv/z?raw HTTP/1.1\r\nHost: x\r\n\r\n"
        try client.send(blocked + write + last)
        #expect(try client.received() == "")
        _ = try writer.ask("PUT", "/v1/kv/a", "2")
        try node.replica.settle()
        let text = try client.received()
        let parts = text.components(separatedBy: "HTTP/1.1 200 OK")
        #expect(parts.count == 4)
        #expect(parts[1].contains("\"Value\":\"Mg==\""))
        #expect(parts[2].hasSuffix("true"))
        #expect(parts[3].hasSuffix("9"))
    }

    @Test("a service has its checks whichever case their ServiceID has")
    func foldedServiceID() throws {
        let body = """
            {"Node":"n","Address":"1.1.1.1","Service":{"ID":"Web1","Service":"web"},\
            "Check":{"CheckID":"c","Name":"c","ServiceID":"web1","Status":"critical"}}
            """
        #expect(try writer.ask("PUT", "/v1/catalog/register", body).status == 200)
        let all = try writer.ask("GET", "/v1/health/service/web").body
        #expect(all.contains("\"CheckID\":\"c\""))
        #expect(try writer.ask("GET", "/v1/health/service/web?passing").body == "[]")
    }

    @Test("of two values for one key of node-meta the later counts")
    func repeatedNodeMeta() throws {
        let body = "{\"Node\":\"n\",\"Address\":\"1.1.1.1\",\"NodeMeta\":{\"a\":\"2\"}}"
        _ = try writer.ask("PUT", "/v1/catalog/register", body)
        let later = try writer.ask("GET", "/v1/catalog/nodes?node-meta=a:1&node-meta=a:2").body
        #expect(later.contains("\"Node\":\"n\""))
        let earlier = try writer.ask("GET", "/v1/catalog/nodes?node-meta=a:2&node-meta=a:1").body
        #expect(earlier == "[]")
    }

    @Test("a proxy is not taken in silence, and none is what is answered for none")
    func proxies() throws {
        let none = "{\"MeshGateway\":{},\"Expose\":{}}"
        let some = "{\"DestinationServiceName\":\"web\"}"
        for (proxy, status) in [(none, 200), ("null", 200), (some, 400)] {
            let service = "{\"Service\":\"p\",\"Proxy\":\(proxy)}"
            let body = "{\"Node\":\"n\",\"Address\":\"1.1.1.1\",\"Service\":\(service)}"
            #expect(try writer.ask("PUT", "/v1/catalog/register", body).status == status)
        }
        let sidecar = "{\"Name\":\"w\",\"Connect\":{\"SidecarService\":{}}}"
        let refused = try writer.ask("PUT", "/v1/agent/service/register", sidecar)
        #expect(refused.status == 400)
        #expect(refused.body.contains("there is no service mesh here"))
        let native = "{\"Name\":\"w\",\"Connect\":{\"Native\":true,\"SidecarService\":null}}"
        #expect(try writer.ask("PUT", "/v1/agent/service/register", native).status == 200)
    }

    /// The second request was sent after the answer to somebody else's write, while the first one's
    /// snapshot was still open.
    @Test("a request that was sent ahead sees what was acknowledged before it was sent")
    func sentAhead() throws {
        _ = try writer.ask("PUT", "/v1/kv/a", "1")
        let client = try node.connect()
        _ = try client.ask("GET", "/v1/kv/a?raw")
        client.begin("GET /v1/kv/a?raw HTTP/1.1\r\nHost: x\r\n\r\n")
        let write = Transaction([
            .key(KeyTransactionOperation(verb: .set, key: "a", value: Array("2".utf8)))
        ])
        try node.replica.leaderProposes(write.encode(CommandHeader()))
        client.begin("GET /v1/kv/a?raw HTTP/1.1\r\nHost: x\r\n\r\n")
        try client.endOfTurn()
        let answers = try client.received()
        #expect(answers.contains("\r\n\r\n1HTTP/1.1 200"))
        #expect(answers.hasSuffix("\r\n\r\n2"))
    }
}
