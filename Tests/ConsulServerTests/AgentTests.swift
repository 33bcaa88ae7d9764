import Bytes
import Commands
import Foundation
import NIOEmbedded
import Testing
import VirtualReplica

@Suite("Agent and catalog answer as Consul 1.8.7")
struct AgentTests {
    private let node: TestNode
    private let client: TestClient

    init() throws {
        node = try TestNode()
        client = try node.connect()
    }

    /// A registration that said "passing" made a failed check pass, and emptied its output.
    @Test("a check that is registered again keeps its status and output")
    func registeredAgain() throws {
        let path = "/v1/agent/service/register"
        let web = "{\"Name\":\"web\",\"Check\":{\"TTL\":\"10s\",\"Status\":\"passing\"}}"
        #expect(try client.ask("PUT", path, web).status == 200)
        #expect(try client.ask("GET", "/v1/agent/checks").body.contains("\"passing\""))
        #expect(try client.ask("PUT", "/v1/agent/check/warn/service:web?note=hm").status == 200)
        for again in [path, "\(path)?replace-existing-checks"] {
            #expect(try client.ask("PUT", again, web).status == 200)
            let checks = try client.ask("GET", "/v1/agent/checks").body
            #expect(checks.contains("\"Status\":\"warning\""))
            #expect(checks.contains("\"Output\":\"hm\""))
        }
        let expiry = UpdateCheck(
            node: "n1",
            checkID: "service:web",
            status: .critical,
            output: "",
            expired: true,
            term: 1
        )
        try node.replica.leaderProposes(expiry.encode(CommandHeader()))
        let check =
            "{\"ID\":\"service:web\",\"Name\":\"w\",\"TTL\":\"10s\",\"ServiceID\":\"web\","
            + "\"Status\":\"passing\"}"
        #expect(try client.ask("PUT", path, web).status == 200)
        #expect(try client.ask("PUT", "/v1/agent/check/register", check).status == 200)
        let checks = try client.ask("GET", "/v1/agent/checks").body
        #expect(checks.contains("\"Status\":\"critical\""))
        #expect(checks.contains("TTL expired (last output before timeout follows): hm"))
    }

    @Test("an empty status of a check is none")
    func emptyStatus() throws {
        let path = "/v1/agent/check/register"
        let empty = "{\"Name\":\"e\",\"TTL\":\"10s\",\"Status\":\"\"}"
        #expect(try client.ask("PUT", path, empty).status == 200)
        #expect(try client.ask("GET", "/v1/agent/checks").body.contains("\"Status\":\"critical\""))
        let odd = "{\"Name\":\"o\",\"TTL\":\"10s\",\"Status\":\"odd\"}"
        let answer = try client.ask("PUT", path, odd)
        #expect(answer.status == 400)
        #expect(answer.body == "Bad check status")
    }

    /// Whether node, check and service of the server itself are there, and the check is passing.
    private func isInCatalog() throws -> Bool {
        try client.ask("GET", "/v1/health/service/consul?passing").body
            .contains("Agent alive and reachable")
    }

    /// Whoever deregistered a node that is alive took it out of the catalog until it was restarted.
    @Test("what is taken from the server's own entry is back within half a minute")
    func ownEntry() throws {
        #expect(try isInCatalog())
        for part in ["", ",\"CheckID\":\"serfHealth\"", ",\"ServiceID\":\"consul\""] {
            let body = "{\"Node\":\"n1\"\(part)}"
            #expect(try client.ask("PUT", "/v1/catalog/deregister", body).body == "true")
            #expect(try !isInCatalog())
            try node.replica.advance(milliseconds: 31_000)
            #expect(try isInCatalog())
        }
    }

    @Test("a server that is in the catalog adds nothing to the log")
    func ownEntryRests() throws {
        let index = node.replica.index
        try node.replica.advance(milliseconds: 50_000)
        try node.replica.advance(milliseconds: 50_000)
        #expect(node.replica.index == index)
    }

    @Test("a server that the leader took for dead does not say itself that it is alive")
    func silentMember() throws {
        #expect(try isInCatalog())
        let silence = UpdateCheck(
            node: "n1",
            checkID: "serfHealth",
            status: .critical,
            output: "Agent not live or unreachable",
            term: 1
        )
        try node.replica.leaderProposes(silence.encode(CommandHeader()))
        let body = "{\"Node\":\"n1\",\"ServiceID\":\"consul\"}"
        #expect(try client.ask("PUT", "/v1/catalog/deregister", body).body == "true")
        try node.replica.advance(milliseconds: 31_000)
        let services = try client.ask("GET", "/v1/health/service/consul").body
        #expect(services.contains("Agent not live or unreachable"))
        #expect(try !isInCatalog())
    }

    @Test("an agent's service is deregistered by its id to the letter")
    func spelling() throws {
        let body = "{\"Name\":\"s1\"}"
        #expect(try client.ask("PUT", "/v1/agent/service/register", body).status == 200)
        for (id, isLeft) in [("S1", true), ("s2", true), ("s1", false)] {
            let answer = try client.ask("PUT", "/v1/agent/service/deregister/\(id)")
            #expect(answer.status == 200)
            #expect(answer.body.isEmpty)
            let services = try client.ask("GET", "/v1/agent/services").body
            #expect(services.contains("\"s1\"") == isLeft)
        }
    }

    @Test("a registration in the catalog is in the datacenter of its body, not of its query")
    func datacenters() throws {
        let body = "{\"Node\":\"x\",\"Address\":\"10.0.0.1\"}"
        let other = "{\"Node\":\"x\",\"Address\":\"10.0.0.1\",\"Datacenter\":\"nope\"}"
        for verb in ["register", "deregister"] {
            let path = "/v1/catalog/\(verb)"
            #expect(try client.ask("PUT", "\(path)?dc=nope", body).body == "true")
            let refusal = try client.ask("PUT", path, other)
            #expect(refusal.status == 500)
            #expect(refusal.body == "No path to datacenter")
        }
        #expect(try client.ask("GET", "/v1/catalog/nodes?dc=nope").status == 500)
    }

    @Test("a node without services has none, and an empty list where a filter was asked for")
    func withoutServices() throws {
        let bare = "{\"Node\":\"bare\",\"Address\":\"10.0.0.1\"}"
        #expect(try client.ask("PUT", "/v1/catalog/register", bare).body == "true")
        let path = "/v1/catalog/node-services/bare"
        #expect(try client.ask("GET", path).body.hasSuffix("\"Services\":null}"))
        #expect(try client.ask("GET", "\(path)?filter=Port==8").body.hasSuffix("\"Services\":[]}"))
        let web = "{\"Node\":\"bare\",\"SkipNodeUpdate\":true,\"Service\":{\"Service\":\"web\"}}"
        #expect(try client.ask("PUT", "/v1/catalog/register", web).body == "true")
        #expect(try client.ask("GET", path).body.contains("\"Services\":[{\"ID\":\"web\""))
        #expect(try client.ask("GET", "\(path)?filter=Port==8").body.hasSuffix("\"Services\":[]}"))
    }
}
