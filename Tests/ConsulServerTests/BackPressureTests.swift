import ConsulProtocol
import ConsulServer
import Foundation
import NIOCore
import NIOEmbedded
import Replica
import Testing
import VirtualReplica

/// A client that sent requests back to back and read no answer had the server make them all: one
/// packet of reads of a large key was a gigabyte of memory, and more than 4 GiB ended the process.
@Suite("A client that does not read its answers gets no more of them made")
struct BackPressureTests {
    private let node: TestNode
    private let client: TestClient

    init() throws {
        node = try TestNode()
        client = try node.connect()
    }

    private func pipelined(_ path: String, times: Int) -> ByteBuffer {
        let request = "GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n"
        return ByteBuffer(string: String(repeating: request, count: times))
    }

    private func answers(in text: String) -> Int {
        text.components(separatedBy: "HTTP/1.1 200 OK").count - 1
    }

    private func setWritable(_ isWritable: Bool) {
        client.channel.isWritable = isWritable
        client.channel.pipeline.fireChannelWritabilityChanged()
    }

    @Test func `a turn makes no more than the bound and one answer, and the next goes on`() throws {
        let most = ConsulLimits().valueBytesMax
        let value = String(repeating: "v", count: most)
        #expect(try client.ask("PUT", "/v1/kv/a", value).status == 200)
        try client.channel.writeInbound(pipelined("/v1/kv/a?raw&stale", times: 10))
        node.replica.port.flushOutgoing()
        let first = try client.received()
        #expect(first.utf8.count <= ConsulLimits().unsentBytesMax + most + 1_024)
        #expect(answers(in: first) > 0)
        try node.replica.settle()
        #expect(answers(in: first + (try client.received())) == 10)
    }

    @Test func `what comes while the socket takes nothing waits until it does`() throws {
        setWritable(false)
        try client.channel.writeInbound(pipelined("/v1/status/leader", times: 200))
        try node.replica.settle()
        #expect(try client.received() == "")
        setWritable(true)
        try node.replica.settle()
        #expect(answers(in: try client.received()) == 200)
    }

    @Test func `a request whose body is on its way is still taken whole`() throws {
        try client.send("PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha")
        setWritable(false)
        try client.send("lf")
        #expect(answers(in: try client.received()) == 1)
        try client.channel.writeInbound(pipelined("/v1/kv/b?raw", times: 1))
        try node.replica.settle()
        setWritable(true)
        try node.replica.settle()
        let text = try client.received()
        #expect(text.hasSuffix("half"))
        #expect(answers(in: text) == 1)
    }

    @Test func `a client that has closed its side gets all that it asked for`() throws {
        setWritable(false)
        try client.channel.writeInbound(pipelined("/v1/status/leader", times: 3))
        client.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        try node.replica.settle()
        #expect(client.channel.isActive)
        setWritable(true)
        try node.replica.settle()
        #expect(answers(in: try client.received()) == 3)
        #expect(!client.channel.isActive)
    }

    /// Whoever made an answer of 4 GiB ended the process: no buffer is so long.
    @Test func `an answer that is too long is refused, also to who waited for it`() throws {
        let node = try TestNode { $0.limits.answerBytesMax = 200 }
        let (reader, writer) = (try node.connect(), try node.connect())
        _ = try writer.ask("PUT", "/v1/kv/a", "1")
        let index = try reader.ask("GET", "/v1/kv/a").index
        try reader.request("GET", "/v1/kv/a?index=\(index)")
        _ = try writer.ask("PUT", "/v1/kv/a", String(repeating: "v", count: 200))
        let woken = TestAnswer(try reader.received())
        #expect(woken.status == 500)
        #expect(woken.body.hasSuffix("bytes too large, max size: 200 bytes"))
        #expect(try reader.ask("GET", "/v1/kv/a").status == 500)
        #expect(try reader.ask("GET", "/v1/kv/a?keys").body == "[\"a\"]")
    }
}
