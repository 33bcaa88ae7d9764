/// How long requests took, in microseconds, by what they ask.
package struct RequestTimes: Equatable, Sendable {
    /// From when a request came to when its answer was handed to the socket.
    package var reads = Distribution()
    /// From when a request came to when its outcome reached the connection.
    package var writes = Distribution()

    package init() {}

    package mutating func merge(_ other: RequestTimes) {
        reads.merge(other.reads)
        writes.merge(other.writes)
    }

    package mutating func beginInterval() {
        reads.beginInterval()
        writes.beginInterval()
    }
}
