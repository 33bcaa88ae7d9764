import Raft
import RaftStore

/// Checks what entries say: that each can be decoded, and that terms never go down.
struct EntryCheck {
    private(set) var damage: [Damage] = []
    /// Entries whose terms are wanted, and those terms.
    var watched: Set<LogIndex> = []
    private(set) var terms: [LogIndex: Term] = [:]
    private var lastTerm = Term.zero

    private static let damageMax = 100

    mutating func add(_ item: LogItem) {
        switch item {
        case .damage(let found, _): note(found)
        case .entry(let entry): add(entry)
        }
    }

    private mutating func add(_ entry: Entry) {
        if entry.term < lastTerm {
            let text = "term \(entry.term.rawValue) < \(lastTerm.rawValue)"
            note(Damage(.chain, index: entry.index, text))
        }
        lastTerm = max(lastTerm, entry.term)
        if watched.contains(entry.index) { terms[entry.index] = entry.term }
        if case .undecodable(let reason) = DescribedEntry(entry).content {
            note(Damage(.record, index: entry.index, "it cannot be decoded: \(reason)"))
        }
    }

    private mutating func note(_ found: Damage) {
        if damage.count < Self.damageMax { damage.append(found) }
    }
}
