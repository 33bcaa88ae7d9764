import Bytes
import Raft
import RaftStore

/// Compares the entries that two logs hold both, a stretch at a time.
struct LogComparison {
    /// The first entry in which they differ.
    struct Difference {
        let left: DescribedEntry
        let right: DescribedEntry
        var index: LogIndex { left.index }
    }

    private let left: Replay
    private let right: Replay
    /// What both hold and know to be committed; nil if nothing is.
    let range: ClosedRange<LogIndex>?

    init(_ left: Replay, _ right: Replay) {
        self.left = left
        self.right = right
        let first = max(left.log.first, right.log.first)
        let last = min(left.committed, right.committed)
        range = first <= last ? first...last : nil
    }

    func first() throws -> Difference? {
        guard let range else { return nil }
        let progress = Progress("compared")
        defer { progress.end() }
        var next = range.lowerBound.rawValue
        while next <= range.upperBound.rawValue {
            let last = min(range.upperBound.rawValue, next + InspectorLimits.comparedEntries - 1)
            let part = LogIndex(next)...LogIndex(last)
            let prints = try (fingerprints(left, part), fingerprints(right, part))
            if let place = zip(prints.0, prints.1).enumerated().first(where: {
                $0.element.0 != $0.element.1
            })?.offset {
                let index = LogIndex(next + UInt64(place))
                return Difference(left: try entry(left, index), right: try entry(right, index))
            }
            progress.note(last - range.lowerBound.rawValue, of: range.upperBound.rawValue)
            next = last + 1
        }
        return nil
    }

    private func fingerprints(
        _ side: Replay,
        _ part: ClosedRange<LogIndex>
    ) throws -> [UInt64] {
        var prints: [UInt64] = []
        var damaged: Damage?
        try side.directory.log.forEachEntry(part) { item in
            switch item {
            case .damage(let damage, _):
                damaged = damage
                return false
            case .entry(let entry):
                let kind = XXH64.combine(entry.term.rawValue, UInt64(entry.kind.rawValue))
                prints.append(XXH64.hash(entry.payload, seed: kind))
                return true
            }
        }
        if let damaged {
            throw InspectionFailure.damagedOnTheWay("\(side.directory.path): \(damaged)")
        }
        return prints
    }

    private func entry(_ side: Replay, _ index: LogIndex) throws -> DescribedEntry {
        var found: Entry?
        try side.directory.log.forEachEntry(index...index) { item in
            if case .entry(let entry) = item { found = entry }
            return true
        }
        guard let found else {
            throw InspectionFailure.other("\(side.directory.path): entry \(index.rawValue) is gone")
        }
        return DescribedEntry(found)
    }
}
