import Bytes
import Commands
import ConsulProtocol
package import Logging
import Measures
package import NIOCore
import NIOHTTP1
package import Replica

/// What the connections of one event loop share. Used on that loop only.
package final class ConsulLoop {
    package let port: LoopPort
    let settings: ConsulSettings
    let limits: ConsulLimits
    let eventLoop: any EventLoop
    let logger: Logger
    /// Random words for identifiers and jitter; a parameter, so that a simulation repeats itself.
    let random: () -> UInt64
    let questions: Questions
    /// Who wants to be told of slow and traced requests.
    let watch: RequestWatch
    var sampler: Sampler
    var connections = ConnectionTable()
    var counts = ConsulCounts()
    /// Requests that were answered with one snapshot, to be measured together.
    var unmeasured: [Asked] = []
    /// The cluster as of the snapshot that was opened last.
    private(set) var status: ReplicaStatus
    /// The term in which this node is known to have applied what was committed before it.
    var servingTerm: UInt64?
    private(set) var isRetiring = false
    private var dateSecond: Int64 = -1
    private var dateText: [UInt8] = []
    private var sweep: Scheduled<Void>?
    /// Reused for every head.
    var headScratch = ByteWriter(reserving: 512)

    package init(
        port: LoopPort,
        eventLoop: any EventLoop,
        settings: ConsulSettings,
        logger: Logger,
        random: @escaping () -> UInt64
    ) {
        self.port = port
        self.eventLoop = eventLoop
        self.settings = settings
        self.logger = logger
        self.random = random
        limits = settings.limits
        watch = settings.requests
        sampler = Sampler(oneIn: settings.requests.traceOneIn)
        status = port.status
        questions = Questions()
        // Without connections the loop may be gone before its port; then nobody waits for news.
        port.onTopics = { [weak self] woken in
            if let self { questions.wake(woken, on: self) }
        }
    }

    /// Begins the sweep for clients that stall; without it nothing is ever dropped.
    package func start() {
        sweep = eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { [weak self] in
            self?.dropStalled()
            self?.start()
        }
    }

    /// The node is about to stop: every connection gets the answers that are under way, each the
    /// last one of its connection, and is closed. Who waits for news is told what there is.
    package func retire() {
        isRetiring = true
        questions.answerAll(on: self)
        for connection in connections.all { connection.retire() }
    }

    package var hasConnections: Bool { !connections.all.isEmpty }

    package func stop() {
        sweep?.cancel()
        sweep = nil
        questions.stop()
        for connection in connections.all { connection.closeForShutdown() }
    }

    var decoderLimits: NIOHTTPDecoderLimitConfiguration {
        var configuration = NIOHTTPDecoderLimitConfiguration()
        configuration.maxHeaderFieldSize = limits.headBytesMax
        configuration.maxHeaderListSize = limits.headBytesMax
        return configuration
    }

    /// Opens a snapshot; close it by `port.end`.
    func beginReading() -> Bool {
        do {
            try port.begin()
            refreshStatus()
            return true
        } catch {
            logger.error("the state cannot be read", metadata: ["error": "\(error)"])
            return false
        }
    }

    func refreshStatus() {
        status = port.status
    }

    /// The Date header's value, made once a second.
    var date: [UInt8] {
        let second = port.clock.wall() / 1000
        if second != dateSecond {
            dateSecond = second
            dateText = Array(HTTPDate.text(seconds: second).utf8)
        }
        return dateText
    }

    func metadata(index: UInt64?, effective: Consistency? = nil) -> AnswerMetadata {
        AnswerMetadata(
            index: index,
            knowsLeader: status.knowsLeader,
            lastContactMilliseconds: UInt64(max(0, status.lastContactMilliseconds)),
            effectiveConsistency: effective
        )
    }

    /// What an answer of this consistency has to wait for.
    enum Wait {
        case nothing
        /// Until what this leader has told anybody to be committed is applied here: a follower may
        /// have acknowledged it already.
        case catchUp
        /// For the leader's word, and until what was committed then is applied here.
        case barrier
    }

    /// A leader answers by itself once it has seen its own term's first entry applied, while its
    /// word that it leads is younger than an election takes; the real server's default mode trusts
    /// the leader's lease in the same way.
    func wait(for consistency: Consistency) -> Wait {
        switch consistency {
        case .stale: return .nothing
        case .consistent: return .barrier
        case .leader:
            guard status.isLeader, servingTerm == status.term,
                status.isRecent(now: port.clock.monotonic())
            else { return .barrier }
            // Alone, nobody else acknowledges anything.
            let isApplied = port.deliveredIndex >= status.commit
            return status.isAlone || isApplied ? .nothing : .catchUp
        }
    }

    func newIdentifier() -> ByteString {
        ByteString(UUIDValue(high: random(), low: random()).text)
    }

    private func dropStalled() {
        let now = port.clock.monotonic()
        for connection in connections.all { connection.checkProgress(now: now) }
    }
}

/// The connections of a loop, each at a place that it knows.
struct ConnectionTable {
    private(set) var all: [ConsulConnection] = []

    mutating func insert(_ connection: ConsulConnection) {
        connection.place = all.count
        all.append(connection)
    }

    mutating func remove(_ connection: ConsulConnection) {
        let place = connection.place
        guard place < all.count, all[place] === connection, let last = all.popLast() else { return }
        guard last !== connection else { return }
        all[place] = last
        last.place = place
    }
}
