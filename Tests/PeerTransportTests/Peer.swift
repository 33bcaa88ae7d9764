import Logging
import PeerTransport
import Raft
import RaftStore
import Replica
import Synchronization
import TransportSecurity

/// Without TLS.
let plain = PeerSecurity.plain(ClusterRole(datacenter: "dc1"))

/// One end: its links, and what was delivered.
final class Peer: Sendable {
    let links: PeerLinks
    let gate: PeerGate
    let port: Int
    private let node: NodeID
    private let deliveries: AsyncStream<PeerDelivery>
    /// What was looked at and not picked.
    private let passed = Mutex<[PeerDelivery]>([])

    init(
        _ number: UInt64,
        cluster: UInt8,
        port: Int = 0,
        limits: PeerLimits = PeerLimits(),
        snapshots: SnapshotStore? = nil
    ) async throws {
        node = NodeID(number)
        gate = PeerGate(
            clusterID: [UInt8](repeating: cluster, count: 16),
            node: node,
            name: "n\(number)",
            address: "127.0.0.1:8300",
            incarnation: [UInt8](repeating: UInt8(number), count: 16),
            founders: nil
        )
        gate.open()
        let (stream, continuation) = AsyncStream.makeStream(of: PeerDelivery.self)
        deliveries = stream
        var logger = Logger(label: "peer \(number)")
        logger.logLevel = .critical
        links = PeerLinks(
            gate: gate,
            security: plain,
            limits: limits,
            snapshots: snapshots,
            logger: logger
        ) {
            continuation.yield($0)
        }
        self.port = try await links.listen(host: "127.0.0.1", port: port)
    }

    var address: PeerAddress {
        PeerAddress(node: node, name: gate.name, host: "127.0.0.1", port: port)
    }

    /// Waits for a delivery of which `pick` makes something; one that came before and was not
    /// picked will do.
    func next<Picked>(_ pick: (PeerDelivery) -> Picked?) async throws -> Picked {
        let earlier = passed.withLock { passed -> Picked? in
            for (place, delivery) in passed.enumerated() {
                guard let picked = pick(delivery) else { continue }
                passed.remove(at: place)
                return picked
            }
            return nil
        }
        if let earlier { return earlier }
        for await delivery in deliveries {
            if let picked = pick(delivery) { return picked }
            passed.withLock { $0.append(delivery) }
        }
        throw CancellationError()
    }

    /// Whether something was looked at, not picked, and is of this kind.
    func hasPassed(_ isOfKind: (PeerDelivery) -> Bool) -> Bool {
        passed.withLock { $0.contains(where: isOfKind) }
    }

    func nextLost() async throws -> NodeID {
        try await next { delivery -> NodeID? in
            guard case .lost(let node) = delivery else { return nil }
            return node
        }
    }

    /// Waits until the other one is reached, and sends it a heartbeat that arrives.
    func reach(_ other: Peer) async throws {
        try await next { delivery -> Void? in
            guard case .reached(other.node) = delivery else { return nil }
            return ()
        }
        let beat = Message(
            from: node,
            to: other.node,
            term: Term(1),
            body: .heartbeat(Message.Heartbeat(commit: LogIndex(1), round: 1))
        )
        links.send([beat])
        try await other.next { delivery -> Void? in
            guard case .messages([beat]) = delivery else { return nil }
            return ()
        }
    }
}

/// Two nodes that dial each other.
struct Pair {
    let first: Peer
    let second: Peer

    init(
        secondCluster: UInt8 = 7,
        limits: PeerLimits = PeerLimits(),
        snapshots: (SnapshotStore, SnapshotStore)? = nil
    ) async throws {
        first = try await Peer(1, cluster: 7, limits: limits, snapshots: snapshots?.0)
        second = try await Peer(2, cluster: secondCluster, limits: limits, snapshots: snapshots?.1)
        first.links.connect(to: [first.address, second.address])
        second.links.connect(to: [first.address, second.address])
    }

    /// Waits until both have reached each other.
    func meet() async throws {
        try await first.reach(second)
        try await second.reach(first)
    }

    func stop() async throws {
        try await first.links.stop()
        try await second.links.stop()
    }
}
