internal import Bytes
internal import Commands
internal import LMDB

/// One write transaction, and the entry that is being applied in it.
struct Batch: ~Copyable {
    var transaction: WriteTransaction
    let tables: StateTables
    var summary: StateSummary
    var caches: ApplyCaches
    var changes: [Change] = []
    /// The entry's numbers, for the rules.
    var entry = EntryContext()
    /// Mixes every record that the entry wrote or removed.
    private var effect: UInt64 = 0
    /// What undoes the writes of a multi so far; nil outside of one.
    private var undo: [UndoStep]?
    private var spare = ByteWriter(reserving: 4_096)
    private let ensureRoom: Machine.EnsureRoom?
    /// Records that the batch has written or removed.
    private var touched = 0

    /// As many as there is room for from the start, whatever the entries are.
    private static let touchedAtFirst = 256
    /// Between two looks at the room. Each may take a few pages: half of the margin.
    private static let touchedBetween = 64

    init(
        _ environment: Environment,
        _ tables: StateTables,
        _ summary: StateSummary,
        _ caches: ApplyCaches,
        _ ensureRoom: Machine.EnsureRoom? = nil
    ) throws(StateError) {
        self.ensureRoom = ensureRoom
        do throws(LMDBError) {
            transaction = try WriteTransaction(environment)
        } catch {
            throw .storage(error)
        }
        self.tables = tables
        self.summary = summary
        self.caches = caches
    }

    var view: StateView {
        @_lifetime(borrow self)
        get { StateView(transaction.reader, tables: tables) }
    }

    /// Writes the summary and commits.
    consuming func finish(
        _ willCommit: () -> Void
    ) throws(StateError) -> (StateSummary, ApplyCaches) {
        var writer = ByteWriter(reserving: 256)
        summary.encode(into: &writer)
        let summary = self.summary
        let caches = self.caches
        let table = tables.meta
        let key = StateView.summaryKey
        do throws(LMDBError) {
            try transaction.put(key.rawSpan, writer.bytes.rawSpan, in: table)
            willCommit()
            try transaction.commit()
        } catch {
            throw .storage(error)
        }
        return (summary, caches)
    }

    // MARK: - An entry

    mutating func apply(_ committed: CommittedEntry) throws(StateError) -> Outcome {
        guard committed.index == summary.appliedIndex + 1 else {
            throw .outOfOrder(index: committed.index, applied: summary.appliedIndex)
        }
        entry = EntryContext(index: committed.index, term: committed.term)
        entry.isAnswered = committed.isAnswered
        effect = 0
        var outcome = Outcome.none
        if !committed.payload.isEmpty {
            outcome = try dispatch(committed.payload.rawSpan)
        }
        if Patrol.isDue(at: committed.index) { try patrol() }
        summary.appliedIndex = committed.index
        summary.appliedTerm = committed.term
        digest(committed)
        return outcome
    }

    private mutating func digest(_ committed: CommittedEntry) {
        let named = XXH64.combine(summary.digest, committed.index)
        let asked = XXH64.combine(named, XXH64.hash(committed.payload, seed: committed.term))
        summary.digest = XXH64.combine(asked, effect)
    }

    /// What was read of the state's files.
    mutating func mix(_ read: UInt64) { effect = XXH64.combine(effect, read) }

    // MARK: - Writing

    /// - Parameter append: the key is above all others; then pages are filled to the end.
    mutating func put(
        _ key: RawSpan,
        _ value: RawSpan,
        in table: Table,
        append: Bool = false
    ) throws(StateError) {
        try touch()
        if undo != nil { try remember(key, table) }
        effect = XXH64.hash(value, seed: XXH64.hash(key, seed: effect))
        do throws(LMDBError) {
            try transaction.put(key, value, in: table, append: append)
        } catch {
            throw .storage(error)
        }
    }

    @discardableResult
    mutating func delete(_ key: RawSpan, in table: Table) throws(StateError) -> Bool {
        try touch()
        if undo != nil { try remember(key, table) }
        effect = XXH64.hash(key, seed: ~effect)
        do throws(LMDBError) {
            return try transaction.delete(key, in: table)
        } catch {
            throw .storage(error)
        }
    }

    private mutating func touch() throws(StateError) {
        touched += 1
        guard touched > Self.touchedAtFirst, touched % Self.touchedBetween == 0, let ensureRoom
        else { return }
        let page: Int
        do throws(LMDBError) { page = try transaction.endPage(in: tables.meta) } catch {
            throw .storage(error)
        }
        try ensureRoom(page)
    }

    /// A writer with room, to be given back; nested takers get an empty one.
    mutating func takeWriter() -> ByteWriter {
        var writer = ByteWriter()
        swap(&writer, &spare)
        writer.bytes.removeAll(keepingCapacity: true)
        return writer
    }

    mutating func giveBack(_ writer: consuming ByteWriter) {
        if writer.bytes.capacity <= Self.spareBytesMax { spare = writer }
    }

    private static let spareBytesMax = 1 << 16

    // MARK: - Rolling back

    private struct UndoStep {
        var table: Table
        var key: [UInt8]
        /// nil: there was none.
        var value: [UInt8]?
    }

    /// What a multi goes back to. LMDB's nested transactions would do, but not with a write map.
    struct Savepoint {
        fileprivate var summary: StateSummary
        fileprivate var changeCount: Int
        fileprivate var effect: UInt64
    }

    private mutating func remember(_ key: RawSpan, _ table: Table) throws(StateError) {
        var old: [UInt8]?
        if let value = try view.get(key, in: table) { old = value.copiedBytes() }
        undo?.append(UndoStep(table: table, key: key.copiedBytes(), value: old))
    }

    mutating func beginOperations() -> Savepoint {
        precondition(undo == nil, "operations within operations")
        undo = []
        return Savepoint(summary: summary, changeCount: changes.count, effect: effect)
    }

    mutating func keepOperations() {
        undo = nil
    }

    mutating func rollBack(to savepoint: Savepoint) throws(StateError) {
        let steps = undo ?? []
        undo = nil
        for step in steps.reversed() {
            if let value = step.value {
                try put(step.key.rawSpan, value.rawSpan, in: step.table)
            } else {
                try delete(step.key.rawSpan, in: step.table)
            }
        }
        summary = savepoint.summary
        effect = savepoint.effect
        changes.removeSubrange(savepoint.changeCount...)
        caches.lists.removeAll(keepingCapacity: true)
    }
}

/// The numbers of the entry that is being applied.
struct EntryContext {
    var index: UInt64 = 0
    var term: UInt64 = 0
    var header = CommandHeader()
    var isAnswered = true
    /// How many blobs and tombstones the entry has made: their ordinals.
    var blobCount: UInt32 = 0
    var tombstoneCount: UInt32 = 0

    var timeMilliseconds: Int64 { header.timeMilliseconds }
}
