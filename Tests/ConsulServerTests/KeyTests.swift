import Foundation
import NIOEmbedded
import Testing
import VirtualReplica

@Suite("KV answers as Consul 1.8.7")
struct KeyTests {
    private let node: TestNode
    private let client: TestClient

    init() throws {
        node = try TestNode()
        client = try node.connect()
    }

    @Test("a value is written and read, to the byte")
    func writeAndRead() throws {
        #expect(try client.ask("PUT", "/v1/kv/a/b", "he<>&llo").body == "true")
        let answer = try client.ask("GET", "/v1/kv/a/b")
        let index = answer.index
        let body =
            "[{\"LockIndex\":0,\"Key\":\"a/b\",\"Flags\":0,\"Value\":\"aGU8PiZsbG8=\","
            + "\"CreateIndex\":\(index),\"ModifyIndex\":\(index)}]"
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nVary: Accept-Encoding\r\n"
            + "X-Consul-Index: \(index)\r\nX-Consul-Knownleader: true\r\n"
            + "X-Consul-Lastcontact: 0\r\nDate: Tue, 24 Nov 2026 04:06:04 GMT\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n"
        #expect(answer.text == head + body)
    }

    @Test("a missing key is 404 with an index")
    func missing() throws {
        let answer = try client.ask("GET", "/v1/kv/none")
        #expect(answer.status == 404)
        #expect(answer.index >= 1)
        #expect(answer.body.isEmpty)
    }

    @Test("an empty value is null; ?raw gives the bytes")
    func emptyAndRaw() throws {
        _ = try client.ask("PUT", "/v1/kv/e")
        #expect(try client.ask("GET", "/v1/kv/e").body.contains("\"Value\":null"))
        _ = try client.ask("PUT", "/v1/kv/r", "raw\u{1f600}")
        let raw = try client.ask("GET", "/v1/kv/r?raw")
        #expect(raw.body == "raw\u{1f600}")
        #expect(raw.header("Content-Security-Policy") == "sandbox")
    }

    @Test("a large value comes back whole")
    func large() throws {
        let value = String(repeating: "0123456789", count: 1_234)
        _ = try client.ask("PUT", "/v1/kv/large", value)
        #expect(try client.ask("GET", "/v1/kv/large?raw").body == value)
        let encoded = Data(value.utf8).base64EncodedString()
        #expect(try client.ask("GET", "/v1/kv/large").body.contains("\"\(encoded)\""))
    }

    @Test("cas writes only over the index it names")
    func checkAndSet() throws {
        #expect(try client.ask("PUT", "/v1/kv/c?cas=0", "1").body == "true")
        #expect(try client.ask("PUT", "/v1/kv/c?cas=0", "2").body == "false")
        let index = try client.ask("GET", "/v1/kv/c").index
        #expect(try client.ask("PUT", "/v1/kv/c?cas=\(index)", "3").body == "true")
        #expect(try client.ask("DELETE", "/v1/kv/c?cas=\(index)").body == "false")
        #expect(try client.ask("PUT", "/v1/kv/c?cas=x").status == 500)
    }

    @Test("listings by prefix and separator")
    func listings() throws {
        for key in ["a", "d/1", "d/2/x", "d/2/y", "e"] {
            _ = try client.ask("PUT", "/v1/kv/\(key)", "v")
        }
        #expect(
            try client.ask("GET", "/v1/kv/?keys").body
                == "[\"a\",\"d/1\",\"d/2/x\",\"d/2/y\",\"e\"]"
        )
        #expect(try client.ask("GET", "/v1/kv/?keys&separator=/").body == "[\"a\",\"d/\",\"e\"]")
        #expect(
            try client.ask("GET", "/v1/kv/d/?keys&separator=/").body == "[\"d/1\",\"d/2/\"]"
        )
        let before = try client.ask("GET", "/v1/kv/d?recurse").index
        _ = try client.ask("PUT", "/v1/kv/e", "w")
        #expect(try client.ask("GET", "/v1/kv/d?recurse").index == before)
        _ = try client.ask("DELETE", "/v1/kv/d/2/y")
        #expect(try client.ask("GET", "/v1/kv/d?recurse").index > before)
        #expect(try client.ask("DELETE", "/v1/kv/d?recurse").body == "true")
        #expect(try client.ask("GET", "/v1/kv/d?keys").status == 404)
    }

    @Test("what is refused before it is tried")
    func refusals() throws {
        #expect(try client.ask("GET", "/v1/kv/").body == "Missing key name")
        #expect(
            try client.ask("PUT", "/v1/kv/x?cas=0&acquire=a").body
                == "Conflicting flags: acquire=a&cas=0"
        )
        #expect(try client.ask("PUT", "/v1/kv/x?acquire=").body == "missing session")
        #expect(
            try client.ask("PUT", "/v1/kv/x?acquire=abc").body
                == "failed session lookup: index error: UUID must be 36 characters"
        )
        let none = "adf4238a-882b-9ddc-4a9d-5b6758e4159e"
        #expect(
            try client.ask("PUT", "/v1/kv/x?acquire=\(none)").body == "invalid session \"\(none)\""
        )
        #expect(try client.ask("PUT", "/v1/kv/x?release=\(none)").body == "false")
        #expect(try client.ask("GET", "/v1/kv/x?dc=no").body == "No path to datacenter")
        let post = try client.ask("POST", "/v1/kv/x")
        #expect(post.status == 405)
        #expect(post.header("Allow") == "OPTIONS,GET,PUT,DELETE")
        #expect(try client.ask("GET", "/v1/kv//x").header("Location") == "/v1/kv/x")
    }

    @Test("a body that is too large closes the connection before it is read")
    func tooLarge() throws {
        try client.send("PUT /v1/kv/x HTTP/1.1\r\nHost: x\r\nContent-Length: 524289\r\n\r\n")
        let answer = TestAnswer(try client.received())
        #expect(answer.status == 413)
        #expect(answer.header("Connection") == "close")
        #expect(answer.body.hasPrefix("Request body(524289 bytes) too large, max size: 524288"))
        try node.replica.advance(milliseconds: 501)
        #expect(!client.channel.isActive)
    }
}
