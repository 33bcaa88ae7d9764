import Raft

/// A stored log in memory, with writes that are durable only when they are said to be.
final class MemoryLog: LogStorage {
    private(set) var restored: RestoredState
    private var base = LogIndex.zero
    private var baseTerm = Term.zero
    private var entries: [Entry] = []
    private var newestSnapshot: SnapshotDescriptor?
    /// Set to make every read fail, as a broken disk would.
    var readError: LogStorageError?

    init(_ restored: RestoredState) { self.restored = restored }

    func firstIndex() throws(LogStorageError) -> LogIndex { base.next }
    func lastIndex() throws(LogStorageError) -> LogIndex { base.advanced(by: entries.count) }

    func term(at index: LogIndex) throws(LogStorageError) -> Term {
        if let readError { throw readError }
        if index == base { return baseTerm }
        return try entry(at: index).term
    }

    func entries(
        from: LogIndex,
        to: LogIndex,
        bytesMax: Int
    ) throws(LogStorageError) -> [Entry] {
        if let readError { throw readError }
        var result: [Entry] = []
        var bytes = 0
        var index = from
        while index < to {
            let entry = try entry(at: index)
            bytes += entry.weightBytes
            if !result.isEmpty, bytes > bytesMax { break }
            result.append(entry)
            index = index.next
        }
        return result
    }

    func snapshot() throws(LogStorageError) -> SnapshotDescriptor? { newestSnapshot }

    private func entry(at index: LogIndex) throws(LogStorageError) -> Entry {
        if index <= base { throw .compacted(index: index, first: base.next) }
        let position = index.count(after: base) - 1
        guard position < entries.count else {
            throw .unavailable(index: index, last: base.advanced(by: entries.count))
        }
        return entries[position]
    }

    var all: [Entry] { entries }

    func store(_ write: LogWrite) {
        if let snapshot = write.snapshot {
            (base, baseTerm, entries) = (snapshot.index, snapshot.term, [])
            newestSnapshot = snapshot
            restored.applied = snapshot.index
        }
        if let first = write.entries.first {
            let kept = first.index.previous.count(after: base)
            precondition(kept <= entries.count, "the stored log has no gaps")
            entries.removeLast(entries.count - kept)
            entries += write.entries
        }
        restored.hardState = write.hardState
        if let memberships = write.memberships { restored.memberships = memberships }
    }

    func apply(upTo index: LogIndex) { restored.applied = max(restored.applied, index) }

    func forgetVote() { restored.hardState.vote = nil }

    func loseTail() { if !entries.isEmpty { entries.removeLast() } }

    func compact(upTo index: LogIndex, membership: Membership) throws(LogStorageError) {
        let term = try term(at: index)
        newestSnapshot = SnapshotDescriptor(index: index, term: term, membership: membership)
        entries.removeFirst(index.count(after: base))
        (base, baseTerm) = (index, term)
    }
}
