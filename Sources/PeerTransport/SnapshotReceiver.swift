import Bytes
import Disk
import Logging
import NIOCore
import NIOPosix
import PeerProtocol
import Raft
import RaftStore
import Synchronization

/// Takes one snapshot from the leader: writes its chunks on the transport's thread, one at a time,
/// and reads no further meanwhile. When the whole verifies and is on the disk, the leader is told,
/// and the replica gets it. What was received stays after a break; the next offer of the same
/// snapshot goes on from there. One snapshot is received at a time: a newer offer, of another
/// leader or after a break, takes the place of what runs.
///
/// `@unchecked Sendable`: `isEnded` is atomic; all else that is mutable is touched on the channel's
/// loop only. Jobs get what they need, and give back what they made.
final class SnapshotReceiver: @unchecked Sendable {
    private let offer: SnapshotOffer
    private let leader: NodeID
    private let store: SnapshotStore
    private let channel: any Channel
    private let shared: PeerLinks.Shared
    private var manifest: SnapshotManifest?
    private var intake: IncomingSnapshot?
    private var expected: UInt64 = 0
    private var isFinishing = false
    private let isEnded = Atomic<Bool>(false)

    init(
        _ offer: SnapshotOffer,
        from leader: NodeID,
        into store: SnapshotStore,
        over channel: any Channel,
        _ shared: PeerLinks.Shared
    ) {
        self.offer = offer
        self.leader = leader
        self.store = store
        self.channel = channel
        self.shared = shared
    }

    func begin() {
        run {
            let manifest = try SnapshotManifest(encoded: self.offer.manifest)
            return (manifest, try IncomingSnapshot(manifest, self.offer.manifest, in: self.store))
        } then: { manifest, intake in
            (self.manifest, self.intake) = (manifest, intake)
            self.expected = UInt64(intake.receivedBytes)
            self.channel.send(.snapshotResume(offset: self.expected))
            self.finishIfWhole()
        }
    }

    func take(_ bytes: [UInt8], at offset: UInt64) {
        // Nothing is added to what is whole: it may have been adopted by now.
        guard offset == expected, let manifest, let intake, !isFinishing,
            bytes.count <= manifest.byteCount - Int(clamping: offset)
        else { return channel.close(promise: nil) }
        expected += UInt64(bytes.count)
        run {
            try intake.append(bytes)
        } then: {
            self.finishIfWhole()
        }
    }

    /// The connection is gone.
    func abandon() { isEnded.store(true, ordering: .releasing) }

    /// Another offer has come.
    func supersede() {
        abandon()
        channel.close(promise: nil)
    }

    private func finishIfWhole() {
        guard let manifest, let intake, !isFinishing, expected >= UInt64(manifest.byteCount)
        else { return }
        isFinishing = true
        run {
            try intake.finish(manifest, in: self.store)
            // At once: where a newer offer has come meanwhile, this one is here all the same.
            self.shared.deliver(
                .snapshotReceived(manifest, from: self.leader, term: self.offer.term)
            )
        } then: {
            self.channel.send(.snapshotEnd(failure: nil))
        }
    }

    /// Runs a job on the thread with reading paused; a failure is told to the leader.
    private func run<Made: Sendable>(
        _ job: @escaping @Sendable () throws -> Made,
        then: @escaping @Sendable (Made) -> Void
    ) {
        let channel = self.channel
        channel.setOption(.autoRead, value: false).whenComplete { _ in }
        let running = shared.pool.runIfActive(eventLoop: channel.eventLoop) { () throws -> Made? in
            // What waited behind a newer offer must not touch its file.
            self.isEnded.load(ordering: .acquiring) ? nil : try job()
        }
        running.whenComplete { result in
            guard !self.isEnded.load(ordering: .acquiring) else { return }
            switch result {
            case .success(let value): if let value { then(value) }
            case .failure(let error): self.fail(error)
            }
            channel.setOption(.autoRead, value: true).whenComplete { _ in }
        }
    }

    /// Chunks that are on their way already belong behind what could not be written.
    private func fail(_ error: any Error) {
        abandon()
        shared.logger.error("a snapshot cannot be received", metadata: ["reason": "\(error)"])
        let channel = self.channel
        let sent = channel.eventLoop.makePromise(of: Void.self)
        sent.futureResult.whenComplete { _ in channel.close(promise: nil) }
        channel.send(.snapshotEnd(failure: "\(error)"), promise: sent)
    }
}
