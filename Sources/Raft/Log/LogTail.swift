/// The newest part of the log, in memory: at least everything that is not durable yet.
///
/// Entries leave at the front through a cursor, and the array is compacted when half of it is
/// dead, so that neither end costs more than the entries that pass through it.
struct LogTail {
    private var entries: ContiguousArray<Entry> = []
    /// How many at the front of `entries` have been dropped.
    private var head = 0
    /// The index that the first entry has, or would have.
    private(set) var first: LogIndex
    /// The term of the entry before `first`.
    private var previousTerm: Term
    private(set) var weightBytes = 0

    /// An empty tail behind an entry.
    init(after index: LogIndex, term: Term) {
        first = index.next
        previousTerm = term
    }

    var last: LogIndex { first.advanced(by: entries.count - head).previous }
    var lastTerm: Term { head < entries.count ? entries[entries.count - 1].term : previousTerm }

    /// The term of an entry of the tail or of the one before it; nil outside.
    func term(at index: LogIndex) -> Term? {
        if index.next == first { return previousTerm }
        guard index >= first, index <= last else { return nil }
        return entries[position(of: index)].term
    }

    /// Where entries from `from` on pass a weight: the first index that no longer fits, at least
    /// one entry on, at most `to`.
    func end(from: LogIndex, to: LogIndex, bytesMax: Int) -> (index: LogIndex, bytes: Int) {
        var bytes = 0
        var index = from
        while index < to {
            let weight = entries[position(of: index)].weightBytes
            if index > from, bytes + weight > bytesMax { break }
            bytes += weight
            index = index.next
        }
        return (index, bytes)
    }

    /// Copies entries out, so that no view of the storage outlives the call.
    func copy(from: LogIndex, to: LogIndex) -> [Entry] {
        Array(entries[position(of: from)..<position(of: to)])
    }

    mutating func reserve(_ count: Int) {
        let needed = entries.count + count
        if needed > entries.capacity { entries.reserveCapacity(max(needed, entries.count * 2)) }
    }

    mutating func append(_ entry: Entry) {
        precondition(entry.index == last.next, "the log has no gaps")
        weightBytes += entry.weightBytes
        entries.append(entry)
    }

    /// Removes all entries from `index` on.
    mutating func truncate(from index: LogIndex) {
        while last >= index, head < entries.count {
            weightBytes -= entries.removeLast().weightBytes
        }
    }

    /// Drops entries from the front up to `limit`, while more than `bytesMax` are kept.
    mutating func dropFront(upTo limit: LogIndex, keepingBytes bytesMax: Int) {
        while first <= limit, weightBytes > bytesMax, head < entries.count {
            let entry = entries[head]
            weightBytes -= entry.weightBytes
            previousTerm = entry.term
            entries[head].payload = []
            head += 1
            first = first.next
        }
        if head == entries.count {
            entries.removeAll(keepingCapacity: entries.count <= 4_096)
            head = 0
        } else if head > 1_024, head > entries.count / 2 {
            entries.removeFirst(head)
            head = 0
        }
    }

    private func position(of index: LogIndex) -> Int {
        head + Int(index.rawValue - first.rawValue)
    }
}
