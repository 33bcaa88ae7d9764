import Glibc
import Logging
import NIOCore
import NIOPosix
import PeerProtocol
import Raft
import Synchronization

/// The connection that this node dials to one peer, dialled again whenever it is lost.
///
/// `@unchecked Sendable`: what is mutable, but for `shared` state under its lock, is touched on
/// `loop` only.
final class Link: @unchecked Sendable {
    private let loop: any EventLoop
    private let shared: PeerLinks.Shared
    private let place: Mutex<PeerAddress>
    private let node: NodeID

    private var channel: (any Channel)?
    private var comparesStates = false
    private var isStopped = false
    private var delay: Int64
    private var lastTrouble = ""
    /// Since the last time that the peer was found dead.
    private var wasReached = false

    init(
        _ peer: PeerAddress,
        on loop: any EventLoop,
        _ shared: PeerLinks.Shared
    ) {
        self.loop = loop
        self.shared = shared
        node = peer.node
        place = Mutex(peer)
        delay = shared.limits.redialMilliseconds
    }

    var address: PeerAddress { place.withLock { $0 } }

    func start() { loop.execute { self.dial() } }

    func move(to peer: PeerAddress) {
        let isMoved = place.withLock { place in
            defer { place = peer }
            return place != peer
        }
        guard isMoved else { return }
        loop.execute { self.channel?.close(promise: nil) }
    }

    /// Tells at once that the peer is lost, and nothing later: another link may lead to it by then.
    func stop() {
        loop.execute {
            self.isStopped = true
            // With TLS a channel may take a second to close.
            guard let channel = self.channel.take() else { return }
            channel.close(promise: nil)
            self.tellLost()
        }
    }

    /// Sends a frame if the peer can be reached. A request that cannot leave is told as lost.
    func send(_ frame: PeerFrame) {
        let bytes = ByteBuffer(bytes: frame.encoded())
        loop.execute {
            guard let channel = self.channel else {
                if case .requests = frame { self.shared.deliver(.lost(self.node)) }
                return
            }
            channel.writeAndFlush(bytes, promise: nil)
            self.watchBacklog(channel)
        }
    }

    /// The same for a frame about states, which an older version does not understand.
    func sendState(_ frame: PeerFrame) {
        loop.execute { if self.comparesStates { self.send(frame) } }
    }

    private func watchBacklog(_ channel: any Channel) {
        guard !channel.isWritable else { return }
        let unsent = try? channel.syncOptions?.getOption(.bufferedWritableBytes)
        if (unsent ?? 0) > shared.limits.unsentBytesMax { channel.close(promise: nil) }
    }

    // MARK: Dialling

    private func dial() {
        guard !isStopped else { return }
        let address = self.address
        let hello = shared.gate.hello(to: node, for: .messages)
        Dialler.connect(to: address, hello, on: loop, shared) { _ in
            LinkHandler()
        }.whenComplete { result in
            switch result {
            case .success(let reached):
                self.comparesStates = reached.welcome.comparesStates
                self.connected(reached.channel)
            case .failure(let error):
                guard !self.isStopped else { return }
                if self.wasReached, Self.isRefusal(error) { self.died() }
                if Self.isDismissal(error) { self.shared.deliver(.dismissed(by: self.node)) }
                self.failed("\(error)")
            }
        }
    }

    private func connected(_ channel: any Channel) {
        guard !isStopped else { return channel.close(promise: nil) }
        self.channel = channel
        delay = shared.limits.redialMilliseconds
        lastTrouble = ""
        wasReached = true
        let address = self.address
        shared.logger.info(
            "peer reached",
            metadata: ["peer": "\(address.name)", "address": "\(address.text)"]
        )
        shared.deliver(.reached(node))
        channel.closeFuture.whenComplete { _ in self.disconnected() }
    }

    private func disconnected() {
        guard !isStopped else { return }
        channel = nil
        tellLost()
        shared.logger.info("peer lost", metadata: ["peer": "\(address.name)"])
        dialLater()
    }

    private func tellLost() {
        shared.deliver(.unreached(node))
        shared.deliver(.lost(node))
    }

    private func died() {
        wasReached = false
        shared.deliver(.died(node))
    }

    /// Whether the peer's machine answered, and nobody listens there.
    private static func isRefusal(_ error: any Error) -> Bool {
        guard let error = error as? NIOConnectionError else { return false }
        return !error.connectionErrors.isEmpty
            && error.connectionErrors.allSatisfy {
                ($0.error as? IOError)?.errnoCode == ECONNREFUSED
            }
    }

    private static func isDismissal(_ error: any Error) -> Bool {
        guard case .refused(let refusal)? = error as? DialProblem else { return false }
        return refusal.reason == .notMember
    }

    private func failed(_ reason: String) {
        shared.deliver(.unreached(node))
        if reason != lastTrouble {
            lastTrouble = reason
            let address = self.address
            shared.logger.warning(
                "peer not reached; trying again",
                metadata: [
                    "peer": "\(address.name)", "address": "\(address.text)",
                    "reason": "\(reason)",
                ]
            )
        }
        dialLater()
    }

    private func dialLater() {
        loop.scheduleTask(in: .milliseconds(delay)) { self.dial() }
        delay = min(delay * 2, shared.limits.redialMillisecondsMax)
    }
}

/// Watches a dialled connection; the peer says nothing on it after its welcome.
private final class LinkHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
