import ConsulProtocol
import ConsulServer
import Testing
import VirtualReplica

/// What anybody may ask of tokens, and how much of it.
@Suite("Tokens") struct TokenTests {

    private func node(
        initialManagement: String = "",
        reset: UInt64 = 0,
        isPaused: Bool = false
    ) throws -> TestNode {
        var tokens = TokenSettings()
        tokens.isEnabled = true
        tokens.allowsByDefault = false
        tokens.initialManagement = initialManagement
        tokens.bootstrapReset = { reset }
        return try TestNode(isPaused: isPaused) { $0.tokens = tokens }
    }

    @Test("a bootstrap that is refused is no entry of the log", arguments: [0, 1, 1_000_000])
    func refusedBootstraps(reset: UInt64) throws {
        let node = try node(reset: reset)
        let client = try node.connect()
        // Before the first one nobody can name an index, and nobody has to.
        #expect(try client.ask("PUT", "/v1/acl/bootstrap").status == 200)
        let index = node.replica.index
        try #require(index != reset)
        let known =
            reset == 0
            ? "ACL bootstrap no longer allowed" : "Invalid bootstrap reset index \(reset)"
        for _ in 0..<3 {
            let answer = try client.ask("PUT", "/v1/acl/bootstrap")
            #expect(answer.status == 403)
            #expect(answer.body == "Permission denied: \(known) (reset index: \(index))")
        }
        #expect(node.replica.index == index)
    }

    @Test("a reset that names the last bootstrap is good for one more")
    func reset() throws {
        // Two entries announce the node.
        let node = try node(reset: 3)
        let client = try node.connect()
        #expect(try client.ask("PUT", "/v1/acl/bootstrap").status == 200)
        try #require(node.replica.index == 3)
        #expect(try client.ask("PUT", "/v1/acl/bootstrap").status == 200)
        #expect(try client.ask("PUT", "/v1/acl/bootstrap").status == 403)
        #expect(node.replica.index == 4)
    }

    @Test("a bootstrap does not come before the token of the configuration")
    func configuredToken() throws {
        let node = try node(initialManagement: "root", isPaused: true)
        let client = try node.connect()
        let early = try client.ask("PUT", "/v1/acl/bootstrap")
        #expect(early.status == 500)
        #expect(early.body == "the initial management token is not in the state yet")
        try node.replica.resume()
        #expect(node.replica.index == 2)
        #expect(try client.ask("PUT", "/v1/acl/bootstrap").status == 403)
        #expect(node.replica.index == 2)
        #expect(try client.ask("GET", "/v1/acl/tokens?token=root").status == 200)
    }

    /// As Consul 1.8.7 was seen to answer.
    @Test(
        "of several headers with a token the first counts",
        arguments: [
            (["X-Consul-Token: root", "X-Consul-Token: bad"], 200),
            (["X-Consul-Token: bad", "X-Consul-Token: root"], 403),
            (["X-Consul-Token: ", "X-Consul-Token: root"], 403),
            (["X-Consul-Token: ", "Authorization: Bearer root"], 200),
            (["Authorization: Bearer bad", "X-Consul-Token: root"], 200),
            (["Authorization: Bearer root", "Authorization: Bearer bad"], 200),
            (["Authorization: Bearer bad", "Authorization: Bearer root"], 403),
            (["Authorization: Basic x", "Authorization: Bearer root"], 403),
        ]
    )
    func severalHeaders(headers: [String], status: Int) throws {
        let node = try node(initialManagement: "root")
        let client = try node.connect()
        let lines = (["Host: x"] + headers).joined(separator: "\r\n")
        try client.send("GET /v1/acl/tokens HTTP/1.1\r\n\(lines)\r\n\r\n")
        #expect(TestAnswer(try client.received()).status == status)
    }

    @Test("a token's description has a bound, however the token is made or changed")
    func longDescription() throws {
        let node = try node(initialManagement: "root")
        let client = try node.connect()
        let most = ConsulLimits().tokenDescriptionBytesMax
        func ask(_ path: String, _ bytes: Int) throws -> TestAnswer {
            let body = "{\"Description\":\"\(String(repeating: "d", count: bytes))\"}"
            return try client.ask("PUT", "/v1/acl/token\(path)?token=root", body)
        }
        let made = try ask("", most)
        #expect(made.status == 200)
        let accessor = String(made.body.dropFirst("{\"AccessorID\":\"".count).prefix(36))
        for path in ["", "/\(accessor)", "/\(accessor)/clone"] {
            #expect(try ask(path, most).status == 200, "\(path)")
            let answer = try ask(path, most + 1)
            #expect(answer.status == 400, "\(path)")
            #expect(answer.body.hasSuffix("Description of \(most + 1) bytes too large"))
        }
    }
}
