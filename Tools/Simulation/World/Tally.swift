/// What happened in a run, or in many: so that a check that never meets a fault is seen.
package struct Tally: Sendable {
    package var seeds = 0
    /// Simulated time, summed over the nodes' common clock.
    package var microseconds: Int64 = 0
    package var events = 0
    package var ticks = 0
    package var writes = 0
    package var messages = 0
    package var lost = 0
    package var doubled = 0
    package var reordered = 0
    package var reached = 0
    package var died = 0
    package var leaders = 0
    package var entries = 0
    package var snapshots = 0
    package var transfers = 0
    package var transfersBroken = 0
    package var installed = 0
    package var compared = 0
    package var diverged = 0
    package var refilled = 0
    package var joined = 0
    package var requests = 0
    package var unanswered = 0
    package var histories = 0
    package var undecided = 0
    package var watchEvents = 0
    package var sessions = 0
    package var ephemeralsSeen = 0
    package var locksSeen = 0
    /// By kind, in the order of `FaultKind`.
    package var faults = [Int](repeating: 0, count: FaultKind.allCases.count)

    package init() {}

    package mutating func add(_ other: Tally) {
        for field in Tally.fields { self[keyPath: field.path] += other[keyPath: field.path] }
        microseconds += other.microseconds
        for place in faults.indices { faults[place] += other.faults[place] }
    }

    package subscript(_ kind: FaultKind) -> Int {
        get { faults[kind.rawValue] }
        set { faults[kind.rawValue] = newValue }
    }

    /// What never came up, though a campaign of any size must meet it to show anything of it.
    package var unmet: [String] {
        var names: [String] = []
        if sessions == 0 { names.append("sessions") }
        if ephemeralsSeen == 0 { names.append("ephemerals") }
        if locksSeen == 0 { names.append("locks") }
        if watchEvents == 0 { names.append("watch events") }
        if installed == 0 { names.append("snapshots installed") }
        if joined == 0 { names.append("nodes joined") }
        if compared == 0 { names.append("states found equal") }
        return names + FaultKind.allCases.filter { self[$0] == 0 }.map(\.name)
    }

    package var hours: Double { Double(microseconds) / 3_600_000_000 }

    /// The counts by name, in the order in which they are shown.
    package static var fields: [(name: String, path: WritableKeyPath<Tally, Int>)] {
        [
            ("seeds", \.seeds), ("events", \.events), ("ticks", \.ticks),
            ("log writes", \.writes), ("messages", \.messages), ("messages lost", \.lost),
            ("messages doubled", \.doubled), ("messages reordered", \.reordered),
            ("connections made", \.reached), ("processes found dead", \.died),
            ("leaders", \.leaders), ("entries", \.entries), ("snapshots", \.snapshots),
            ("snapshot transfers", \.transfers),
            ("snapshot transfers broken", \.transfersBroken),
            ("snapshots installed", \.installed), ("states found equal", \.compared),
            ("states found wrong", \.diverged),
            ("states refilled", \.refilled), ("nodes joined", \.joined), ("requests", \.requests),
            ("requests without answer", \.unanswered), ("histories", \.histories),
            ("histories undecided", \.undecided), ("watch events", \.watchEvents),
            ("sessions", \.sessions), ("ephemerals seen", \.ephemeralsSeen),
            ("locks seen", \.locksSeen),
        ]
    }
}
