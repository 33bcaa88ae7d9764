package import Measures
import Replica

/// What the HTTP connections of one event loop have counted since the start.
package struct ConsulCounts: Sendable {
    package var requests: UInt64 = 0
    /// Answers of 500 and above, and requests that were refused unread.
    package var errors: UInt64 = 0
    /// Reads of the state.
    package var queries: UInt64 = 0
    /// Questions that were asked again because of a change.
    package var evaluations: UInt64 = 0
    /// Without those that waited for news.
    package private(set) var times = RequestTimes()
    /// From a read's coming to when the leader's word for it was here.
    package var consistentTimes = Distribution()
    /// How long each endpoint's methods took, waiting for news included: by `Asked.place`.
    private var byRoute: [Distribution]
    /// How long commands took until they were applied here, by endpoint.
    private var byEndpoint: [Distribution]

    package init() {
        let count = Endpoint.allCases.count
        byRoute = Array(repeating: Distribution(), count: count * Asked.methodCount)
        byEndpoint = Array(repeating: Distribution(), count: count)
    }

    mutating func measure(_ asked: Asked, at time: Int64) {
        let took = UInt64(max(0, time - asked.began))
        if let place = asked.place { byRoute[place].add(took) }
        switch asked.kind {
        case .read: times.reads.add(took)
        case .write:
            times.writes.add(took)
            byEndpoint[Int(asked.endpoint.rawValue)].add(took)
        case .waiting, .other: break
        }
    }

    package mutating func merge(_ other: ConsulCounts) {
        requests &+= other.requests
        errors &+= other.errors
        queries &+= other.queries
        evaluations &+= other.evaluations
        times.merge(other.times)
        consistentTimes.merge(other.consistentTimes)
        for place in byRoute.indices { byRoute[place].merge(other.byRoute[place]) }
        for place in byEndpoint.indices { byEndpoint[place].merge(other.byEndpoint[place]) }
    }

    package mutating func beginInterval() {
        times.beginInterval()
        consistentTimes.beginInterval()
        for place in byRoute.indices { byRoute[place].beginInterval() }
        for place in byEndpoint.indices { byEndpoint[place].beginInterval() }
    }

    // MARK: By Consul's names

    /// The methods and paths that were asked for, as Consul names them: "GET.v1.kv._".
    package var routes: [(name: String, times: Distribution)] {
        var routes: [(String, Distribution)] = []
        for (place, times) in byRoute.enumerated() where times.count > 0 {
            let (endpoint, method) = place.quotientAndRemainder(dividingBy: Asked.methodCount)
            guard let path = RouteTable.metricNames[endpoint] else { continue }
            routes.append(("\(Asked.methods[method]).\(path)", times))
        }
        return routes
    }

    package var keyWrites: Distribution { writes(.key) }
    package var transactions: Distribution { writes(.transaction) }
    package var sessionWrites: Distribution { writes(.sessionCreate, .sessionDestroy) }
    package var sessionRenewals: Distribution {
        byRoute[Int(Endpoint.sessionRenew.rawValue) * Asked.methodCount + 1]
    }
    package var registrations: Distribution {
        writes(.catalogRegister, .agentServiceRegister, .agentCheckRegister)
    }
    package var deregistrations: Distribution {
        writes(.catalogDeregister, .agentServiceDeregister, .agentCheckDeregister)
    }

    private func writes(_ endpoints: Endpoint...) -> Distribution {
        var all = Distribution()
        for endpoint in endpoints { all.merge(byEndpoint[Int(endpoint.rawValue)]) }
        return all
    }
}

/// A request, as far as its measuring needs it.
struct Asked {
    enum Kind: UInt8 {
        case read
        case write
        /// A read that waited for news.
        case waiting
        case other
    }

    static let methods = ["GET", "PUT", "DELETE", "POST"]
    static var methodCount: Int { methods.count }

    /// When it began to come in, in microseconds.
    var began: Int64 = 0
    var kind = Kind.other
    var endpoint = Endpoint.root
    /// Its method's number among `methods`; 255: another one.
    var method: UInt8 = 255
    var isTraced = false
    /// The last entry that it became; 0: none.
    var index: UInt64 = 0
    /// The connection's place in the loop's table when it was answered.
    var connection = 0

    mutating func note(_ request: Request) {
        endpoint = request.endpoint
        switch request.method {
        case .get: method = 0
        case .put: method = 1
        case .delete: method = 2
        case .post: method = 3
        case .options, .head, .other: method = 255
        }
    }

    var place: Int? {
        method == 255 ? nil : Int(endpoint.rawValue) * Self.methodCount + Int(method)
    }
}

extension ConsulLoop {
    /// At the end of a burst: its answers go out together.
    func measureAnswered() {
        guard !unmeasured.isEmpty else { return }
        let time = port.clock.microseconds()
        for asked in unmeasured {
            counts.measure(asked, at: time)
            guard watch.isSlow(time - asked.began), asked.kind.isTold else { continue }
            watch.tell(trail(of: asked).report(asked, at: time))
        }
        unmeasured.removeAll(keepingCapacity: true)
    }

    /// Of a request whose answer was there at `time`.
    func measure(_ asked: Asked, _ trail: RequestTrail, at time: Int64) {
        counts.measure(asked, at: time)
        let isSlow = watch.isSlow(time - asked.began) && asked.kind.isTold
        if isSlow || asked.isTraced { watch.tell(trail.report(asked, at: time)) }
    }

    /// Nothing where the connection is gone, or is at its next request already.
    private func trail(of asked: Asked) -> RequestTrail {
        guard connections.all.indices.contains(asked.connection) else { return RequestTrail() }
        return connections.all[asked.connection].trail(of: asked) ?? RequestTrail()
    }

    /// What this loop has counted; a new interval begins if that is asked for.
    package func collectCounts(beginsInterval: Bool) -> ConsulCounts {
        defer { if beginsInterval { counts.beginInterval() } }
        return counts
    }

    package var connectionCount: Int { connections.all.count }
    package var blockedCount: Int { questions.waitingCount }
    package var questionCount: Int { questions.count }
}
