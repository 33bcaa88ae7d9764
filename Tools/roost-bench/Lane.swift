import NIOCore
import NIOPosix

/// What every lane of a run knows; fixed before the run begins.
struct LaneSettings: Sendable {
    var keys: KeySpace
    var targets: [Target]
    var query: String
    var sessionMilliseconds: Int
    var readPercent: UInt32
    var loadBatch: Int
    var laneCount: Int

    struct Target: Sendable {
        var text: String
        var address: SocketAddress
    }
}

/// The connections of one event loop and all that they count. Used on that loop only.
final class Lane<D: Dialect> {
    let loop: any EventLoop
    let settings: LaneSettings
    private(set) var connections: [ClientConnection<D>] = []
    var tally = Tally()
    var work = Work.load
    /// While true, every answer gives rise to the next request.
    var isIssuing = false
    /// Only what is answered in here counts.
    var window: Range<UInt64> = UInt64.max..<UInt64.max

    var pongs = 0
    var parentCount = 0
    var loadedCount = 0
    var learnedCount = 0
    var armedCount = 0
    var notifiedCount = 0
    /// Blocked queries that returned before anything was written.
    var earlyCount = 0
    var roundStart: UInt64 = 0
    var roundEnd: UInt64 = 0
    var writeAcknowledgedAt: UInt64 = 0
    private(set) var aliveCount = 0
    private(set) var lastAnswerAt: UInt64 = 0
    var loadRange: Range<UInt32> = 0..<0

    private let number: Int
    private var random: Xorshift
    private var creations: UInt64 = 0
    private var unopened = 0
    private var opening = 0
    private var waiter: Waiter?

    private struct Waiter {
        var condition: (Lane<D>) -> Bool
        var promise: EventLoopPromise<Bool>
        var timeout: Scheduled<Void>
    }

    /// Handshakes under way at a time: servers refuse or queue a flood of them.
    private static var openingMax: Int { 32 }

    init(_ number: Int, settings: LaneSettings, loop: any EventLoop) {
        self.number = number
        self.settings = settings
        self.loop = loop
        random = Xorshift(seed: Self.now() ^ (0x9E37_79B9_7F4A_7C15 &* UInt64(number + 1)))
    }

    static func now() -> UInt64 { NIODeadline.now().uptimeNanoseconds }

    var pendingCount: Int { connections.reduce(0) { $0 + $1.pendingCount } }

    // MARK: Opening and closing

    var isOpened: Bool { unopened == 0 && opening == 0 }

    func open(_ count: Int) {
        unopened += count
        openMore()
    }

    private func openMore() {
        while unopened > 0, opening < Self.openingMax {
            unopened -= 1
            opening += 1
            connect(settings.targets[(connections.count + number) % settings.targets.count])
        }
    }

    private func connect(_ target: LaneSettings.Target) {
        let dialect = D(
            keys: settings.keys,
            host: target.text,
            query: settings.query,
            sessionMilliseconds: settings.sessionMilliseconds
        )
        let connection = ClientConnection(lane: self, dialect: dialect)
        connections.append(connection)
        let bound = NIOLoopBound((self, connection), eventLoop: loop)
        ClientBootstrap(group: loop)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: 16_384)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(bound.value.1)
                }
            }
            .connect(to: target.address)
            .hop(to: loop)
            .whenFailure { error in bound.value.0.connectFailed(target, error) }
    }

    private func connectFailed(_ target: LaneSettings.Target, _ error: any Error) {
        tally.faults.connection += 1
        tally.faults.note("connect to \(target.text): \(error)")
        opening -= 1
        openMore()
        progressed()
    }

    func opened(_ connection: ClientConnection<D>) {
        opening -= 1
        aliveCount += 1
        openMore()
        progressed()
    }

    func lost(wasOpen: Bool) {
        if wasOpen { aliveCount -= 1 } else if opening > 0 { opening -= 1 }
        openMore()
        progressed()
    }

    func close() {
        isIssuing = false
        let now = Self.now()
        for connection in connections { connection.close(at: now) }
    }

    var isClosed: Bool { connections.allSatisfy { $0.phase == .dead } }

    // MARK: The closed loop

    /// Puts `depth` requests on every connection; from then on each answer brings the next.
    func start(_ work: Work, depth: Int) {
        self.work = work
        isIssuing = true
        let now = Self.now()
        lastAnswerAt = max(now, window.lowerBound == .max ? 0 : window.lowerBound)
        for connection in connections where connection.phase == .open {
            for _ in 0..<depth { issue(on: connection, at: now) }
            connection.flush()
        }
    }

    private func issue(on connection: ClientConnection<D>, at now: UInt64) {
        switch work {
        case .write: connection.send(newSet(), at: now)
        case .read: connection.send(.get(key: random.below(settings.keys.count)), at: now)
        case .mixed:
            let isRead = random.below(100) < settings.readPercent
            connection.send(
                isRead ? .get(key: random.below(settings.keys.count)) : newSet(),
                at: now
            )
        case .create:
            connection.send(
                .create(number: creations * UInt64(settings.laneCount) + UInt64(number)),
                at: now
            )
            creations += 1
        case .load: issueLoad(on: connection, at: now)
        case .watchfan, .idle: break
        }
    }

    func newSet() -> Request {
        .set(key: random.below(settings.keys.count), sequence: random.next() >> 34)
    }

    private func issueLoad(on connection: ClientConnection<D>, at now: UInt64) {
        guard !loadRange.isEmpty else { return }
        let batch = loadRange.prefix(D.loadBatch(settings.loadBatch))
        loadRange = batch.endIndex..<loadRange.upperBound
        connection.send(
            .load(first: batch.startIndex, count: UInt32(batch.count)),
            at: now
        )
    }

    // MARK: What connections report

    func answered(
        _ connection: ClientConnection<D>,
        _ request: Pending,
        _ verdict: Verdict,
        index: UInt64,
        at now: UInt64
    ) {
        if case .exists = verdict, request.operation == .load {
            connection.send(.set(key: request.key, sequence: 0), as: .load, at: now)
            return
        }
        note(verdict, on: request)
        switch request.operation {
        case .write where work == .watchfan: writeAcknowledgedAt = now
        case .write, .read, .create: completed(request, at: now)
        case .load: loadedCount += Int(request.count)
        case .parent: parentCount += 1
        case .learn:
            connection.index = index
            learnedCount += 1
        case .arm: armAnswered(connection, request, verdict, index: index, at: now)
        case .farewell: break
        }
        lastAnswerAt = now
        if isIssuing { issue(on: connection, at: now) }
    }

    private func note(_ verdict: Verdict, on request: Pending) {
        switch verdict {
        case .good: break
        case .exists:
            if request.operation == .parent { return }
            tally.faults.code += 1
            tally.faults.note("a \(request.operation) found its node there already")
        case .refused(let text):
            tally.faults.code += 1
            tally.faults.note(text)
        case .wrong(let text):
            tally.faults.length += 1
            tally.faults.note(text)
        }
    }

    private func completed(_ request: Pending, at now: UInt64) {
        guard window.contains(now) else { return }
        let latency = now - request.sentAt
        tally.all.record(latency)
        if work == .mixed {
            if request.operation == .read {
                tally.reads.record(latency)
            } else {
                tally.writes.record(latency)
            }
        }
        tally.longestGap = max(tally.longestGap, now - max(lastAnswerAt, window.lowerBound))
    }

    /// ZooKeeper: the watch is set. Consul: a blocked query returned.
    private func armAnswered(
        _ connection: ClientConnection<D>,
        _ request: Pending,
        _ verdict: Verdict,
        index: UInt64,
        at now: UInt64
    ) {
        if D.armsAtOnce {
            connection.isArmed = true
            armedCount += 1
        } else if work == .watchfan, roundStart > 0, index > connection.index {
            connection.index = index
            notified(connection, at: now)
        } else {
            earlyCount += 1
            connection.send(.arm(key: request.key, index: index), at: now)
        }
    }

    func fired(_ connection: ClientConnection<D>, at now: UInt64) {
        guard work == .watchfan, connection.isArmed else {
            tally.faults.protocolErrors += 1
            tally.faults.note("a watch event on a connection that has no watch")
            return
        }
        notified(connection, at: now)
    }

    private func notified(_ connection: ClientConnection<D>, at now: UInt64) {
        guard !connection.isNotified else { return }
        connection.isNotified = true
        connection.isArmed = false
        notifiedCount += 1
        roundEnd = now
        tally.all.record(now - roundStart)
    }

    // MARK: Waiting

    /// Called after each burst of answers.
    func progressed() {
        guard let waiter, waiter.condition(self) else { return }
        finishWaiting(true)
    }

    /// True as soon as the condition holds, false when it does not within the time.
    func wait(
        seconds: Int64,
        until condition: @escaping (Lane<D>) -> Bool
    ) -> EventLoopFuture<Bool> {
        precondition(waiter == nil, "a lane waits for one thing at a time")
        if condition(self) { return loop.makeSucceededFuture(true) }
        let bound = NIOLoopBound(self, eventLoop: loop)
        let timeout = loop.scheduleTask(in: .seconds(seconds)) { bound.value.finishWaiting(false) }
        let promise = loop.makePromise(of: Bool.self)
        waiter = Waiter(condition: condition, promise: promise, timeout: timeout)
        return promise.futureResult
    }

    private func finishWaiting(_ held: Bool) {
        guard let waiter else { return }
        self.waiter = nil
        waiter.timeout.cancel()
        waiter.promise.succeed(held)
    }
}
