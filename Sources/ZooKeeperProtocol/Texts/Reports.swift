package import Commands
package import Measures

/// Counts and the extremes of how long requests took, in milliseconds.
package struct LatencyCounts: Equatable, Sendable {
    package var count: UInt64 = 0
    package var total: UInt64 = 0
    package var smallest: UInt32 = .max
    package var largest: UInt32 = 0

    package init() {}

    package mutating func add(_ milliseconds: UInt32, times: UInt64 = 1) {
        count &+= times
        total &+= UInt64(milliseconds) &* times
        if milliseconds < smallest { smallest = milliseconds }
        if milliseconds > largest { largest = milliseconds }
    }

    package mutating func merge(_ other: LatencyCounts) {
        count += other.count
        total += other.total
        smallest = min(smallest, other.smallest)
        largest = max(largest, other.largest)
    }

    package var shownSmallest: UInt32 { count == 0 ? 0 : smallest }

    /// As Java prints a double that was rounded to four places: "0.0", "1.3651".
    package var average: String {
        guard count > 0 else { return "0.0" }
        let tenThousandths = (total * 10_000 + count / 2) / count
        let fraction = String(tenThousandths % 10_000 + 10_000).dropFirst()
        var kept = fraction[...]
        while kept.count > 1, kept.last == "0" { kept = kept.dropLast() }
        return "\(tenThousandths / 10_000).\(kept)"
    }
}

/// What a server, or one of its event loops, has counted since its start or since `srst`.
package struct TrafficCounts: Equatable, Sendable {
    package var packetsReceived: UInt64 = 0
    package var packetsSent: UInt64 = 0
    package var bytesReceived: UInt64 = 0
    package var bytesSent: UInt64 = 0
    /// Of watch events.
    package var eventBytesSent: UInt64 = 0
    package var latency = LatencyCounts()
    package var connectionsAccepted: UInt64 = 0
    package var connectionsRejected: UInt64 = 0
    package var connectionsDropped: UInt64 = 0
    package var sessionlessExpired: UInt64 = 0
    package var authenticationsFailed: UInt64 = 0
    package var largeRequestsRejected: UInt64 = 0
    /// Bytes of the last reply, and the extremes; -1 before the first.
    package var lastReplyBytes = -1
    package var largestReplyBytes = -1
    package var smallestReplyBytes = -1

    package init() {}

    package mutating func sent(replyBytes: Int) {
        packetsSent &+= 1
        bytesSent &+= UInt64(replyBytes)
        lastReplyBytes = replyBytes
        if replyBytes > largestReplyBytes { largestReplyBytes = replyBytes }
        if replyBytes < smallestReplyBytes || smallestReplyBytes < 0 {
            smallestReplyBytes = replyBytes
        }
    }

    package mutating func merge(_ other: TrafficCounts) {
        packetsReceived += other.packetsReceived
        packetsSent += other.packetsSent
        bytesReceived += other.bytesReceived
        bytesSent += other.bytesSent
        eventBytesSent += other.eventBytesSent
        latency.merge(other.latency)
        connectionsAccepted += other.connectionsAccepted
        connectionsRejected += other.connectionsRejected
        connectionsDropped += other.connectionsDropped
        sessionlessExpired += other.sessionlessExpired
        authenticationsFailed += other.authenticationsFailed
        largeRequestsRejected += other.largeRequestsRejected
        mergeReplySizes(other)
    }

    private mutating func mergeReplySizes(_ other: TrafficCounts) {
        lastReplyBytes = max(lastReplyBytes, other.lastReplyBytes)
        largestReplyBytes = max(largestReplyBytes, other.largestReplyBytes)
        if smallestReplyBytes < 0 || (0..<smallestReplyBytes).contains(other.smallestReplyBytes) {
            smallestReplyBytes = other.smallestReplyBytes
        }
    }
}

/// One connection, as `stat`, `cons` and `dump` show it.
package struct ConnectionReport: Equatable, Sendable {
    /// ADDRESS:PORT.
    package var address: String
    package var isReading: Bool
    package var queued: Int
    package var received: UInt64
    package var sent: UInt64
    package var session: SessionID
    package var lastOperation: String
    package var establishedMilliseconds: Int64
    package var timeoutMilliseconds: Int32
    package var lastXID: Int32
    package var lastZxid: Int64
    package var lastReplyMilliseconds: Int64
    package var lastLatency: UInt32
    package var latency: LatencyCounts

    package init(
        address: String,
        isReading: Bool,
        queued: Int,
        received: UInt64,
        sent: UInt64,
        session: SessionID,
        lastOperation: String,
        establishedMilliseconds: Int64,
        timeoutMilliseconds: Int32,
        lastXID: Int32,
        lastZxid: Int64,
        lastReplyMilliseconds: Int64,
        lastLatency: UInt32,
        latency: LatencyCounts
    ) {
        self.address = address
        self.isReading = isReading
        self.queued = queued
        self.received = received
        self.sent = sent
        self.session = session
        self.lastOperation = lastOperation
        self.establishedMilliseconds = establishedMilliseconds
        self.timeoutMilliseconds = timeoutMilliseconds
        self.lastXID = lastXID
        self.lastZxid = lastZxid
        self.lastReplyMilliseconds = lastReplyMilliseconds
        self.lastLatency = lastLatency
        self.latency = latency
    }

    /// " /127.0.0.1:42250[1](queued=0,recved=114,sent=129)"
    package var brief: String { head + ")" }

    /// The same with what is known of the session (NIOServerCnxn.dumpConnectionInfo).
    package var full: String {
        guard session != .none else { return brief }
        let xid = String(UInt32(bitPattern: lastXID), radix: 16)
        let zxid = String(UInt64(bitPattern: lastZxid), radix: 16)
        return head + ",sid=\(session),lop=\(lastOperation),est=\(establishedMilliseconds)"
            + ",to=\(timeoutMilliseconds),lcxid=0x\(xid),lzxid=0x\(zxid)"
            + ",lresp=\(lastReplyMilliseconds),llat=\(lastLatency)"
            + ",minlat=\(latency.shownSmallest),avglat=\(averageLatency)"
            + ",maxlat=\(latency.largest))"
    }

    private var head: String {
        " /\(address)[\(isReading ? 1 : 0)](queued=\(queued),recved=\(received),sent=\(sent)"
    }

    private var averageLatency: UInt64 {
        latency.count == 0 ? 0 : latency.total / latency.count
    }
}

/// What a node can say of itself as a whole.
package struct ServerReport: Equatable, Sendable {
    package enum Mode: String, Sendable {
        case standalone
        case leader
        case follower
        case observer
    }

    package var mode = Mode.standalone
    package var zxid: UInt64 = 0
    package var traffic = TrafficCounts()
    /// How long requests took since the start, whatever was set back.
    package var times = RequestTimes()
    package var node = NodeReport()
    package var connectionCount = 0
    package var outstandingCount = 0
    package var znodeCount: UInt64 = 0
    package var ephemeralCount: UInt64 = 0
    package var dataBytes: UInt64 = 0
    package var sessionCount: UInt64 = 0
    /// Pairs of a connection and a path, of data and of child watches together.
    package var watchCount = 0
    package var uptimeMilliseconds: Int64 = 0
    package var openFiles = 0
    package var maxFiles = 0
    package var voterCount = 1
    package var digest: UInt64 = 0

    package init() {}
}

/// The real server's version, which clients compare, and whose it really is.
package enum ServerVersion {
    package static let text = "3.9.3-roost, built on 2026-11-24 00:00 UTC"
}
