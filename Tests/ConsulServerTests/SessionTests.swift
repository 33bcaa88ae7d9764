import Bytes
import Commands
import Foundation
import Replica
import Testing
import VirtualReplica

@Suite("Sessions, locks and transactions")
struct SessionTests {
    private let node: TestNode
    private let client: TestClient

    init() throws {
        node = try TestNode()
        client = try node.connect()
    }

    private func create(_ body: String) throws -> String {
        let answer = try client.ask("PUT", "/v1/session/create", body)
        #expect(answer.status == 200)
        return String(answer.body.dropFirst(7).prefix(36))
    }

    @Test("a session is made, told, renewed and ended")
    func life() throws {
        let id = try create("{\"Name\":\"x\",\"TTL\":\"11s\"}")
        let info = try client.ask("GET", "/v1/session/info/\(id)")
        let expected =
            "[{\"ID\":\"\(id)\",\"Name\":\"x\",\"Node\":\"n1\",\"LockDelay\":15000000000,"
            + "\"Behavior\":\"release\",\"TTL\":\"11s\",\"NodeChecks\":[\"serfHealth\"],"
            + "\"ServiceChecks\":null,\"CreateIndex\":\(info.index),\"ModifyIndex\":\(info.index)}]"
        #expect(info.body == expected)
        #expect(try client.ask("PUT", "/v1/session/renew/\(id)").body == expected)
        #expect(try client.ask("GET", "/v1/session/node/n1").body == expected)
        #expect(try client.ask("PUT", "/v1/session/destroy/\(id)").body == "true")
        #expect(try client.ask("GET", "/v1/session/info/\(id)").body == "[]")
        #expect(
            try client.ask("PUT", "/v1/session/renew/\(id)").body
                == "Session id '\(id)' not found"
        )
    }

    @Test("a lock is held until it is let go, and a plain write keeps it")
    func locks() throws {
        let one = try create("{\"LockDelay\":\"0s\"}")
        let two = try create("{\"LockDelay\":\"0s\"}")
        #expect(try client.ask("PUT", "/v1/kv/l?acquire=\(one)", "1").body == "true")
        #expect(try client.ask("PUT", "/v1/kv/l?acquire=\(two)", "2").body == "false")
        #expect(try client.ask("PUT", "/v1/kv/l", "3").body == "true")
        let held = try client.ask("GET", "/v1/kv/l").body
        #expect(held.contains("\"Session\":\"\(one)\""))
        // As in the real server, whose plain write also forgets the count of holders.
        #expect(held.contains("\"LockIndex\":0"))
        #expect(try client.ask("PUT", "/v1/kv/l?release=\(two)").body == "false")
        #expect(try client.ask("PUT", "/v1/kv/l?release=\(one)").body == "true")
        #expect(try client.ask("PUT", "/v1/kv/l?acquire=\(two)", "2").body == "true")
        #expect(try client.ask("GET", "/v1/kv/l").body.contains("\"LockIndex\":1"))
    }

    /// The leader knew nothing of a session that was renewed in capitals, and let it end; a lock
    /// that was taken in capitals was nobody's when it did, and stayed taken.
    @Test("a session is the same in every spelling of its identifier")
    func spelling() throws {
        let id = try create("{\"TTL\":\"11s\",\"LockDelay\":\"0s\"}")
        let capitals = id.uppercased()
        try #require(capitals != id)
        #expect(try client.ask("PUT", "/v1/session/renew/\(capitals)").status == 200)
        #expect(node.replica.heartbeats.consul == [ByteString(id)])
        #expect(try client.ask("PUT", "/v1/kv/l?acquire=\(capitals)", "1").body == "true")
        #expect(try client.ask("PUT", "/v1/kv/l?release=\(id)").body == "true")
        let locks =
            "[{\"KV\":{\"Verb\":\"lock\",\"Key\":\"m\",\"Session\":\"\(capitals)\"}},"
            + "{\"KV\":{\"Verb\":\"check-session\",\"Key\":\"m\",\"Session\":\"\(id)\"}}]"
        #expect(try client.ask("PUT", "/v1/txn", locks).status == 200)
        #expect(try client.ask("PUT", "/v1/kv/l?acquire=\(capitals)", "1").body == "true")
        #expect(try client.ask("PUT", "/v1/session/destroy/\(capitals)").body == "true")
        for key in ["l", "m"] {
            #expect(try !client.ask("GET", "/v1/kv/\(key)").body.contains("\"Session\""))
        }
    }

    @Test("after a session's end its lock is delayed")
    func lockDelay() throws {
        let one = try create("{\"LockDelay\":\"10s\"}")
        let two = try create("{}")
        _ = try client.ask("PUT", "/v1/kv/l?acquire=\(one)", "1")
        let expiry = DestroyConsulSession(id: ByteString(one), expired: true, term: 1)
        try node.replica.leaderProposes(expiry.encode(CommandHeader()))
        #expect(try client.ask("PUT", "/v1/kv/l?acquire=\(two)", "2").body == "false")
        try node.replica.advance(milliseconds: 10_001)
        #expect(try client.ask("PUT", "/v1/kv/l?acquire=\(two)", "2").body == "true")
    }

    @Test("a transaction does all or nothing")
    func transactions() throws {
        let good =
            "[{\"KV\":{\"Verb\":\"set\",\"Key\":\"t\",\"Value\":\"aGk=\"}},"
            + "{\"KV\":{\"Verb\":\"get\",\"Key\":\"t\"}}]"
        let answer = try client.ask("PUT", "/v1/txn", good)
        #expect(answer.status == 200)
        #expect(answer.body.contains("\"Value\":null"))
        #expect(answer.body.hasSuffix("],\"Errors\":null}"))
        let bad =
            "[{\"KV\":{\"Verb\":\"set\",\"Key\":\"u\"}},{\"KV\":{\"Verb\":\"get\",\"Key\":\"no\"}}]"
        let rollback = try client.ask("PUT", "/v1/txn", bad)
        #expect(rollback.status == 409)
        #expect(
            rollback.body
                == "{\"Results\":null,\"Errors\":[{\"OpIndex\":1,"
                + "\"What\":\"key \\\"no\\\" doesn't exist\"}]}"
        )
        #expect(try client.ask("GET", "/v1/kv/u").status == 404)
        let nameless =
            "[{\"KV\":{\"Verb\":\"set\",\"Key\":\"u\"}},"
            + "{\"Check\":{\"Verb\":\"set\",\"Check\":{\"Node\":\"n1\"}}}]"
        let refusal = try client.ask("PUT", "/v1/txn", nameless)
        #expect(refusal.status == 409)
        #expect(
            refusal.body
                == "{\"Results\":null,\"Errors\":[{\"OpIndex\":1,"
                + "\"What\":\"failed inserting check: object missing primary index\"}]}"
        )
        #expect(try client.ask("GET", "/v1/kv/u").status == 404)
        let read = try client.ask("PUT", "/v1/txn", "[]")
        #expect(
            read.body
                == "{\"Results\":[],\"Errors\":null,\"Index\":0,\"LastContact\":0,"
                + "\"KnownLeader\":true,\"ConsistencyLevel\":\"\"}"
        )
    }

    @Test("this node is in the catalog from the start")
    func ownNode() throws {
        let nodes = try client.ask("GET", "/v1/catalog/nodes")
        #expect(nodes.body.contains("\"Node\":\"n1\""))
        #expect(nodes.header("X-Consul-Knownleader") == "true")
        #expect(
            try client.ask("GET", "/v1/health/service/consul?passing").body
                .contains("Agent alive and reachable")
        )
        #expect(try client.ask("GET", "/v1/agent/services").body == "{}")
        #expect(try client.ask("GET", "/v1/status/leader").body == "\"127.0.0.1:8300\"")
    }
}
