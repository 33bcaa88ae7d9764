import Bytes
import Foundation
import LMDB
import NIOCore
import NIOPosix
import PeerProtocol
import Raft
import RaftStore
import Testing

@testable import PeerTransport

/// A snapshot arrives whole, or not at all.
@Suite(.timeLimit(.minutes(1))) struct SnapshotTests {
    private static let term = Term(5)

    /// A folder with a state of some size, its snapshot, and a follower's empty store.
    private final class Stores {
        let folder: URL
        let leader: SnapshotStore
        let follower: SnapshotStore
        let manifest: SnapshotManifest

        init() throws {
            folder = FileManager.default.temporaryDirectory
                .appendingPathComponent("roost-peers-\(UUID().uuidString)")
            for name in ["state", "leader", "follower"] {
                try FileManager.default.createDirectory(
                    at: folder.appendingPathComponent(name),
                    withIntermediateDirectories: true
                )
            }
            leader = try SnapshotStore(directory: folder.appendingPathComponent("leader").path)
            follower = try SnapshotStore(directory: folder.appendingPathComponent("follower").path)
            let state = folder.appendingPathComponent("state").path
            manifest = try Self.snapshot(of: Self.filled(state), in: leader)
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        private static func filled(_ path: String) throws -> Environment {
            var options = EnvironmentOptions()
            options.mapBytes = 64 << 20
            let environment = try Environment(path: path, options: options)
            let table = try environment.mainTable()
            var transaction = try WriteTransaction(environment)
            for number in 0..<300 {
                let key = Array("key \(number)".utf8)
                let value = [UInt8](repeating: UInt8(number % 251), count: 8_000)
                try transaction.put(key.rawSpan, value.rawSpan, in: table)
            }
            try transaction.commit()
            return environment
        }

        private static func snapshot(
            of environment: Environment,
            in store: SnapshotStore
        ) throws -> SnapshotManifest {
            let membership = Membership(voters: [NodeID(1), NodeID(2)])
            let record = MembershipRecord(index: .zero, membership: membership)
            return try store.take(of: environment, bytesPerSecondMax: nil) { _ in
                SnapshotCoverage(index: LogIndex(70), term: Term(4), membership: record)
            }
        }

        func pair() async throws -> Pair {
            var limits = PeerLimits()
            limits.chunkBytes = 100_000
            // An end that is told in the wrong place is told before the right one.
            limits.snapshotPauseMilliseconds = 1
            return try await Pair(limits: limits, snapshots: (leader, follower))
        }
    }

    private func transfer(_ stores: Stores) -> SnapshotTransfer {
        SnapshotTransfer(
            to: NodeID(2),
            term: Self.term,
            snapshot: stores.manifest.descriptor
        )
    }

    private func outcome(of pair: Pair) async throws -> Bool {
        try await pair.first.next { delivery -> Bool? in
            guard case .snapshotSent(to: NodeID(2), let succeeded) = delivery else { return nil }
            return succeeded
        }
    }

    private func expectArrival(_ stores: Stores, _ pair: Pair) async throws {
        let (manifest, leader, term) = try await pair.second.next {
            delivery -> (SnapshotManifest, NodeID, Term)? in
            guard case .snapshotReceived(let manifest, let leader, let term) = delivery else {
                return nil
            }
            return (manifest, leader, term)
        }
        #expect(manifest == stores.manifest)
        #expect(leader == NodeID(1) && term == Self.term)
        #expect(try stores.follower.newestVerified() == stores.manifest)
        #expect(try await outcome(of: pair))
    }

    @Test func `a snapshot arrives, verifies and is told on both sides`() async throws {
        let stores = try Stores()
        #expect(stores.manifest.byteCount > 2_000_000, "one chunk would prove nothing")
        let pair = try await stores.pair()
        pair.first.links.stream(transfer(stores))
        try await expectArrival(stores, pair)
        try await pair.stop()
    }

    @Test func `sending goes on behind what was received before a break`() async throws {
        let stores = try Stores()
        let whole = try Data(
            contentsOf: URL(fileURLWithPath: stores.leader.path(of: stores.manifest))
        )
        let incoming = try IncomingSnapshot(
            stores.manifest,
            stores.manifest.encoded(),
            in: stores.follower
        )
        try incoming.append([UInt8](whole.prefix(1_500_000)))
        let again = try IncomingSnapshot(
            stores.manifest,
            stores.manifest.encoded(),
            in: stores.follower
        )
        #expect(again.receivedBytes == 1_500_000)
        let pair = try await stores.pair()
        pair.first.links.stream(transfer(stores))
        try await expectArrival(stores, pair)
        try await pair.stop()
    }

    @Test func `bytes that do not verify are thrown away, and the next sending begins anew`()
        async throws
    {
        let stores = try Stores()
        let incoming = try IncomingSnapshot(
            stores.manifest,
            stores.manifest.encoded(),
            in: stores.follower
        )
        try incoming.append([UInt8](repeating: 1, count: 1_000_000))
        let pair = try await stores.pair()
        pair.first.links.stream(transfer(stores))
        #expect(try await outcome(of: pair) == false)
        #expect(try stores.follower.list().isEmpty)
        pair.first.links.stream(transfer(stores))
        try await expectArrival(stores, pair)
        try await pair.stop()
    }

    @Test func `a snapshot that is not there is told as not sent`() async throws {
        let stores = try Stores()
        let pair = try await stores.pair()
        var missing = transfer(stores)
        missing.snapshot.index = LogIndex(99)
        pair.first.links.stream(missing)
        #expect(try await outcome(of: pair) == false)
        try await pair.stop()
    }

    @Test func `an older reception cannot touch what a newer one has adopted`() throws {
        let stores = try Stores()
        let path = stores.leader.path(of: stores.manifest)
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let old = try IncomingSnapshot(
            stores.manifest,
            stores.manifest.encoded(),
            in: stores.follower
        )
        try old.append([UInt8](whole.prefix(1_000_000)))
        var newer = stores.manifest
        newer.index = LogIndex(71)
        let new = try IncomingSnapshot(newer, newer.encoded(), in: stores.follower)
        #expect(new.receivedBytes == 0)
        try new.append(whole)
        try new.finish(newer, in: stores.follower)
        try old.append([UInt8](repeating: 0xEE, count: 500_000))
        try stores.follower.verify(newer)
    }

    /// The end of the first was taken for that of the second, and a third took its place, for ever.
    @Test func `a newer offer takes the place of what is being received, and only its end is told`()
        async throws
    {
        let stores = try Stores()
        let pair = try await stores.pair()
        pair.first.links.stream(transfer(stores))
        pair.first.links.stream(transfer(stores))
        #expect(try await outcome(of: pair))
        #expect(try stores.follower.newestVerified() == stores.manifest)
        try await pair.stop()
    }

    @Test func `a snapshot that does not fit on the disk is not begun`() throws {
        let stores = try Stores()
        var large = stores.manifest
        large.byteCount = 1 << 60
        #expect {
            try IncomingSnapshot(large, large.encoded(), in: stores.follower)
        } throws: { error in
            guard case .noRoom(_, wanted: 1 << 60, _)? = error as? SnapshotError else {
                return false
            }
            return true
        }
    }

    /// The product of bytes and nanoseconds has no room in 64 bits from 9.2 GB on.
    @Test(arguments: [(0, 0), (96 << 20, 1_500_000_000), (64 << 40, 1_048_576_000_000_000)])
    func `a rate is kept, also of a large snapshot`(_ bytes: Int64, _ nanoseconds: Int64) {
        #expect(SnapshotSender.nanoseconds(for: bytes, perSecond: 64 << 20) == nanoseconds)
    }

    /// Bytes behind the end would be in the file that verified.
    @Test func `a chunk beyond the end ends the connection, and what came before is kept`()
        async throws
    {
        let stores = try Stores()
        let path = stores.leader.path(of: stores.manifest)
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let pair = try await stores.pair()
        let hand = try await Hand(dialling: pair.second)
        hand.say(
            .hello(
                PeerHello(
                    clusterID: [UInt8](repeating: 7, count: 16),
                    from: NodeID(1),
                    to: NodeID(2),
                    incarnation: [UInt8](repeating: 1, count: 16),
                    name: "n1",
                    address: "127.0.0.1:8300",
                    purpose: .snapshot
                )
            )
        )
        let offer = SnapshotOffer(term: Self.term, manifest: try stores.manifest.encoded())
        hand.say(.snapshotOffer(offer))
        await hand.hears {
            if case .snapshotResume(offset: 0) = $0 { true } else { false }
        }
        hand.say(.snapshotChunk(offset: 0, bytes: Array(whole.prefix(1_000_000))))
        let tooMany = Array(whole.dropFirst(1_000_000)) + [1]
        hand.say(.snapshotChunk(offset: 1_000_000, bytes: tooMany))
        try await hand.end()
        #expect(try stores.follower.list().isEmpty)

        let kept = try IncomingSnapshot(
            stores.manifest,
            stores.manifest.encoded(),
            in: stores.follower
        )
        #expect(kept.receivedBytes == 1_000_000)
        pair.first.links.stream(transfer(stores))
        try await expectArrival(stores, pair)
        try await pair.stop()
    }
}

/// A peer whose every frame is chosen by a test.
private final class Hand: Sendable {
    private let channel: any Channel
    private let frames: AsyncStream<PeerFrame>

    init(dialling peer: Peer) async throws {
        let (frames, heard) = AsyncStream.makeStream(of: PeerFrame.self)
        self.frames = frames
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Ear(heard))
                }
            }
            .connect(host: "127.0.0.1", port: peer.port).get()
    }

    func say(_ frame: PeerFrame) {
        channel.writeAndFlush(ByteBuffer(bytes: frame.encoded()), promise: nil)
    }

    /// Waits for such a frame.
    func hears(_ isWanted: (PeerFrame) -> Bool) async {
        for await frame in frames where isWanted(frame) { return }
        Issue.record("the connection ended before that")
    }

    /// Waits until the other side has closed the connection.
    func end() async throws { try await channel.closeFuture.get() }

    private final class Ear: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private var intake = FrameIntake(bodyBytesMax: 1 << 20)
        private let heard: AsyncStream<PeerFrame>.Continuation

        init(_ heard: AsyncStream<PeerFrame>.Continuation) {
            self.heard = heard
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            intake.add(&bytes)
            do { while let frame = try intake.next() { heard.yield(frame) } } catch {
                context.close(promise: nil)
            }
        }

        func channelInactive(context: ChannelHandlerContext) { heard.finish() }
    }
}
