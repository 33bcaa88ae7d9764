/// One request of a client, told after its answer because it was slow or is traced.
package struct RequestReport: Equatable, Sendable {
    package enum Front: String, Sendable {
        case consul
        case zookeeper
    }

    package var front: Front
    /// What was asked: "PUT /v1/kv/", "setData".
    package var kind: String
    /// The path or key; never a value.
    package var subject: String
    /// "address:port"; empty: it is not known.
    package var client: String
    /// When it began to come in and when its answer was there, in microseconds of the monotonic
    /// clock.
    package var began: Int64
    package var ended: Int64
    /// The log's entry that it became.
    package var index: UInt64?
    /// How many requests came and were answered together with it; the report names the first.
    package var companions: UInt64 = 0
    package var isTraced = false
    /// The client's `traceparent`, if it sent one.
    package var traceParent: String?

    package init(
        _ front: Front,
        kind: String,
        subject: String,
        client: String,
        began: Int64,
        ended: Int64,
        index: UInt64? = nil
    ) {
        self.front = front
        self.kind = kind
        self.subject = subject
        self.client = client
        self.began = began
        self.ended = ended
        self.index = index
    }

    package var tookMicroseconds: Int64 { max(0, ended - began) }
}

/// Of which requests a front end tells, and whom.
///
/// Where nobody wants to know, a front end asks `isOn` once a request and keeps nothing.
package struct RequestWatch: Sendable {
    /// Requests that took as long are told; `.max`: none are for that reason.
    package var slowMicroseconds = Int64.max
    /// Whether requests are traced at all: those whose client says so, and samples.
    package var isTracing = false
    /// Of so many requests without a trace of their client's, one is traced; 0: none.
    package var traceOneIn: UInt64 = 0
    /// Called on the event loop: it must not wait.
    package var tell: @Sendable (RequestReport) -> Void = { _ in }

    package init() {}

    package var isOn: Bool { isTracing || slowMicroseconds != .max }

    package func isSlow(_ tookMicroseconds: Int64) -> Bool { tookMicroseconds >= slowMicroseconds }
}

/// Takes one of so many; each event loop has its own.
package struct Sampler {
    private let oneIn: UInt64
    private var count: UInt64 = 0

    package init(oneIn: UInt64) {
        self.oneIn = oneIn
    }

    package mutating func takes() -> Bool {
        guard oneIn > 0 else { return false }
        count &+= 1
        guard count >= oneIn else { return false }
        count = 0
        return true
    }
}
