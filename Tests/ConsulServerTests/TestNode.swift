import ConsulServer
import Foundation
import Logging
import NIOCore
import NIOEmbedded
import Replica
import VirtualReplica

/// The real handlers on a virtual replica, and an expiry that the test decides.
final class TestNode {
    let replica: VirtualReplica
    let loop: ConsulLoop
    private let scratch: Scratch

    /// - Parameter isPaused: nothing is committed at first.
    init(
        isPaused: Bool = false,
        configure: (inout ConsulSettings) -> Void = { _ in }
    ) throws {
        scratch = try Scratch()
        replica = try VirtualReplica(directory: scratch.path)
        replica.isPaused = isPaused
        var settings = ConsulSettings(
            nodeName: "n1",
            nodeID: "17c0d398-f9be-3eb2-0ba7-b29640325fe8",
            address: "127.0.0.1",
            peerPort: 8300,
            httpPort: 8500
        )
        configure(&settings)
        var word: UInt64 = 0
        loop = ConsulLoop(
            port: replica.port,
            eventLoop: replica.eventLoop,
            settings: settings,
            logger: Logger(label: "test"),
            random: {
                word &+= 0x9e37_79b9_7f4a_7c15
                return word
            }
        )
        loop.start()
        let agent = ConsulAgent(loop: loop)
        agent.announce()
        try replica.settle()
    }

    func connect() throws -> TestClient {
        let channel = EmbeddedChannel(loop: replica.eventLoop)
        try ConsulFrontEnd.configure(channel, loop: loop)
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        return TestClient(channel: channel, node: self)
    }
}

/// A directory that goes with its owner.
final class Scratch {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("consul-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// A client on an embedded channel.
struct TestClient {
    let channel: EmbeddedChannel
    let node: TestNode

    func send(_ text: String) throws {
        try channel.writeInbound(ByteBuffer(string: text))
        try node.replica.settle()
    }

    /// All that has come out since the last call.
    func received() throws -> String {
        var text = ""
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) {
            text += String(decoding: buffer.readableBytesView, as: UTF8.self)
        }
        return text
    }

    func request(_ method: String, _ path: String, _ body: String = "") throws {
        try send(
            "\(method) \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
                + body
        )
    }

    /// Hands in bytes as the socket does in the middle of a turn, after which more may come.
    func begin(_ text: String) {
        channel.pipeline.fireChannelRead(ByteBuffer(string: text))
    }

    func endOfTurn() throws {
        channel.pipeline.fireChannelReadComplete()
        try node.replica.settle()
    }

    /// Asks and gives back the whole answer.
    func ask(_ method: String, _ path: String, _ body: String = "") throws -> TestAnswer {
        try request(method, path, body)
        return TestAnswer(try received())
    }
}

/// An answer, taken apart.
struct TestAnswer {
    let text: String
    let status: Int
    let head: [String]
    let body: String

    init(_ text: String) {
        self.text = text
        let end = text.range(of: "\r\n\r\n")
        let headText = end.map { String(text[..<$0.lowerBound]) } ?? text
        head = headText.components(separatedBy: "\r\n")
        status =
            head.first.flatMap { $0.split(separator: " ").dropFirst().first }
            .flatMap { Int($0) } ?? 0
        body = end.map { String(text[$0.upperBound...]) } ?? ""
    }

    func header(_ name: String) -> String? {
        head.first { $0.hasPrefix(name + ": ") }.map { String($0.dropFirst(name.count + 2)) }
    }

    var index: UInt64 { header("X-Consul-Index").flatMap { UInt64($0) } ?? 0 }
}
