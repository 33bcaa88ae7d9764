import Bytes
import Commands
import ConsulProtocol
import ConsulServer
import Foundation
import LMDB
import Logging
import NIOCore
import NIOEmbedded
import Raft
import StateMachine
import Watches

@testable import Replica

/// The real state machine and the real handlers on a virtual loop, with a log that commits at once
/// and an expiry that the test decides.
final class TestNode {
    let eventLoop = EmbeddedEventLoop()
    let loop: ConsulLoop
    let port: LoopPort
    private let machine: Machine
    private let inbox: LoopInbox
    private let outbox: Mailbox<ReplicaInput>
    private let time = Time()
    private var index: UInt64 = 0
    /// While set, nothing is committed.
    var isPaused = false

    /// The virtual clocks: the loop's and the wall's.
    final class Time {
        var milliseconds: Int64 = 1_795_493_164_000
    }

    init(directory: String) throws {
        var options = EnvironmentOptions()
        options.mapBytes = 64 << 20
        options.tablesMax = StateTables.count
        options.isUnsynced = true
        let environment = try Environment(path: directory, options: options)
        let tables = try StateTables.open(environment)
        machine = try Machine(environment: environment, tables: tables)
        inbox = LoopInbox {}
        outbox = Mailbox {}
        var status = ReplicaStatus(node: NodeID(1), name: "n1")
        status.role = .leader
        status.leader = NodeID(1)
        status.term = 1
        status.leaderAddress = "127.0.0.1:8300"
        status.peerAddresses = ["127.0.0.1:8300"]
        let time = time
        port = try LoopPort(
            loop: 0,
            environment: environment,
            tables: tables,
            inbox: inbox,
            outbox: outbox,
            board: StatusBoard(status),
            clock: LoopClock(monotonic: { time.milliseconds }, wall: { time.milliseconds }),
            limits: ReplicaLimits(),
            scheduleFlush: {}
        )
        let settings = ConsulSettings(
            nodeName: "n1",
            nodeID: "17c0d398-f9be-3eb2-0ba7-b29640325fe8",
            address: "127.0.0.1",
            peerPort: 8300,
            httpPort: 8500
        )
        var word: UInt64 = 0
        loop = ConsulLoop(
            port: port,
            eventLoop: eventLoop,
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
        try settle()
    }

    func connect() throws -> TestClient {
        let channel = EmbeddedChannel(loop: eventLoop)
        try ConsulFrontEnd.configure(channel, loop: loop)
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        return TestClient(channel: channel, node: self)
    }

    /// Commits and delivers until nothing is left to do.
    func settle() throws {
        for _ in 0..<20 {
            eventLoop.run()
            port.flushOutgoing()
            guard !isPaused else { return }
            for input in outbox.takeAll() { try commit(input) }
            try port.deliver()
            eventLoop.run()
        }
    }

    func advance(milliseconds: Int64) throws {
        time.milliseconds += milliseconds
        eventLoop.advanceTime(by: .milliseconds(milliseconds))
        try settle()
    }

    private func commit(_ input: ReplicaInput) throws {
        guard case .requests(let requests) = input else { return }
        var entries: [CommittedEntry] = []
        var origins: [EntryOrigin] = []
        for proposal in requests.proposals {
            index += 1
            var payload = proposal.payload
            CommandHeader.stamp(&payload, timeMilliseconds: time.milliseconds)
            origins.append(EntryOrigin(offset: entries.count, origin: proposal.origin))
            entries.append(CommittedEntry(index: index, term: 1, payload: payload))
        }
        if !entries.isEmpty {
            _ = try machine.apply(entries) { batch in
                inbox.announce(
                    LoopNotice(
                        transaction: batch.transactionID,
                        body: .delivery(batch, origins)
                    )
                )
            }
        }
        if !requests.barriers.isEmpty {
            inbox.post(
                LoopNotice(transaction: 0, body: .barrier(index: index, requests.barriers))
            )
        }
    }

    /// Proposes what the leader proposes by itself.
    func leaderProposes(_ payload: [UInt8]) throws {
        index += 1
        var payload = payload
        CommandHeader.stamp(&payload, timeMilliseconds: time.milliseconds)
        _ = try machine.apply([CommittedEntry(index: index, term: 1, payload: payload)]) { batch in
            inbox.announce(
                LoopNotice(transaction: batch.transactionID, body: .delivery(batch, []))
            )
        }
        try settle()
    }
}

/// A client on an embedded channel.
struct TestClient {
    let channel: EmbeddedChannel
    let node: TestNode

    func send(_ text: String) throws {
        try channel.writeInbound(ByteBuffer(string: text))
        try node.settle()
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
