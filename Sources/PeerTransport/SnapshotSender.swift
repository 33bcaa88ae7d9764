import Disk
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import PeerProtocol
import Raft
import RaftStore

/// Streams one snapshot to a follower over a connection of its own: offers it, goes on from where
/// the follower has it already, and ends with the follower's word that it is on its disk. Files
/// are read on the transport's thread, never on its event loop.
///
/// `@unchecked Sendable`: `offset` and `firstOffset` are touched on the channel's loop only; `file`
/// is read by one job at a time, and all else is constant.
final class SnapshotSender: @unchecked Sendable {
    private let transfer: SnapshotTransfer
    private let manifest: SnapshotManifest
    private let file: File
    private let channel: any Channel
    private let shared: PeerLinks.Shared
    private let started = NIODeadline.now()
    private var firstOffset = 0
    private var offset = 0

    private init(
        _ transfer: SnapshotTransfer,
        _ manifest: SnapshotManifest,
        _ file: consuming File,
        over channel: any Channel,
        _ shared: PeerLinks.Shared
    ) {
        self.transfer = transfer
        self.manifest = manifest
        self.file = file
        self.channel = channel
        self.shared = shared
    }

    static func start(
        _ transfer: SnapshotTransfer,
        to address: PeerAddress,
        group: any EventLoopGroup,
        _ shared: PeerLinks.Shared
    ) {
        let number = shared.transfers.withLockedValue { transfers in
            transfers[transfer.to, default: 0] += 1
            return transfers[transfer.to, default: 0]
        }
        let hello = shared.gate.hello(to: transfer.to, for: .snapshot)
        let loop = group.next()
        Dialler.connect(to: address, hello, on: loop, shared) { channel in
            SnapshotReplies(transfer, number, channel, shared)
        }.whenFailure { error in
            shared.logger.warning(
                "a snapshot cannot be sent",
                metadata: ["peer": "\(address.name)", "reason": "\(error)"]
            )
            tell(transfer, number, false, on: loop, shared)
        }
    }

    /// Tells the replica how it ended. It tries again at once where it can; a follower without room
    /// would be asked for ever and ever. Of a transfer in whose place another has begun nothing is
    /// told: it would be taken for the end of that one, and a third would take its place.
    static func tell(
        _ transfer: SnapshotTransfer,
        _ number: UInt64,
        _ succeeded: Bool,
        on loop: any EventLoop,
        _ shared: PeerLinks.Shared
    ) {
        let pause = succeeded ? 0 : shared.limits.snapshotPauseMilliseconds
        loop.scheduleTask(in: .milliseconds(pause)) {
            guard shared.transfers.withLockedValue({ $0[transfer.to] }) == number else { return }
            shared.deliver(.snapshotSent(to: transfer.to, succeeded: succeeded))
        }
    }

    /// Opens the snapshot that the transfer names; nil if it is not there any more.
    static func open(
        _ transfer: SnapshotTransfer,
        over channel: any Channel,
        _ shared: PeerLinks.Shared
    ) throws -> SnapshotSender? {
        guard let store = shared.snapshots else { return nil }
        let manifest = try store.list().first { $0.descriptor == transfer.snapshot }
        guard let manifest else { return nil }
        let file = try File(store.path(of: manifest), .readOnly)
        return SnapshotSender(transfer, manifest, file, over: channel, shared)
    }

    func offer() throws -> SnapshotOffer {
        SnapshotOffer(term: transfer.term, manifest: try manifest.encoded())
    }

    func resume(at offset: UInt64) {
        guard offset <= UInt64(manifest.byteCount) else { return channel.close(promise: nil) }
        self.offset = Int(offset)
        firstOffset = self.offset
        sendChunk()
    }

    private func sendChunk() {
        guard offset < manifest.byteCount, channel.isActive else { return }
        let at = offset
        let count = min(shared.limits.chunkBytes, manifest.byteCount - at)
        let reading = shared.pool.runIfActive(eventLoop: channel.eventLoop) {
            try self.file.read(at: at, count: count)
        }
        reading.whenComplete { result in
            let bytes: [UInt8]
            switch result {
            case .success(let read): bytes = read
            case .failure(let error): return self.giveUp("\(error)")
            }
            guard bytes.count == count else {
                return self.giveUp("the file ends at \(at + bytes.count)")
            }
            self.offset = at + count
            let sent = self.channel.eventLoop.makePromise(of: Void.self)
            sent.futureResult.whenSuccess { self.sendNext() }
            self.channel.send(.snapshotChunk(offset: UInt64(at), bytes: bytes), promise: sent)
        }
    }

    /// The closing of the channel tells the replica.
    private func giveUp(_ reason: String) {
        shared.logger.error(
            "a snapshot cannot be read",
            metadata: ["snapshot": "\(manifest.name)", "reason": "\(reason)"]
        )
        channel.close(promise: nil)
    }

    /// Keeps to the rate.
    private func sendNext() {
        let due = Self.nanoseconds(
            for: Int64(offset - firstOffset),
            perSecond: Int64(shared.limits.snapshotBytesPerSecond)
        )
        channel.eventLoop.scheduleTask(deadline: started + .nanoseconds(due)) { self.sendChunk() }
    }

    /// How long so many bytes take at this rate.
    static func nanoseconds(for bytes: Int64, perSecond rate: Int64) -> Int64 {
        let (seconds, rest) = bytes.quotientAndRemainder(dividingBy: rate)
        return seconds * 1_000_000_000 + rest * 1_000_000_000 / rate
    }
}

/// What the follower says while it is sent a snapshot.
private final class SnapshotReplies: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let transfer: SnapshotTransfer
    private let number: UInt64
    private let shared: PeerLinks.Shared
    private var intake: FrameIntake
    private var sender: SnapshotSender?
    private var isEnded = false

    init(
        _ transfer: SnapshotTransfer,
        _ number: UInt64,
        _ channel: any Channel,
        _ shared: PeerLinks.Shared
    ) {
        self.transfer = transfer
        self.number = number
        self.shared = shared
        intake = FrameIntake(bodyBytesMax: shared.limits.frameBytesMax)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let (transfer, shared, channel) = (self.transfer, self.shared, context.channel)
        let opening = shared.pool.runIfActive(eventLoop: context.eventLoop) {
            try SnapshotSender.open(transfer, over: channel, shared)
        }
        opening.assumeIsolated().whenComplete { self.opened($0, context) }
    }

    private func opened(
        _ result: Result<SnapshotSender?, any Error>,
        _ context: ChannelHandlerContext
    ) {
        guard !isEnded else { return }
        let offer: SnapshotOffer
        do {
            sender = try result.get()
            guard let sender else { return fail("it is not there any more", context) }
            offer = try sender.offer()
        } catch { return fail("\(error)", context) }
        shared.logger.info(
            "sending a snapshot",
            metadata: [
                "peer": "\(transfer.to.rawValue)",
                "index": "\(transfer.snapshot.index.rawValue)",
            ]
        )
        context.channel.send(.snapshotOffer(offer))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        intake.add(&buffer)
        do throws(PeerError) {
            while !isEnded, let frame = try intake.next() { take(frame, context) }
        } catch { fail("the answer is no frame: \(error)", context) }
    }

    private func take(_ frame: PeerFrame, _ context: ChannelHandlerContext) {
        switch frame {
        case .snapshotResume(let offset): sender?.resume(at: offset)
        case .snapshotEnd(nil): end(true, context)
        case .snapshotEnd(let failure?): fail("the follower says: \(failure)", context)
        default: fail("the follower says something else than was asked", context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(false, context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(false, context)
    }

    private func fail(_ reason: String, _ context: ChannelHandlerContext) {
        shared.logger.warning(
            "a snapshot was not sent",
            metadata: ["peer": "\(transfer.to.rawValue)", "reason": "\(reason)"]
        )
        end(false, context)
    }

    private func end(_ succeeded: Bool, _ context: ChannelHandlerContext) {
        guard !isEnded else { return }
        isEnded = true
        SnapshotSender.tell(transfer, number, succeeded, on: context.eventLoop, shared)
        context.close(promise: nil)
    }
}
