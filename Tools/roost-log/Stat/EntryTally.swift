import Bytes
import Commands
import Raft
import RaftStore

/// What entries there are: by kind, by minute and by name.
struct EntryTally {
    struct Count {
        var entries = 0
        var bytes = 0
    }

    private(set) var kinds: [String: Count] = [:]
    /// By minute since 1970.
    private(set) var minutes: [Int64: Count] = [:]
    private(set) var busiest = BusiestNames()
    private(set) var damaged = 0

    mutating func add(_ item: LogItem, _ filter: EntryFilter) {
        guard case .entry(let entry) = item else {
            damaged += 1
            return
        }
        let described = DescribedEntry(entry)
        guard filter.wants(described) else { return }
        Self.add(described.payloadBytes, to: &kinds[described.kind, default: Count()])
        guard let summary = described.summary else { return }
        let minute = summary.timeMilliseconds / 60_000
        if minutes[minute] != nil || minutes.count < InspectorLimits.minutesMax {
            Self.add(described.payloadBytes, to: &minutes[minute, default: Count()])
        }
        for path in summary.paths { busiest.add(path) }
    }

    private static func add(_ bytes: Int, to count: inout Count) {
        count.entries += 1
        count.bytes += bytes
    }
}
