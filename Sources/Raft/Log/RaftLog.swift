/// The replicated log as one node sees it: the stored part behind `storage`, the tail in memory,
/// and the marks on it.
///
///     1 ........ handedOut ..... commit ............ last
///     |--- storage ---|------------- tail -----------|
///                             durable ..... written
///
/// `durable` <= `written` <= `last`; `applied` <= `handedOut` <= `commit` <= `last`. Only what is
/// both committed and durable here is handed out to be applied, so that no state is ever ahead of
/// the log it came from.
struct RaftLog {
    let storage: any LogStorage
    private var tail: LogTail

    private(set) var commit: LogIndex
    private(set) var applied: LogIndex
    /// What was handed out to be applied.
    private(set) var handedOut: LogIndex
    /// What the shell was told to store.
    private(set) var written: LogIndex
    /// What the shell said is stored.
    private(set) var durable: LogIndex

    init(
        storage: any LogStorage,
        commit: LogIndex,
        applied: LogIndex
    ) throws(LogStorageError) {
        let last = try storage.lastIndex()
        self.storage = storage
        self.tail = LogTail(after: last, term: try storage.term(at: last))
        self.commit = max(commit, applied)
        self.applied = applied
        self.handedOut = applied
        self.written = last
        self.durable = last
    }

    var last: LogIndex { tail.last }
    var lastTerm: Term { tail.lastTerm }

    // MARK: Reading

    /// The term of an entry; nil if it is beyond the end or was compacted.
    func term(at index: LogIndex) throws(LogStorageError) -> Term? {
        if let term = tail.term(at: index) { return term }
        if index > last { return nil }
        do {
            return try storage.term(at: index)
        } catch {
            if case .compacted = error { return nil }
            throw error
        }
    }

    /// Entries from `from` up to and including `through`: the first ones that weigh at most
    /// `bytesMax`, at least one; none if the range is empty. Throws `compacted`.
    func entries(
        from: LogIndex,
        through: LogIndex,
        bytesMax: Int
    ) throws(LogStorageError) -> [Entry] {
        if from > through { return [] }
        if from < tail.first {
            let end = min(through.next, tail.first)
            return try storage.entries(from: from, to: end, bytesMax: bytesMax)
        }
        let end = tail.end(from: from, to: through.next, bytesMax: bytesMax)
        return tail.copy(from: from, to: end.index)
    }

    /// The greatest index within `floor ... ceiling` whose term is at most `term`, or `floor`.
    /// Terms never fall along the log, so halving finds it (thesis §5.3's hint, term by term).
    func lastIndex(
        withTermAtMost term: Term,
        from floor: LogIndex,
        through ceiling: LogIndex
    ) throws(LogStorageError) -> LogIndex {
        var low = floor
        var high = max(floor, ceiling)
        while low < high {
            let middle = LogIndex(low.rawValue + (high.rawValue - low.rawValue + 1) / 2)
            // What was compacted lies low; a snapshot will take over there.
            let found = try self.term(at: middle) ?? .zero
            if found <= term { low = middle } else { high = middle.previous }
        }
        return low
    }

    /// Whether a log that ends like this may lead (thesis §3.6.1).
    func isUpToDate(lastIndex: LogIndex, lastTerm: Term) -> Bool {
        lastTerm > self.lastTerm || (lastTerm == self.lastTerm && lastIndex >= last)
    }

    // MARK: Growing

    mutating func reserve(_ count: Int) { tail.reserve(count) }

    mutating func append(_ entry: Entry) { tail.append(entry) }

    /// Removes what conflicts with the leader's log. What was durable there no longer counts: the
    /// durable mark goes back too, or a later acknowledgment would vouch for the wrong entries.
    mutating func truncate(from index: LogIndex) throws(LogStorageError) {
        precondition(index > commit, "a committed entry is never removed")
        if index >= tail.first {
            tail.truncate(from: index)
        } else {
            tail = LogTail(after: index.previous, term: try storage.term(at: index.previous))
        }
        written = min(written, index.previous)
        durable = min(durable, index.previous)
    }

    /// Begins anew behind a snapshot that is about to be installed. Nothing is durable until it is.
    mutating func restore(to snapshot: SnapshotDescriptor) {
        tail = LogTail(after: snapshot.index, term: snapshot.term)
        commit = snapshot.index
        handedOut = snapshot.index
        written = snapshot.index
        durable = .zero
    }

    // MARK: Marks

    /// Raises the commit mark. It never falls, and never passes the log's end.
    mutating func commit(to index: LogIndex) -> Bool {
        guard index > commit, index <= last else { return false }
        commit = index
        return true
    }

    /// Everything that the shell was not told to store yet.
    mutating func takeUnwritten() -> [Entry] {
        guard written < last else { return [] }
        defer { written = last }
        return tail.copy(from: written.next, to: last.next)
    }

    mutating func markDurable(_ index: LogIndex) {
        precondition(index <= written, "durable without having been written")
        durable = max(durable, index)
    }

    /// The next committed entries to apply, without taking them.
    func nextCommitted(bytesMax: Int) throws(LogStorageError) -> [Entry] {
        try entries(from: handedOut.next, through: min(commit, durable), bytesMax: bytesMax)
    }

    mutating func markHandedOut(_ index: LogIndex) { handedOut = index }

    mutating func markApplied(_ index: LogIndex) {
        precondition(index <= handedOut, "applied an entry that was not handed out")
        applied = max(applied, index)
    }

    /// The state machine was replaced by one that has applied up to `index`.
    mutating func rewind(to index: LogIndex) {
        precondition(index <= min(commit, durable), "a state beyond what is agreed on")
        handedOut = index
        applied = index
    }

    /// Lets go of stored and handed out entries while they weigh more than is to be kept.
    mutating func trim(keepingBytes bytesMax: Int) {
        tail.dropFront(upTo: min(durable, handedOut), keepingBytes: bytesMax)
    }
}
