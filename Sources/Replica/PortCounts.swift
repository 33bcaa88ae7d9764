package import Measures

/// What one event loop's door to the replica has counted since the start.
package struct PortCounts: Sendable {
    package var refusals = RefusalCounts()
    /// Watch events handed to ZooKeeper's connections.
    package var events: UInt64 = 0
    /// Blocked queries that a change answered.
    package var answeredQueries: UInt64 = 0
    /// From when a change was applied to when those whom it concerns had it in their sockets.
    package private(set) var eventTimes = Distribution()
    package private(set) var queryTimes = Distribution()
    private var measuredEvents: UInt64 = 0
    private var measuredQueries: UInt64 = 0

    package init() {}

    /// Measures what was told since the last time.
    /// - Parameter applied: when what led to it was applied, by the clock of `now`.
    package mutating func measureWakes(since applied: Int64, now: () -> Int64) {
        let events = self.events &- measuredEvents
        let queries = answeredQueries &- measuredQueries
        guard events > 0 || queries > 0 else { return }
        measuredEvents = self.events
        measuredQueries = answeredQueries
        let wait = UInt64(max(0, now() - applied))
        if events > 0 { eventTimes.add(wait, times: events) }
        if queries > 0 { queryTimes.add(wait, times: queries) }
    }

    package mutating func merge(_ other: PortCounts) {
        refusals.merge(other.refusals)
        events &+= other.events
        answeredQueries &+= other.answeredQueries
        eventTimes.merge(other.eventTimes)
        queryTimes.merge(other.queryTimes)
    }

    package mutating func beginInterval() {
        eventTimes.beginInterval()
        queryTimes.beginInterval()
    }
}

/// Requests that were not carried out, by why.
package struct RefusalCounts: Equatable, Sendable {
    package var noLeader: UInt64 = 0
    package var diskFull: UInt64 = 0
    package var overloaded: UInt64 = 0
    package var tooLarge: UInt64 = 0
    package var timedOut: UInt64 = 0
    package var stopping: UInt64 = 0
    package var unknownCommand: UInt64 = 0

    package init() {}

    package mutating func add(_ refusal: Refusal, times: Int) {
        let times = UInt64(times)
        switch refusal {
        case .noLeader: noLeader &+= times
        case .diskFull: diskFull &+= times
        case .overloaded: overloaded &+= times
        case .tooLarge: tooLarge &+= times
        case .timedOut: timedOut &+= times
        case .stopping: stopping &+= times
        case .unknownCommand: unknownCommand &+= times
        }
    }

    package mutating func merge(_ other: RefusalCounts) {
        noLeader &+= other.noLeader
        diskFull &+= other.diskFull
        overloaded &+= other.overloaded
        tooLarge &+= other.tooLarge
        timedOut &+= other.timedOut
        stopping &+= other.stopping
        unknownCommand &+= other.unknownCommand
    }

    /// Each with its name in lower case.
    package var byReason: [(reason: String, count: UInt64)] {
        [
            ("no_leader", noLeader), ("disk_full", diskFull), ("overloaded", overloaded),
            ("too_large", tooLarge), ("timed_out", timedOut), ("stopping", stopping),
            ("unknown_command", unknownCommand),
        ]
    }
}
