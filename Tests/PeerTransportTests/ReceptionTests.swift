import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import PeerProtocol
import Raft
import Synchronization
import Testing

@testable import PeerTransport
@testable import TransportSecurity

/// Connections that were accepted, without sockets: who is let in, and what is kept of the others.
@Suite struct ReceptionTests {
    private final class Deliveries: Sendable {
        let all: Mutex<[PeerDelivery]> = Mutex([])
        var count: Int { all.withLock { $0.count } }
    }

    /// Holds back what is written, as a socket does whose other side does not read.
    private final class Dam: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        private var held: [EventLoopPromise<Void>] = []

        func write(
            context: ChannelHandlerContext,
            data: NIOAny,
            promise: EventLoopPromise<Void>?
        ) {
            if let promise { held.append(promise) }
        }

        func open() {
            for promise in held { promise.succeed() }
            held = []
        }
    }

    /// A connection to node 2 of a cluster whose members it knows.
    private struct Bench {
        let reception: Reception
        let channel = EmbeddedChannel()
        let dam = Dam()
        let deliveries = Deliveries()
        private static let clusterID = [UInt8](repeating: 7, count: 16)

        init(_ certificate: CertificateFacts? = nil, isDammed: Bool = false) throws {
            let gate = PeerGate(
                clusterID: Self.clusterID,
                node: NodeID(2),
                name: "n2",
                address: "127.0.0.1:8300",
                incarnation: Self.directory(2),
                founders: nil
            )
            var directories: [NodeID: [UInt8]] = [:]
            var names: [NodeID: String] = [:]
            for number: UInt64 in 1...3 {
                directories[NodeID(number)] = Self.directory(number)
                names[NodeID(number)] = "n\(number)"
            }
            gate.found(with: directories, named: names)
            gate.open()
            var logger = Logger(label: "reception")
            logger.logLevel = .critical
            let deliveries = self.deliveries
            let shared = PeerLinks.Shared(
                gate: gate,
                security: plain,
                limits: PeerLimits(),
                snapshots: nil,
                deliver: { delivery in deliveries.all.withLock { $0.append(delivery) } },
                pool: NIOThreadPool(numberOfThreads: 1),
                strangers: Strangers(perAddressMax: 1),
                logger: logger
            )
            reception = Reception(shared: shared, certificate: certificate)
            let handlers = channel.pipeline.syncOperations
            if isDammed { try handlers.addHandler(dam) }
            try handlers.addHandler(reception)
            channel.connect(to: try SocketAddress(ipAddress: "10.0.0.1", port: 1), promise: nil)
        }

        private static func directory(_ number: UInt64) -> [UInt8] {
            [UInt8](repeating: UInt8(number), count: 16)
        }

        static func hello(_ number: UInt64, _ name: String, to node: UInt64 = 2) -> PeerFrame {
            .hello(
                PeerHello(
                    clusterID: clusterID,
                    from: NodeID(number),
                    to: NodeID(node),
                    incarnation: directory(number),
                    name: name,
                    address: "127.0.0.1:8300",
                    purpose: .messages
                )
            )
        }

        func hear(_ frame: PeerFrame) throws {
            try channel.writeInbound(ByteBuffer(bytes: frame.encoded()))
        }

        /// What was answered first; nil: nothing.
        func answer() throws -> PeerFrame? {
            guard var bytes = try channel.readOutbound(as: ByteBuffer.self) else { return nil }
            var intake = FrameIntake(bodyBytesMax: 1 << 20)
            intake.add(&bytes)
            return try intake.next()
        }

        func isWelcomed() throws -> Bool {
            if case .welcome = try answer() { return true }
            return false
        }
    }

    private func certificate(_ names: String...) -> CertificateFacts {
        CertificateFacts(
            subject: "CN=x",
            issuer: "CN=y",
            names: names,
            notBefore: 0,
            notAfter: 1,
            servesServers: true,
            servesClients: true
        )
    }

    @Test func `a node's certificate does not speak for another node's number`() throws {
        let own = certificate("n1.server.dc1.roost", "server.dc1.roost")
        let bench = try Bench(own)
        try bench.hear(Bench.hello(3, "n1"))
        guard case .refusal(let refusal)? = try bench.answer() else {
            Issue.record("it was let in")
            return
        }
        #expect(refusal.reason == .otherNode && refusal.text == "node 3 is n3, not n1")
        #expect(!bench.channel.isActive && bench.deliveries.count == 0)
    }

    @Test func `a node's certificate speaks for its own number, and for one not met yet`() throws {
        let own = certificate("n1.server.dc1.roost", "server.dc1.roost")
        for (number, name) in [(1, "n1"), (1, "N1"), (4, "n1")] as [(UInt64, String)] {
            let bench = try Bench(own)
            try bench.hear(Bench.hello(number, name))
            #expect(try bench.isWelcomed(), "\(number) \(name)")
            _ = try bench.channel.finish(acceptAlreadyClosed: true)
        }
    }

    private static let lastWords: [PeerFrame] = [
        .join(
            JoinRequest(
                name: "n4",
                address: "127.0.0.1:8300",
                incarnation: [UInt8](repeating: 4, count: 16)
            )
        ),
        Bench.hello(1, "n1", to: 3),
    ]

    /// Its bound on frames was no bound on what came behind the last one.
    @Test(arguments: [0, 1])
    func `nothing is kept of who has asked to join, or was refused`(_ which: Int) throws {
        let bench = try Bench(isDammed: true)
        try bench.hear(Self.lastWords[which])
        for _ in 0..<32 {
            try bench.channel.writeInbound(ByteBuffer(repeating: 0, count: 64 << 10))
        }
        #expect(bench.channel.isActive, "or nothing was shown")
        #expect(bench.reception.intake.heldBytes == 0)
        bench.dam.open()
        _ = try bench.channel.finish(acceptAlreadyClosed: true)
    }

    @Test func `who does not greet is closed in time, and who does is not`() throws {
        let silent = try Bench()
        silent.channel.embeddedEventLoop.advanceTime(by: .milliseconds(2_999))
        #expect(silent.channel.isActive)
        silent.channel.embeddedEventLoop.advanceTime(by: .milliseconds(2))
        #expect(!silent.channel.isActive)
        let peer = try Bench()
        try peer.hear(Bench.hello(1, "n1"))
        peer.channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        #expect(peer.channel.isActive)
        _ = try peer.channel.finish(acceptAlreadyClosed: true)
    }
}
