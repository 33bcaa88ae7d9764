package import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
package import PeerProtocol
package import Raft
package import RaftStore
package import Replica
import Synchronization

/// The connections between the nodes of a cluster.
///
/// Every node dials every other one and sends by the connection that it dialled; what the other
/// has to say comes by the one that the other dialled. A connection that is lost is dialled again,
/// with the name resolved anew, and both sides are told: what was on the way may be lost. The
/// links live on an event loop of their own, so that clients do not delay heartbeats; snapshots
/// have connections and a thread of their own. The module decides nothing about the cluster, and
/// holds back no message: what a peer cannot take now is dropped.
///
/// Map: `PeerLinks` is what the replica sends by, `Link` a connection that was dialled,
/// `Reception` one that was accepted, `FrameIntake` finds frames in bytes, `SnapshotSender` and
/// `SnapshotReceiver` move snapshots, `PeerGate` says who may talk, and `PeerSecurity` makes
/// connections secure.
package final class PeerLinks: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let loop: any EventLoop
    private let shared: Shared
    private let links = NIOLockedValueBox<[NodeID: Link]>([:])
    private let listener = NIOLockedValueBox<(any Channel)?>(nil)

    /// What all connections have in common.
    struct Shared: Sendable {
        let gate: PeerGate
        let security: PeerSecurity
        let limits: PeerLimits
        let snapshots: SnapshotStore?
        let deliver: @Sendable (PeerDelivery) -> Void
        let pool: NIOThreadPool
        let strangers: Strangers
        /// How many snapshots were sent to each peer; the newest counts.
        let transfers = NIOLockedValueBox<[NodeID: UInt64]>([:])
        /// The snapshot that is being received; a newer offer takes its place.
        let receiving = NIOLockedValueBox<SnapshotReceiver?>(nil)
        let logger: Logger
    }

    /// - Parameters:
    ///   - snapshots: where snapshots are read and written; nil while the cluster is founded.
    ///   - deliver: takes what peers say; called on the links' event loop or thread.
    package init(
        gate: PeerGate,
        security: PeerSecurity,
        limits: PeerLimits = PeerLimits(),
        snapshots: SnapshotStore?,
        logger: Logger,
        deliver: @escaping @Sendable (PeerDelivery) -> Void
    ) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        loop = group.next()
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        shared = Shared(
            gate: gate,
            security: security,
            limits: limits,
            snapshots: snapshots,
            deliver: deliver,
            pool: pool,
            strangers: Strangers(perAddressMax: limits.strangersPerAddressMax),
            logger: logger
        )
    }

    /// Takes peers' connections; answers the port.
    package func listen(host: String, port: Int) async throws -> Int {
        let shared = self.shared
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(PeerSocket.keepIdle, value: PeerSocket.keepSeconds)
            .childChannelOption(PeerSocket.keepInterval, value: PeerSocket.keepSeconds)
            .childChannelOption(.maxMessagesPerRead, value: 16)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try shared.strangers.admit(channel)
                    try shared.security.receive(channel) { certificate in
                        Reception(shared: shared, certificate: certificate)
                    }
                }
            }
            .bind(host: host, port: port).get()
        listener.withLockedValue { $0 = channel }
        return channel.localAddress?.port ?? port
    }

    /// From now on these are the peers; links to others end.
    package func connect(to peers: [PeerAddress]) {
        let wanted = peers.filter { $0.node != shared.gate.node }
        let ended = links.withLockedValue { links in
            var ended: [Link] = []
            for node in links.keys.sorted() where !wanted.contains(where: { $0.node == node }) {
                if let link = links.removeValue(forKey: node) { ended.append(link) }
            }
            for peer in wanted {
                if let link = links[peer.node] {
                    link.move(to: peer)
                } else {
                    let link = Link(peer, on: loop, shared)
                    links[peer.node] = link
                    link.start()
                }
            }
            return ended
        }
        for link in ended { link.stop() }
    }

    package func stop() async throws {
        let channel = listener.withLockedValue { $0.take() }
        for link in links.withLockedValue({ Array($0.values) }) { link.stop() }
        links.withLockedValue { $0.removeAll() }
        try await channel?.close()
        try await group.shutdownGracefully()
        try await shared.pool.shutdownGracefully()
    }

    // MARK: Sending

    /// Raft's messages; those that cannot leave now are dropped, as the network might do.
    package func send(_ messages: [Message]) {
        var rest = messages[...]
        while let first = rest.first {
            // Mostly they are all for one peer, or one for each.
            let same = rest.filter { $0.to == first.to }
            rest = same.count == rest.count ? [] : rest.filter { $0.to != first.to }[...]
            guard let link = link(to: first.to) else { continue }
            for frame in Self.frames(same, bytesMax: shared.limits.messagesBytesMax) {
                link.send(.messages(frame))
            }
        }
    }

    /// What goes together: a peer hears nothing of its leader before the last byte of a frame has
    /// come, so that many appends in one would be a silence on a slow line.
    static func frames(_ messages: [Message], bytesMax: Int) -> [[Message]] {
        var frames: [[Message]] = []
        var bytes = 0
        for message in messages {
            var weight = 0
            if case .append(let append) = message.body {
                for entry in append.entries { weight += entry.weightBytes }
            }
            if frames.isEmpty || bytes + weight > bytesMax {
                frames.append([])
                bytes = 0
            }
            frames[frames.count - 1].append(message)
            bytes += weight
        }
        return frames
    }

    package func send(_ requests: ForwardedRequests, to leader: NodeID) {
        guard let link = link(to: leader) else { return shared.deliver(.lost(leader)) }
        link.send(.requests(requests))
    }

    package func send(_ answers: [ForwardAnswer], to peer: NodeID) {
        link(to: peer)?.send(.answers(answers))
    }

    /// What there is to say of states can be said again later.
    package func send(_ report: StateReport, to leader: NodeID) {
        link(to: leader)?.sendState(.stateReport(report))
    }

    package func send(_ verdict: StateVerdict, to member: NodeID) {
        link(to: member)?.sendState(.stateVerdict(verdict))
    }

    /// Streams a snapshot; its end is delivered.
    package func stream(_ transfer: SnapshotTransfer) {
        guard let address = links.withLockedValue({ $0[transfer.to]?.address }) else {
            return shared.deliver(.snapshotSent(to: transfer.to, succeeded: false))
        }
        SnapshotSender.start(transfer, to: address, group: group, shared)
    }

    private func link(to node: NodeID) -> Link? { links.withLockedValue { $0[node] } }
}

/// Where a peer is.
package struct PeerAddress: Hashable, Sendable {
    package var node: NodeID
    package var name: String
    package var host: String
    package var port: Int

    package init(node: NodeID, name: String, host: String, port: Int) {
        self.node = node
        self.name = name
        self.host = host
        self.port = port
    }

    /// Nil if the text is not HOST:PORT or [HOST]:PORT.
    package init?(node: NodeID, name: String, text: String) {
        guard let place = HostPort(text) else { return nil }
        self.init(node: node, name: name, host: place.host, port: place.port)
    }

    package var text: String { HostPort(host: host, port: port).text }
}

/// What comes from peers.
package enum PeerDelivery: Sendable {
    case messages([Message])
    case requests(ForwardedRequests, from: NodeID)
    case answers([ForwardAnswer])
    case stateReport(StateReport, from: NodeID)
    case stateVerdict(StateVerdict, from: NodeID)
    /// A member that this node has not heard of yet greets it.
    case introduced(PeerAddress)
    /// The peer takes what is sent to it from now on, until it is unreached.
    case reached(NodeID)
    /// What is sent to the peer does not arrive.
    case unreached(NodeID)
    /// The peer was there, and its machine says now that nobody listens at its address.
    case died(NodeID)
    /// The peer says that this node was removed from the cluster, which is not taken back.
    case dismissed(by: NodeID)
    /// A connection with the peer was lost, or could not be used.
    case lost(NodeID)
    case snapshotReceived(SnapshotManifest, from: NodeID, term: Term)
    case snapshotSent(to: NodeID, succeeded: Bool)
    /// A node asks to be taken into the cluster; to be answered once.
    case join(JoinRequest, answer: @Sendable (Result<JoinGrant, PeerRefusal>) -> Void)
    /// An operator asks by another member; to be answered once.
    case operate(OperatorRequest, answer: @Sendable (OperatorAnswer) -> Void)
}

/// What the sockets between nodes are set to beside NIO's own names: a peer whose machine lost its
/// power says nothing more, and must be missed on both sides.
enum PeerSocket {
    private static let tcp = SocketOptionLevel(6)
    static let keepIdle = ChannelOptions.Types.SocketOption(level: tcp, name: SocketOptionName(4))
    static let keepInterval = ChannelOptions.Types.SocketOption(
        level: tcp,
        name: SocketOptionName(5)
    )
    static let userTimeout = ChannelOptions.Types.SocketOption(
        level: tcp,
        name: SocketOptionName(18)
    )
    static let keepSeconds: ChannelOptions.Types.SocketOption.Value = 5
}

/// Every bound and timing of the transport.
package struct PeerLimits: Sendable {
    /// The longest body of a frame: a full append message, or one with the longest entry.
    package var frameBytesMax = 64 << 20
    /// Entries of several messages go in one frame up to this.
    package var messagesBytesMax = 64 << 10
    /// What waits for a peer's socket before its connection is given up.
    package var unsentBytesMax = 128 << 20
    package var connectMilliseconds: Int64 = 1_000
    package var greetingMilliseconds: Int64 = 3_000
    /// The longest first frame, by which nothing is known of its sender yet.
    package var greetingBytesMax = 64 << 10
    /// Connections from one address that have not greeted as a peer, those of operators and of
    /// nodes that join among them.
    package var strangersPerAddressMax = 64
    /// How long the answer to a request to join, or of an operator, may take.
    package var requestMilliseconds: Int64 = 30_000
    /// Between two attempts to reach a peer: first, and at most.
    package var redialMilliseconds: Int64 = 20
    package var redialMillisecondsMax: Int64 = 1_000
    /// After so long without an acknowledgment by the peer's kernel a connection is dead.
    package var unacknowledgedMilliseconds: Int32 = 2_000
    package var chunkBytes = 256 << 10
    /// How fast a snapshot is sent, so that it leaves room for the log.
    package var snapshotBytesPerSecond = 64 << 20
    /// After a snapshot that was not sent, before the next try.
    package var snapshotPauseMilliseconds: Int64 = 1_000

    package init() {}
}
