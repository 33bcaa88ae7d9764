import Bytes
import DNSServer
import NIOCore
import NIOEmbedded
import Testing
import VirtualReplica

@Suite("Queries by datagrams")
struct DatagramTests {
    private let node: TestNode
    private let channel: EmbeddedChannel

    init() throws {
        node = try TestNode()
        channel = EmbeddedChannel(loop: node.replica.eventLoop)
    }

    /// - Parameter unsent: what the kernel did not take.
    private func serve(unsent: Int) throws {
        let handler = DatagramHandler(unsentBytes: { _ in unsent }, findLoop: { node.loop })
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    private func ask(from port: Int = 5_353) throws {
        let query = try TestNode.framed("web.node.consul").dropFirst(2)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: port)
        let data = ByteBuffer(bytes: query)
        try channel.writeInbound(AddressedEnvelope(remoteAddress: address, data: data))
    }

    private func answer() throws -> AddressedEnvelope<ByteBuffer>? {
        try channel.readOutbound(as: AddressedEnvelope<ByteBuffer>.self)
    }

    @Test("each is answered to its sender")
    func answered() throws {
        try serve(unsent: 0)
        try ask(from: 7)
        #expect(try answer()?.remoteAddress.port == 7)
    }

    @Test("nobody can be answered at port 0")
    func portZero() throws {
        try serve(unsent: 0)
        try ask(from: 0)
        #expect(try answer() == nil)
    }

    @Test("what the network does not take is bounded, and queries beyond it are dropped")
    func unsent() throws {
        let bound = DNSLimits().unsentBytesMax
        try serve(unsent: bound + 1)
        channel.isWritable = false
        try ask()
        #expect(try answer() == nil)
        #expect(node.loop.collectCounts(beginsInterval: false).dropped == 1)
    }

    @Test("a channel that NIO calls unwritable though nothing waits is written to")
    func wronglyUnwritable() throws {
        try serve(unsent: 0)
        channel.isWritable = false
        try ask()
        #expect(try answer() != nil)
        #expect(node.loop.collectCounts(beginsInterval: false).dropped == 0)
    }
}
