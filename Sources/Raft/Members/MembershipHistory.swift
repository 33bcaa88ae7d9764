/// The memberships of the log, oldest first. The last one acts, committed or not (thesis §4.1:
/// "a server always uses the latest configuration in its log"); it goes when its entry goes.
struct MembershipHistory {
    private(set) var records: [MembershipRecord]
    /// Whether the shell has stored `records` as they are.
    private(set) var isUnwritten = false

    init(_ records: [MembershipRecord]) { self.records = records }

    var current: Membership { records.last?.membership ?? Membership() }
    var currentIndex: LogIndex { records.last?.index ?? .zero }

    func membership(at index: LogIndex) -> Membership {
        records.last { $0.index <= index }?.membership ?? Membership()
    }

    mutating func append(_ record: MembershipRecord) {
        precondition(records.isEmpty || record.index > currentIndex, "memberships come in order")
        records.append(record)
        isUnwritten = true
    }

    /// Returns whether the membership that acts has changed.
    mutating func truncate(from index: LogIndex) -> Bool {
        guard !records.isEmpty, currentIndex >= index else { return false }
        while let last = records.last, last.index >= index { records.removeLast() }
        isUnwritten = true
        return true
    }

    mutating func restore(to record: MembershipRecord) {
        records = [record]
        isUnwritten = true
    }

    /// Drops what no index above `index` or equal to it needs. It is stored when the next
    /// membership is.
    mutating func prune(before index: LogIndex) {
        let needed = records.lastIndex { $0.index <= index } ?? 0
        records.removeFirst(needed)
    }

    mutating func takeUnwritten() -> [MembershipRecord]? {
        guard isUnwritten else { return nil }
        isUnwritten = false
        return records
    }
}
