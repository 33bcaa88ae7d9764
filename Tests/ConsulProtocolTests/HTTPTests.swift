import Bytes
import ConsulProtocol
import Testing

@Suite("Targets, parameters and heads are those of Go's server")
struct HTTPTests {
    private func target(_ text: String) -> RequestTarget {
        RequestTarget.parse(Array(text.utf8).rawSpan)
    }

    @Test("a path is unescaped and split from its query")
    func paths() {
        #expect(
            target("/v1/kv/a%2Fb+c?x=1")
                == .path(Array("/v1/kv/a/b+c".utf8), query: Array("x=1".utf8))
        )
        #expect(target("http://x/v1/kv/a") == .path(Array("/v1/kv/a".utf8), query: []))
    }

    @Test("an unclean path is elsewhere")
    func redirects() {
        #expect(target("/v1/kv//a") == .moved(location: "/v1/kv/a"))
        #expect(target("/v1/kv/a/../b?x=1") == .moved(location: "/v1/kv/b?x=1"))
        #expect(target("//v1/status/leader") == .moved(location: "/v1/status/leader"))
        #expect(
            RequestTarget.movedBody("/v1/kv/")
                == "<a href=\"/v1/kv/\">Moved Permanently</a>.\n\n"
        )
    }

    @Test("a key may hold dots that are no segments")
    func dots() {
        #expect(target("/v1/kv/.hidden") == .path(Array("/v1/kv/.hidden".utf8), query: []))
        #expect(target("/v1/kv/a/...") == .path(Array("/v1/kv/a/...".utf8), query: []))
    }

    @Test("malformed and unprintable targets are told apart")
    func badTargets() {
        #expect(target("/v1/kv/%zz") == .malformed)
        #expect(target("v1/x") == .malformed)
        #expect(target("/v1/kv/%00") == .unprintable)
        #expect(target("*") == .asterisk)
    }

    @Test("parameters are split at & and ;, and encoded in the order of their names")
    func parameters() {
        let parameters = QueryParameters(Array("cas=1&recurse;a=%20+b".utf8).rawSpan)
        #expect(parameters.first("a") == "  b")
        #expect(parameters.has("recurse"))
        #expect(parameters.encoded() == "a=++b&cas=1&recurse=")
        #expect(QueryParameters(Array("a=%zz".utf8).rawSpan).isMalformed)
    }

    private func options(_ query: String) throws(DecodeError) -> ReadOptions {
        let parameters = QueryParameters(Array(query.utf8).rawSpan)
        return try ReadOptions(parameters, cacheControl: "", limits: ConsulLimits())
    }

    @Test("waits are bounded and have a default")
    func waits() throws {
        #expect(try options("index=5").waitMilliseconds == 300_000)
        #expect(try options("index=5&wait=20m").waitMilliseconds == 600_000)
        #expect(try options("index=5&wait=-1s").waitMilliseconds == 300_000)
        #expect(throws: DecodeError("Invalid wait time")) { try options("wait=5") }
        #expect(throws: DecodeError("Invalid index")) { try options("index=-1") }
        #expect(
            throws: DecodeError("Cannot specify ?stale with ?consistent, conflicting semantics.")
        ) { try options("stale&consistent") }
    }

    @Test("a head has the order of Go's server")
    func heads() {
        var head = AnswerHead(content: .json)
        head.metadata = AnswerMetadata(index: 13, effectiveConsistency: .leader)
        var out = ByteWriter()
        head.write(to: &out, bodyBytes: 96, date: Array("now".utf8))
        let expected =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nVary: Accept-Encoding\r\n"
            + "X-Consul-Effective-Consistency: leader\r\nX-Consul-Index: 13\r\n"
            + "X-Consul-Knownleader: true\r\nX-Consul-Lastcontact: 0\r\nDate: now\r\n"
            + "Content-Length: 96\r\n\r\n"
        #expect(String(decoding: out.bytes, as: UTF8.self) == expected)
    }

    @Test("a header's value cannot begin another header")
    func headerInjection() {
        var head = AnswerHead(status: 404, content: .json)
        head.extra = .reason("ServiceName a\r\nX: y Not Found")
        var out = ByteWriter()
        head.write(to: &out, bodyBytes: 2, date: Array("now".utf8))
        let text = String(decoding: out.bytes, as: UTF8.self)
        #expect(text.contains("X-Consul-Reason: ServiceName a  X: y Not Found\r\n"))
    }
}
