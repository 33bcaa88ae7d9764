import Bytes
import Commands
import Measures
import Replica
import Watches
import ZooKeeperProtocol

/// What one event loop tells for a four-letter word; sent to the loop that answers it.
struct LoopSnapshot: Sendable {
    /// What is wanted besides the counts, since a loop may have many connections and watches.
    struct Scope: OptionSet, Sendable {
        let rawValue: UInt8
        static let connections = Scope(rawValue: 1)
        static let watches = Scope(rawValue: 2)
    }

    var traffic: TrafficCounts
    var times: RequestTimes
    var connectionCount: Int
    var outstandingCount: Int
    var watchCount = 0
    var connections: [ConnectionReport] = []
    var watches = WatchReport()

    init(_ loop: ZooKeeperLoop, _ scope: Scope) {
        traffic = loop.traffic
        times = loop.times
        connectionCount = loop.connections.count
        outstandingCount = loop.connections.values.reduce(0) { $0 + $1.outstanding.count }
        if scope.contains(.connections) { connections = loop.connections.values.map(\.report) }
        if scope.contains(.watches) { addWatches(of: loop) }
    }

    private mutating func addWatches(of loop: ZooKeeperLoop) {
        var sessions: [ClientSlot: SessionID] = [:]
        for connection in loop.connections.values { sessions[connection.slot] = connection.session }
        var pairs: [(path: ByteString, session: SessionID)] = []
        var count = 0
        loop.port.watches.forEach { path, slot, kinds in
            // A persistent watch counts as a data watch and as a child watch.
            let isData = kinds.contains { $0 != .child }
            let isChild = kinds.contains { $0 != .data }
            count += (isData ? 1 : 0) + (isChild ? 1 : 0)
            if isData { pairs.append((path, sessions[slot] ?? .none)) }
        }
        watchCount = count
        watches.pairs = pairs
    }
}

extension ZooKeeperConnection {
    var report: ConnectionReport {
        ConnectionReport(
            address: "\(header.client.host):\(header.client.port)",
            isReading: phase != .reporting && !isReadPaused,
            queued: outstanding.count,
            received: history.received,
            sent: history.sent,
            session: phase == .open ? session : .none,
            lastOperation: history.lastOpcode?.shortName ?? "NA",
            establishedMilliseconds: history.establishedMilliseconds,
            timeoutMilliseconds: phase == .open
                ? timeoutMilliseconds : Int32(clamping: limits.sessionlessMilliseconds),
            lastXID: history.lastXID,
            lastZxid: history.lastZxid,
            lastReplyMilliseconds: history.lastReplyAt,
            lastLatency: history.lastLatency,
            latency: history.latency
        )
    }
}
