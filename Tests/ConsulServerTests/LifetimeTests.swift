import ConsulServer
import Logging
import NIOCore
import NIOEmbedded
import Testing
import VirtualReplica

/// A server that was told to stop ended with SIGABRT where a client's connection was open: whoever
/// had made the loop had let go of it, and the connection that closed looked for it.
@Suite("A loop lives as long as its connections")
struct LifetimeTests {
    private let scratch: Scratch
    private let replica: VirtualReplica

    init() throws {
        scratch = try Scratch()
        replica = try VirtualReplica(directory: scratch.path)
    }

    /// A connection whose loop nobody else has.
    private func connect() throws -> EmbeddedChannel {
        let settings = ConsulSettings(
            nodeName: "n1",
            nodeID: "17c0d398-f9be-3eb2-0ba7-b29640325fe8",
            address: "127.0.0.1",
            peerPort: 8300,
            httpPort: 8500
        )
        let loop = ConsulLoop(
            port: replica.port,
            eventLoop: replica.eventLoop,
            settings: settings,
            logger: Logger(label: "test"),
            random: { 1 }
        )
        let channel = EmbeddedChannel(loop: replica.eventLoop)
        try ConsulFrontEnd.configure(channel, loop: loop)
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        return channel
    }

    private func ask(_ channel: EmbeddedChannel, _ head: String, _ body: String) throws -> String {
        let length = "Content-Length: \(body.utf8.count)"
        let text = "\(head) HTTP/1.1\r\nHost: x\r\n\(length)\r\n\r\n\(body)"
        try channel.writeInbound(ByteBuffer(string: text))
        try replica.settle()
        var answer = ""
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) {
            answer += String(decoding: buffer.readableBytesView, as: UTF8.self)
        }
        return answer
    }

    @Test("a connection is answered and closes well when it alone has the loop")
    func connectionKeepsLoop() throws {
        let channel = try connect()
        try replica.settle()
        #expect(try ask(channel, "PUT /v1/kv/a", "1").hasSuffix("true"))
        #expect(try ask(channel, "GET /v1/kv/a?raw", "").hasSuffix("1"))
        #expect(try channel.finish(acceptAlreadyClosed: true).isClean)
    }
}
