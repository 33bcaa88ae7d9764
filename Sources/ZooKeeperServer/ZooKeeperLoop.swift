import Commands
import Logging
import Measures
import NIOCore
import Replica
import StateMachine
import Watches
import ZooKeeperProtocol

/// What the connections of one event loop share. Used on that loop only.
final class ZooKeeperLoop {
    let port: LoopPort
    let eventLoop: any EventLoop
    let settings: ZooKeeperSettings
    let sessionNames: SessionNames
    let logger: Logger
    /// Who wants to be told of slow and traced requests.
    let watch: RequestWatch
    var sampler: Sampler
    var traffic = TrafficCounts()
    /// How long requests took since the start; `srst` does not set it back.
    var times = RequestTimes()
    /// Reads of the requests that are being taken, to be measured together.
    var unmeasuredReads: UInt64 = 0
    private(set) var connections: [ObjectIdentifier: ZooKeeperConnection] = [:]
    /// Whether the node is about to stop, and takes no more requests.
    private(set) var isRetiring = false
    private var buffers: [ByteBuffer] = []
    private var startIndex: UInt64 = 0
    private var leaderlessSince: Int64?

    init(
        port: LoopPort,
        eventLoop: any EventLoop,
        settings: ZooKeeperSettings,
        sessionNames: SessionNames,
        logger: Logger
    ) {
        self.port = port
        self.eventLoop = eventLoop
        self.settings = settings
        self.sessionNames = sessionNames
        self.logger = logger
        watch = settings.requests
        sampler = Sampler(oneIn: settings.requests.traceOneIn)
    }

    var limits: ZooKeeperLimits { settings.limits }
    /// The time as it was when it was last asked for; good enough for `cons`.
    private(set) var lastKnownTime: Int64 = 0

    var now: Int64 { microseconds / 1_000 }

    var microseconds: Int64 {
        let time = port.clock.microseconds()
        lastKnownTime = time / 1_000
        return time
    }

    /// For all that was delivered together.
    func note(deliveredAt time: Int64) { lastKnownTime = time / 1_000 }

    /// The zxid of the open snapshot, as replies to reads carry it.
    var snapshotZxid: Int64 {
        let delivered = port.deliveredIndex
        if delivered > 0 { return Int64(bitPattern: delivered) }
        if startIndex == 0 {
            startIndex = (try? port.read { view in try view.summary.appliedIndex }) ?? 0
        }
        return Int64(bitPattern: startIndex)
    }

    // MARK: Connections

    func add(_ connection: ZooKeeperConnection) {
        connections[ObjectIdentifier(connection)] = connection
        traffic.connectionsAccepted += 1
    }

    /// In an order that does not change from run to run.
    private var connectionsInOrder: [ZooKeeperConnection] {
        connections.values.sorted { $0.slot.rawValue < $1.slot.rawValue }
    }

    func remove(_ connection: ZooKeeperConnection) {
        connections[ObjectIdentifier(connection)] = nil
    }

    /// Somebody gave a wrong password for this session on another loop.
    func dropHolder(of session: SessionID) {
        port.dropHolder(of: session, otherThan: ClientSlot(rawValue: .max))
        deliver()
    }

    /// Has connections act on what they were told outside of a delivery.
    func deliverSoon() {
        eventLoop.assumeIsolated().execute { self.deliver() }
    }

    private func deliver() {
        do { try port.deliver() } catch {
            logger.error("the state cannot be read", metadata: ["error": "\(error)"])
        }
    }

    /// Closes connections that got no session in time, or whose client does not read; and all of
    /// them when this node has had no leader for a while, so that their clients find another node
    /// before their sessions expire. The real server does the same when it loses its quorum. A node
    /// that serves nobody sends them away at once.
    func sweep() {
        let time = now
        for connection in connectionsInOrder { connection.checkPatience(at: time) }
        if port.status.whyUnserving != nil {
            for connection in connectionsInOrder { connection.close() }
            return
        }
        guard isLeaderless(at: time) else { return leaderlessSince = nil }
        let since = leaderlessSince ?? time
        leaderlessSince = since
        guard time - since >= limits.leaderlessMilliseconds, !connections.isEmpty else { return }
        logger.warning(
            "no leader; ZooKeeper's clients are sent away",
            metadata: ["connections": "\(connections.count)"]
        )
        for connection in connectionsInOrder { connection.close() }
    }

    /// A leader whose thread waits for its disk does not know who leads. Alone, it does.
    private func isLeaderless(at time: Int64) -> Bool {
        let status = port.status
        guard !status.isAlone else { return false }
        return !status.knowsLeader || time - status.asOf >= limits.leaderlessMilliseconds
    }

    func retire() {
        isRetiring = true
        for connection in connectionsInOrder { connection.retire() }
    }

    // MARK: Send buffers

    /// An empty buffer, an old one if there is one.
    func takeBuffer() -> ByteBuffer {
        buffers.popLast() ?? ByteBufferAllocator().buffer(capacity: 512)
    }

    /// Takes a buffer back after the socket was written; `clear` leaves it alone if the socket
    /// still needs it and makes a new one, which is not worth keeping.
    func giveBack(_ buffer: inout ByteBuffer) {
        guard buffers.count < limits.pooledBuffers else { return }
        guard buffer.capacity <= limits.pooledBufferBytesMax else { return }
        buffer.clear(minimumCapacity: 512)
        buffers.append(buffer)
    }
}
