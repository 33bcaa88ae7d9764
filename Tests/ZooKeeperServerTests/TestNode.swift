import Bytes
import Commands
import Foundation
import Logging
import NIOCore
import NIOEmbedded
import Replica
import VirtualReplica
import ZooKeeperProtocol
import ZooKeeperServer

/// The real handlers on a virtual replica.
final class TestNode {
    let replica: VirtualReplica
    private let frontEnd: ZooKeeperFrontEnd
    private let directory: String

    init(limits: ZooKeeperLimits = ZooKeeperLimits()) throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("zookeeper-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        directory = url.path
        replica = try VirtualReplica(directory: directory)
        var settings = ZooKeeperSettings()
        settings.limits = limits
        settings.fourLetterWords = ZooKeeperSettings.whitelist("*")
        frontEnd = ZooKeeperFrontEnd(
            settings: settings,
            clock: replica.clock,
            randomWord: { 0x0102_0304_0506_0708 },
            logger: Logger(label: "test")
        )
        frontEnd.open(replica.port, on: replica.eventLoop)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// A channel that is not active yet.
    func accept() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(loop: replica.eventLoop)
        try frontEnd.initialize(channel)
        return channel
    }

    func connect() throws -> TestClient {
        let channel = try accept()
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        return TestClient(channel: channel, node: self)
    }

    /// A client with a session.
    func open() throws -> TestClient {
        let client = try connect()
        try client.greet(ConnectRequest(timeoutMilliseconds: 10_000))
        _ = try client.received()
        return client
    }
}

/// A client on an embedded channel.
struct TestClient {
    let channel: EmbeddedChannel
    let node: TestNode

    var isOpen: Bool { channel.isActive }

    func send(_ bytes: [UInt8]) throws {
        try channel.writeInbound(ByteBuffer(bytes: bytes))
        try node.replica.settle()
    }

    func greet(_ request: ConnectRequest) throws {
        var writer = ByteWriter()
        request.encodeFrame(into: &writer)
        try send(writer.bytes)
    }

    /// All that has come out since the last call.
    func received() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) {
            bytes += buffer.readableBytesView
        }
        return bytes
    }

    /// The frames that have come out since the last call.
    func frames() throws -> [TestFrame] {
        var rest = try received()[...]
        var frames: [TestFrame] = []
        while !rest.isEmpty {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            frames.append(try TestFrame(Array(rest.dropFirst(4).prefix(length))))
            rest = rest.dropFirst(4 + length)
        }
        return frames
    }

    /// Sends requests in one packet, and gives back what comes out.
    func ask(_ requests: [UInt8]...) throws -> [TestFrame] {
        try send(requests.flatMap { $0 })
        return try frames()
    }
}

/// A reply or an event, taken apart.
struct TestFrame {
    let header: ReplyHeader
    let body: [UInt8]

    init(_ bytes: [UInt8]) throws {
        var reader = JuteReader(bytes.rawSpan)
        header = try ReplyHeader(&reader)
        body = Array(bytes.dropFirst(ReplyHeader.byteCount))
    }

    /// An event's kind and path.
    func event() throws -> (kind: Int32, path: String) {
        var reader = JuteReader(body.rawSpan)
        let kind = try reader.int()
        _ = try reader.int()
        return (kind, String(decoding: try reader.text().copiedBytes(), as: UTF8.self))
    }
}

/// Requests, framed.
enum Ask {
    static func frame(
        _ xid: Int32,
        _ opcode: Opcode,
        _ body: (inout ByteWriter) -> Void = { _ in }
    ) -> [UInt8] {
        var writer = ByteWriter()
        ClientRequest.frame(xid: xid, opcode, into: &writer, body: body)
        return writer.bytes
    }

    static func create(_ xid: Int32, _ path: String, flags: Int32 = 0) -> [UInt8] {
        var writer = ByteWriter()
        ClientRequest.create(xid: xid, path: path, data: [1], flags: flags, into: &writer)
        return writer.bytes
    }

    static func set(_ xid: Int32, _ path: String, _ data: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        ClientRequest.setData(xid: xid, path: path, data: data, into: &writer)
        return writer.bytes
    }

    static func read(
        _ xid: Int32,
        _ opcode: Opcode,
        _ path: String,
        watch: Bool = false
    ) -> [UInt8] {
        var writer = ByteWriter()
        ClientRequest.read(xid: xid, opcode, path: path, watch: watch, into: &writer)
        return writer.bytes
    }

    static func delete(_ xid: Int32, _ path: String) -> [UInt8] {
        var writer = ByteWriter()
        ClientRequest.versioned(xid: xid, .delete, path: path, into: &writer)
        return writer.bytes
    }

    /// The head of one step of a multi or a multiRead.
    static func step(_ opcode: Opcode, into writer: inout ByteWriter) {
        writer.integer(opcode.rawValue)
        writer.integer(UInt8(0))
        writer.integer(Int32(-1))
    }

    static func endOfSteps(into writer: inout ByteWriter) {
        writer.integer(Int32(-1))
        writer.integer(UInt8(1))
        writer.integer(Int32(-1))
    }

    static func sync(_ xid: Int32, _ path: String) -> [UInt8] {
        frame(xid, .sync) { $0.juteText(path) }
    }
}
