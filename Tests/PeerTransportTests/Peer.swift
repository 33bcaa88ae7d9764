import Logging
import PeerTransport
import Raft
import RaftStore
import Replica
import Synchronization

/// One end: its links, and what was delivered.
final class Peer: Sendable {
    let links: PeerLinks
    let gate: PeerGate
    let port: Int
    private let node: NodeID
    private let deliveries: AsyncStream<PeerDelivery>
    private let record = Mutex<[PeerDelivery]>([])

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
            incarnation: [UInt8](repeating: UInt8(number), count: 16),
            founders: nil
        )
        gate.open()
        let (stream, continuation) = AsyncStream.makeStream(of: PeerDelivery.self)
        deliveries = stream
        var logger = Logger(label: "peer \(number)")
        logger.logLevel = .critical
        links = PeerLinks(gate: gate, limits: limits, snapshots: snapshots, logger: logger) {
            continuation.yield($0)
        }
        self.port = try await links.listen(host: "127.0.0.1", port: port)
    }

    var address: PeerAddress {
        PeerAddress(node: node, name: gate.name, host: "127.0.0.1", port: port)
    }

    /// What was looked at so far.
    var taken: [PeerDelivery] { record.withLock { $0 } }

    /// Waits for a delivery of which `pick` makes something.
    func next<Picked>(_ pick: (PeerDelivery) -> Picked?) async throws -> Picked {
        for await delivery in deliveries {
            record.withLock { $0.append(delivery) }
            if let picked = pick(delivery) { return picked }
        }
        throw CancellationError()
    }

    func nextLost() async throws -> NodeID {
        try await next { delivery -> NodeID? in
            guard case .lost(let node) = delivery else { return nil }
            return node
        }
    }

    /// Sends heartbeats, as Raft does, until one arrives.
    func reach(_ other: Peer) async throws {
        let beat = Message(
            from: node,
            to: other.node,
            term: Term(1),
            body: .heartbeat(Message.Heartbeat(commit: LogIndex(1), round: 1))
        )
        let links = self.links
        let beating = Task {
            while !Task.isCancelled {
                links.send([beat])
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        defer { beating.cancel() }
        try await other.next { delivery -> Void? in
            guard case .messages(let messages) = delivery else { return nil }
            return messages.contains(beat) ? () : nil
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
        snapshots: (SnapshotStore, SnapshotStore)? = nil,
        beforeConnecting prepare: (Pair) -> Void = { _ in }
    ) async throws {
        first = try await Peer(1, cluster: 7, limits: limits, snapshots: snapshots?.0)
        second = try await Peer(2, cluster: secondCluster, limits: limits, snapshots: snapshots?.1)
        prepare(self)
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
