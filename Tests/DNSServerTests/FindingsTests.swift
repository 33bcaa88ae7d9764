import Bytes
import Commands
import DNSServer
import Foundation
import NIOCore
import NIOEmbedded
import Testing
import VirtualReplica

/// What the answers to questions for addresses are, and changes of what they are about.
@Suite("What was found is told as long as it is so")
struct FindingsTests {
    /// Everything is so large that it is told for longer.
    private static func slow(_ settings: inout DNSSettings) {
        settings.limits.readRowsMax = 0
    }

    private func register(
        _ name: String,
        _ address: String,
        on node: TestNode
    ) throws {
        try node.replica.leaderProposes(Self.entry(name, address))
    }

    private static func entry(_ name: String, _ address: String) -> [UInt8] {
        Register(
            node: NodeDefinition(name: ByteString("on-\(name)"), address: ByteString(address)),
            service: ServiceDefinition(id: ByteString(name), name: ByteString(name)),
            checks: []
        ).encode(CommandHeader())
    }

    /// The last byte of the address that is told; nil: none.
    private func told(_ name: String, by node: TestNode) throws -> UInt8? {
        let channel = try node.connect()
        let question = try TestNode.framed(ByteString("\(name).service.consul"))
        try channel.writeInbound(ByteBuffer(bytes: question))
        let message = try channel.readOutbound(as: ByteBuffer.self)
        let bytes = Array(try #require(message).readableBytesView)
        // The length before it, then the head.
        return bytes[9] == 0 ? nil : bytes.last
    }

    @Test("a change shows in the next answer")
    func changes() throws {
        let node = try TestNode()
        #expect(try told("a", by: node) == nil)
        for last in UInt8(1)...3 {
            try register("a", "10.0.0.\(last)", on: node)
            #expect(try told("a", by: node) == last)
            #expect(try told("a", by: node) == last)
        }
    }

    @Test("another state has its own answers, though its indexes are those of the former one")
    func refill() throws {
        let node = try TestNode()
        try register("a", "10.0.0.1", on: node)
        #expect(try told("a", by: node) == 1)
        let index = node.replica.index
        let right = FileManager.default.temporaryDirectory
            .appendingPathComponent("names-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: right, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: right) }
        let entries = [Self.entry("other", "10.0.0.9"), Self.entry("a", "10.0.0.2")]
        try node.replica.replaceState(directory: right.path, with: entries)
        #expect(node.replica.index == index)
        #expect(try told("a", by: node) == 2)
    }

    @Test("what takes long to read is told for ten times as long after a change")
    func patience() throws {
        let node = try TestNode(Self.slow)
        node.replica.microsecondsPerLook = 100
        try register("a", "10.0.0.1", on: node)
        #expect(try told("a", by: node) == 1)
        try register("a", "10.0.0.2", on: node)
        #expect(try told("a", by: node) == 1)
        try node.replica.advance(milliseconds: 2)
        #expect(try told("a", by: node) == 2)
    }

    @Test("names that nobody has take no place of others, and one too many takes that of all")
    func places() throws {
        let node = try TestNode {
            Self.slow(&$0)
            $0.limits.findingsMax = 1
            $0.limits.toldFactor = 1_000_000
        }
        node.replica.microsecondsPerLook = 100
        try register("a", "10.0.0.1", on: node)
        try register("b", "10.0.0.2", on: node)
        #expect(try told("a", by: node) == 1)
        for number in 0..<10 { #expect(try told("none\(number)", by: node) == nil) }
        try register("a", "10.0.0.3", on: node)
        #expect(try told("a", by: node) == 1)
        #expect(try told("b", by: node) == 2)
        #expect(try told("a", by: node) == 3)
    }

    @Test("what takes more memory than there is for it is read each time")
    func bytes() throws {
        let node = try TestNode {
            Self.slow(&$0)
            $0.limits.findingsBytesMax = 1_000
            $0.limits.toldFactor = 1_000_000
        }
        node.replica.microsecondsPerLook = 100
        try register("a", "10.0.0.1", on: node)
        #expect(try told("a", by: node) == 1)
        try register("a", "10.0.0.2", on: node)
        #expect(try told("a", by: node) == 2)
    }
}
