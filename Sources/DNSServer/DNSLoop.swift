import Bytes
import Commands
import DNSProtocol
import DequeModule
package import Logging
package import Measures
package import NIOCore
package import Replica
import StateMachine

/// Consul's DNS interface in front of the replica.
///
/// A query is answered at once, from the state as this node has it, also without a leader (Consul's
/// `allow_stale`).
///
/// What it must never do: write, wait, or answer for another domain than its own.
///
/// Map: `DNSLoop` is what a loop's handlers share, and used on that loop only; `Resolver` makes the
/// records, `Instance` reads the catalog, `Findings` remembers it; `DatagramHandler` and
/// `StreamConnection` are NIO's side; `DNSSettings` is what an operator says.
package final class DNSLoop {
    private let port: LoopPort
    let settings: DNSSettings
    let eventLoop: any EventLoop
    private let logger: Logger
    /// Random words for the order of instances; a parameter, so that a test repeats itself.
    private let random: () -> UInt64
    package private(set) var counts = DNSCounts()
    private let findings: Findings
    /// Connections whose queries wait for a turn.
    private var waiting: Deque<StreamConnection> = []
    private var turn: Scheduled<Void>?
    private var streams: [ObjectIdentifier: StreamConnection] = [:]

    package init(
        port: LoopPort,
        eventLoop: any EventLoop,
        settings: DNSSettings,
        logger: Logger,
        random: @escaping () -> UInt64
    ) {
        self.port = port
        self.eventLoop = eventLoop
        self.settings = settings
        self.logger = logger
        self.random = random
        findings = Findings(settings, now: port.clock.microseconds)
    }

    enum Transport {
        case datagram
        case stream
    }

    /// The message that answers this one; nil: nothing does.
    func answer(_ message: RawSpan, by transport: Transport) -> [UInt8]? {
        switch Query.read(message) {
        case .silence: return nil
        case .refusal(let bytes, let code):
            counts.add(code)
            return bytes
        case .query(let query):
            let began = port.clock.microseconds()
            let answersMax =
                switch transport {
                case .datagram: settings.datagram.answersMax(for: query)
                case .stream: Response.streamAnswersMax(for: query)
                }
            let zone = Zone(of: query.name, settings)
            let response = response(to: query, zone, answersMax)
            let answer =
                switch transport {
                case .datagram: response.datagram(to: query, settings.datagram)
                case .stream: response.stream(to: query)
                }
            let took = UInt64(max(0, port.clock.microseconds() - began))
            counts.add(took, zone, response.code)
            return answer
        }
    }

    private func response(to query: Query, _ zone: Zone, _ answersMax: Int) -> Response {
        guard port.status.whyUnserving == nil else { return .failure }
        do {
            try port.begin()
            defer { port.end() }
            return try port.read { view throws(StateError) in
                findings.refresh(generation: port.stateGeneration)
                var resolver = Resolver(
                    settings: settings,
                    serial: UInt32(truncatingIfNeeded: port.clock.wall() / 1_000),
                    random: random,
                    sight: try sight(view),
                    answersMax: answersMax,
                    findings: findings
                )
                return try resolver.answer(query, zone, view)
            }
        } catch {
            logger.error("a name cannot be looked up", metadata: ["error": "\(error)"])
            return .failure
        }
    }

    /// What these clients may see; as over HTTP, the anonymous token is theirs who show none.
    private func sight(_ view: borrowing StateView) throws(StateError) -> Resolver.Sight {
        let access = settings.access
        guard access.isEnabled else { return .everything }
        let isAnonymous = access.fallback.bytes.isEmpty
        let token =
            isAnonymous
            ? try view.token(accessor: TokenDefinition.anonymous)
            : try view.token(secret: access.fallback)
        guard isAnonymous || token != nil else { return .failure }
        let seesAll = access.allowsByDefault || token?.isManagement == true
        return seesAll ? .everything : .nothing
    }

    /// A query got no answer, since those before it were not taken yet.
    func dropped() {
        counts.dropped &+= 1
    }

    func note(_ error: any Error) {
        logger.debug("a DNS client's socket failed", metadata: ["error": "\(error)"])
    }

    package func collectCounts(beginsInterval: Bool) -> DNSCounts {
        let collected = counts
        if beginsInterval { counts.beginInterval() }
        return collected
    }

    // MARK: Connections

    var now: Int64 { port.clock.microseconds() }

    var hasWaiting: Bool { !waiting.isEmpty }

    /// Gives a connection a turn behind those that wait already. Between turns the loop serves its
    /// sockets: a task that is due at once would run before it looks at any of them.
    func enqueue(_ stream: StreamConnection) {
        waiting.append(stream)
        scheduleTurn()
    }

    private func scheduleTurn() {
        guard turn == nil, !waiting.isEmpty else { return }
        let pause = TimeAmount.milliseconds(settings.limits.turnPauseMilliseconds)
        turn = eventLoop.assumeIsolated().scheduleTask(in: pause) { [weak self] in
            self?.takeTurns()
        }
    }

    private func takeTurns() {
        turn = nil
        let end = now + settings.limits.turnMicroseconds
        // Those that are not done stand at the end again.
        for _ in 0..<waiting.count {
            waiting.popFirst()?.takeTurn()
            if now >= end { break }
        }
        scheduleTurn()
    }

    package var connectionCount: Int { streams.count }

    func insert(_ stream: StreamConnection) { streams[ObjectIdentifier(stream)] = stream }

    func remove(_ stream: StreamConnection) { streams[ObjectIdentifier(stream)] = nil }

    /// The node is about to stop. What was answered goes out; queries that wait for a turn are for
    /// another server.
    package func retire() {
        for stream in Array(streams.values) { stream.close(.all) }
    }
}

extension Response {
    static var failure: Response { Response(.serverFailure) }
}

/// What the handlers of one loop have counted since the start.
package struct DNSCounts: Sendable {
    /// Queries without an answer.
    package fileprivate(set) var dropped: UInt64 = 0
    /// Answers by the code's raw value.
    private var byCode = [UInt64](repeating: 0, count: ResponseCode.allCases.count)
    /// How long answers for names and for addresses took, in microseconds.
    package private(set) var names = Distribution()
    package private(set) var addresses = Distribution()

    package init() {}

    /// By the names that dig shows, in small letters.
    package var answers: [(code: String, count: UInt64)] {
        ResponseCode.allCases.map { (Self.name($0), byCode[Int($0.rawValue)]) }
    }

    private static func name(_ code: ResponseCode) -> String {
        switch code {
        case .noError: "noerror"
        case .formatError: "formerr"
        case .serverFailure: "servfail"
        case .nameError: "nxdomain"
        case .notImplemented: "notimp"
        case .refused: "refused"
        }
    }

    fileprivate mutating func add(_ code: ResponseCode) {
        byCode[Int(code.rawValue)] &+= 1
    }

    fileprivate mutating func add(_ took: UInt64, _ zone: Zone, _ code: ResponseCode) {
        add(code)
        if case .reverse = zone { addresses.add(took) } else { names.add(took) }
    }

    package mutating func merge(_ other: DNSCounts) {
        dropped &+= other.dropped
        for code in byCode.indices { byCode[code] &+= other.byCode[code] }
        names.merge(other.names)
        addresses.merge(other.addresses)
    }

    fileprivate mutating func beginInterval() {
        names.beginInterval()
        addresses.beginInterval()
    }
}
