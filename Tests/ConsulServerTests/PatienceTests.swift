import NIOEmbedded
import Testing
import VirtualReplica

/// Clients that take a connection and do not use it.
@Suite("A connection must ask something, and ask it whole")
struct PatienceTests {
    private let node: TestNode

    init() throws {
        node = try TestNode()
    }

    @Test("one that asks nothing is closed after a minute")
    func silent() throws {
        let client = try node.connect()
        try node.replica.advance(milliseconds: 55_000)
        #expect(client.channel.isActive)
        try node.replica.advance(milliseconds: 10_000)
        #expect(!client.channel.isActive)
    }

    @Test("one whose head comes byte by byte is closed after a minute")
    func slowHead() throws {
        let client = try node.connect()
        #expect(try client.ask("GET", "/v1/status/leader").status == 200)
        try client.send("GET /v1/status/leader HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        for _ in 0..<5 {
            try node.replica.advance(milliseconds: 10_000)
            try client.send("a")
        }
        #expect(client.channel.isActive)
        try node.replica.advance(milliseconds: 15_000)
        #expect(!client.channel.isActive)
    }

    @Test("one whose body does not come is closed after a minute")
    func slowBody() throws {
        let client = try node.connect()
        try client.send("PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        try node.replica.advance(milliseconds: 55_000)
        #expect(client.channel.isActive)
        try node.replica.advance(milliseconds: 10_000)
        #expect(!client.channel.isActive)
    }

    @Test("one that has asked may rest as long as it likes, also after a head in two pieces")
    func resting() throws {
        let client = try node.connect()
        try client.send("GET /v1/status/leader HTTP/1.1\r\nHo")
        try client.send("st: x\r\n\r\n")
        #expect(try client.received().hasPrefix("HTTP/1.1 200"))
        try node.replica.advance(milliseconds: 3_600_000)
        #expect(client.channel.isActive)
        #expect(try client.ask("GET", "/v1/status/leader").status == 200)
    }
}
