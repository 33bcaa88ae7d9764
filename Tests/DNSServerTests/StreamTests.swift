import Bytes
import Commands
import DNSProtocol
import DNSServer
import Foundation
import Logging
import NIOCore
import NIOEmbedded
import Replica
import Testing
import VirtualReplica

/// The real handlers on a virtual replica that knows one node.
final class TestNode {
    let replica: VirtualReplica
    let loop: DNSLoop
    private let directory: URL

    init(_ configure: (inout DNSSettings) -> Void = { _ in }) throws {
        directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("names-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        replica = try VirtualReplica(directory: directory.path)
        let domain = try #require(DomainName("consul"))
        var settings = try #require(DNSSettings(datacenter: "dc1", domain: domain))
        configure(&settings)
        loop = DNSLoop(
            port: replica.port,
            eventLoop: replica.eventLoop,
            settings: settings,
            logger: Logger(label: "test"),
            random: { 0 }
        )
        let register = Register(
            node: NodeDefinition(name: "web", address: "10.0.0.1"),
            service: nil,
            checks: []
        )
        try replica.leaderProposes(register.encode(CommandHeader()))
    }

    deinit {
        try? FileManager.default.removeItem(at: directory)
    }

    func connect() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(loop: replica.eventLoop)
        try channel.pipeline.syncOperations.addHandler(StreamConnection(loop: loop))
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        return channel
    }

    /// A question, as a client sends it over TCP.
    static func framed(_ name: ByteString, id: UInt16 = 7) throws -> [UInt8] {
        var writer = ByteWriter()
        let wire = try #require(DomainName(name)).wire
        writer.integer(UInt16(16 + wire.count))
        for word in [id, 0x0100, 1, 0, 0, 0] { writer.integer(UInt16(word)) }
        writer.append(wire)
        writer.integer(UInt16(1))
        writer.integer(UInt16(1))
        return writer.bytes
    }
}

/// The ids and the codes of the answers since the last look.
private func answers(_ channel: EmbeddedChannel) throws -> [[UInt16]] {
    var all = ByteBuffer()
    while var buffer = try channel.readOutbound(as: ByteBuffer.self) { all.writeBuffer(&buffer) }
    var found: [[UInt16]] = []
    while let length: UInt16 = all.readInteger(), let message = all.readBytes(length: Int(length)) {
        found.append([UInt16(message[0]) << 8 | UInt16(message[1]), UInt16(message[3] & 15)])
    }
    return found
}

@Suite("Queries over TCP")
struct StreamTests {
    @Test("they are answered in their order, however they are cut")
    func pieces() throws {
        let node = try TestNode()
        let channel = try node.connect()
        let bytes =
            try TestNode.framed("web.node.consul", id: 1)
            + TestNode.framed("none.node.consul", id: 2)
            + TestNode.framed("example.com", id: 3)
        for byte in bytes { try channel.writeInbound(ByteBuffer(bytes: [byte])) }
        #expect(try answers(channel) == [[1, 0], [2, 3], [3, 5]])
        try channel.writeInbound(ByteBuffer(bytes: bytes))
        #expect(try answers(channel) == [[1, 0], [2, 3], [3, 5]])
        #expect(channel.isActive)
    }

    @Test("one connection takes 128 of them")
    func most() throws {
        let node = try TestNode()
        let channel = try node.connect()
        var bytes: [UInt8] = []
        for id in 1...200 { bytes += try TestNode.framed("web.node.consul", id: UInt16(id)) }
        try channel.writeInbound(ByteBuffer(bytes: bytes))
        // A few in each turn, and between turns the loop serves its sockets.
        #expect(try answers(channel).count == 8)
        try node.replica.settle()
        #expect(try answers(channel).isEmpty)
        for _ in 0..<15 { try node.replica.advance(milliseconds: 1) }
        #expect(try answers(channel) == (9...128).map { [$0, 0] })
        #expect(!channel.isActive)
        try node.replica.settle()
        #expect(node.loop.connectionCount == 0)
    }

    @Test("queries that take long are answered one by one, each connection in its turn")
    func turns() throws {
        let node = try TestNode()
        let (first, second) = (try node.connect(), try node.connect())
        let bytes = try (1...3).flatMap { try TestNode.framed("web.node.consul", id: $0) }
        node.replica.microsecondsPerLook = 1_000
        for channel in [first, second] { try channel.writeInbound(ByteBuffer(bytes: bytes)) }
        var counts = [[try answers(first).count, try answers(second).count]]
        for _ in 0..<5 {
            try node.replica.advance(milliseconds: 1)
            counts.append([try answers(first).count, try answers(second).count])
        }
        #expect(counts == [[1, 0], [1, 0], [0, 1], [1, 0], [0, 1], [0, 1]])
    }

    @Test("who says nothing is closed after two seconds, who has asked after eight")
    func idle() throws {
        let node = try TestNode()
        let (silent, slow) = (try node.connect(), try node.connect())
        try slow.writeInbound(ByteBuffer(bytes: TestNode.framed("web.node.consul")))
        try node.replica.advance(milliseconds: 1_900)
        #expect(silent.isActive)
        try node.replica.advance(milliseconds: 200)
        #expect(!silent.isActive)
        // What is no whole query does not count.
        try slow.writeInbound(ByteBuffer(bytes: [0, 100, 1]))
        try node.replica.advance(milliseconds: 5_800)
        #expect(slow.isActive)
        try node.replica.advance(milliseconds: 200)
        #expect(!slow.isActive)
        #expect(node.loop.connectionCount == 0)
    }

    @Test("what is no query gets no answer, and takes no other's")
    func noQuery() throws {
        let node = try TestNode()
        let channel = try node.connect()
        let bytes =
            [0, 0, 0, 3, 1, 2, 3] + (try TestNode.framed("web.node.consul", id: 9))
        try channel.writeInbound(ByteBuffer(bytes: bytes))
        #expect(try answers(channel) == [[9, 0]])
    }

    @Test("one that takes no answers gets them later, also when it has said all that it will say")
    func unwritable() throws {
        let node = try TestNode()
        let (channel, other) = (try node.connect(), try node.connect())
        let bytes = try (1...20).flatMap { try TestNode.framed("web.node.consul", id: $0) }
        channel.isWritable = false
        try channel.writeInbound(ByteBuffer(bytes: bytes))
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        try node.replica.advance(milliseconds: 100)
        #expect(try answers(channel).isEmpty)
        #expect(channel.isActive)
        try other.writeInbound(ByteBuffer(bytes: TestNode.framed("web.node.consul")))
        #expect(try answers(other) == [[7, 0]])
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        for _ in 0..<3 { try node.replica.advance(milliseconds: 1) }
        #expect(try answers(channel) == (1...20).map { [$0, 0] })
        #expect(!channel.isActive)
    }

    @Test("one that never takes any is closed")
    func neverWritable() throws {
        let node = try TestNode()
        let channel = try node.connect()
        channel.isWritable = false
        try channel.writeInbound(ByteBuffer(bytes: TestNode.framed("web.node.consul")))
        try node.replica.advance(milliseconds: 20_000)
        #expect(!channel.isActive)
        #expect(node.loop.connectionCount == 0)
    }

    @Test("a node that stops closes them")
    func stop() throws {
        let node = try TestNode()
        let channel = try node.connect()
        try channel.writeInbound(ByteBuffer(bytes: TestNode.framed("web.node.consul")))
        node.loop.retire()
        #expect(try answers(channel) == [[7, 0]])
        #expect(!channel.isActive)
    }

    @Test("a node that serves nobody says that it failed")
    func unserving() throws {
        let node = try TestNode()
        node.replica.board.update { $0.isDismissed = true }
        let channel = try node.connect()
        try channel.writeInbound(ByteBuffer(bytes: TestNode.framed("web.node.consul")))
        #expect(try answers(channel) == [[7, 2]])
    }

    @Test(
        "where tokens are needed, the operator's token for clients without one decides",
        arguments: [("", true, 0), ("", false, 3), ("unknown", true, 2), ("unknown", false, 2)]
    )
    func tokens(fallback: String, allows: Bool, code: Int) throws {
        let node = try TestNode {
            $0.access.isEnabled = true
            $0.access.allowsByDefault = allows
            $0.access.fallback = ByteString(fallback)
        }
        let channel = try node.connect()
        try channel.writeInbound(ByteBuffer(bytes: TestNode.framed("web.node.consul")))
        #expect(try answers(channel) == [[7, UInt16(code)]])
    }
}
