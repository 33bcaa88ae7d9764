import ArgumentParser
import Bytes
import Commands
import Raft
import RaftStore

/// A point in a directory's past, as a person gives it.
enum PointInTime: Equatable {
    case index(UInt64)
    /// Milliseconds since 1970.
    case time(Int64)

    /// A number, or a time or an age as `TimeText` reads it.
    init?(_ text: String, now: Int64) {
        if let index = UInt64(text) {
            self = .index(index)
        } else if let time = TimeText.milliseconds(text, now: now) {
            self = .time(time)
        } else {
            return nil
        }
    }

    static func parse(_ text: String, _ option: String) throws -> PointInTime {
        guard let point = PointInTime(text, now: TimeText.nowMilliseconds) else {
            throw ValidationError(
                "\(option) \(text): write an index, a time like 2026-11-25T12:00:00Z, or an age "
                    + "like 15m"
            )
        }
        return point
    }
}

extension Replay {
    /// The last entry of a point in time: for a time, the one before the first that is stamped
    /// later. Times are the leaders' clocks.
    func index(of point: PointInTime) throws -> LogIndex {
        switch point {
        case .index(let index): return LogIndex(index)
        case .time(let time): return try index(before: time)
        }
    }

    private func index(before time: Int64) throws -> LogIndex {
        guard log.first <= committed else { return committed }
        var later: Entry?
        let progress = Progress("searched")
        var seen = log.first.rawValue
        try directory.log.forEachEntry(log.first...committed) { payload in
            seen += 1
            progress.note(seen - log.first.rawValue, of: committed.rawValue)
            guard let stamped = CommandHeader.time(of: payload) else { return false }
            return stamped > time
        } _: { item in
            guard case .entry(let entry) = item else { return true }
            let payload = entry.payload
            guard entry.kind == .normal, let stamped = CommandHeader.time(of: payload.rawSpan),
                stamped > time
            else { return true }
            later = entry
            return false
        }
        progress.end()
        guard let later else { return committed }
        if later.index == log.first, log.first > LogIndex(1) {
            let text = TimeText.text(milliseconds: time)
            throw InspectionFailure.other(
                "the log begins after \(text), with entry \(log.first.rawValue); "
                    + "give the index of a snapshot instead (roost-log snapshots)"
            )
        }
        return later.index.previous
    }
}
