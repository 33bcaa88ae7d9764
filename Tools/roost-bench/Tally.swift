/// What a lane saw: latencies, counts, and everything that went wrong.
struct Tally: Sendable {
    var all = Histogram()
    var reads = Histogram()
    var writes = Histogram()
    var faults = Faults()
    /// The longest time in the window in which nothing was answered.
    var longestGap: UInt64 = 0

    mutating func merge(_ other: Tally) {
        all.merge(other.all)
        reads.merge(other.reads)
        writes.merge(other.writes)
        faults.merge(other.faults)
        longestGap = max(longestGap, other.longestGap)
    }
}

/// Errors by kind, and the text of the first.
struct Faults: Sendable, Encodable {
    /// The server answered with an error.
    var code = 0
    /// The answer was not what the request asks for.
    var length = 0
    /// The bytes did not follow the protocol.
    var protocolErrors = 0
    /// A connection was refused or broke.
    var connection = 0
    /// Requests that never were answered.
    var lost = 0
    var first: String?

    enum CodingKeys: String, CodingKey {
        case code, length, connection, lost
        case protocolErrors = "protocol"
        case first = "first_error"
    }

    var total: Int { code + length + protocolErrors + connection + lost }

    mutating func note(_ text: @autoclosure () -> String) {
        if first == nil { first = text() }
    }

    mutating func merge(_ other: Faults) {
        code += other.code
        length += other.length
        protocolErrors += other.protocolErrors
        connection += other.connection
        lost += other.lost
        first = first ?? other.first
    }
}
