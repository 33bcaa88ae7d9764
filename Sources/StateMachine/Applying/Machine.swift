internal import Bytes
internal import Commands
public import LMDB

/// Applies committed entries to the state. One owner, one thread at a time.
public final class Machine {
    private let environment: Environment
    private let tables: StateTables
    /// As of the last committed batch.
    public private(set) var summary: StateSummary
    private var caches = ApplyCaches()
    private let ensureRoom: EnsureRoom?

    /// Sees to it that a transaction that has come to a page of the file may go on behind it. It
    /// throws `storage` where there is no room; the transaction is then given up.
    public typealias EnsureRoom = (_ page: Int) throws(StateError) -> Void

    /// Makes ready a state that may be empty: what exists from the start is then written.
    /// - Parameter ensureRoom: asked in the course of entries whose work does not go by their
    ///   length (a session's end, a tree's removal); nil: there is always room.
    public init(
        environment: Environment,
        tables: StateTables,
        ensureRoom: EnsureRoom? = nil
    ) throws(StateError) {
        self.environment = environment
        self.tables = tables
        self.ensureRoom = ensureRoom
        summary = try Self.readSummary(environment, tables)
        if try Self.isEmpty(environment, tables) { try begin() }
    }

    /// Applies the entries in one transaction: all of them, or (on an error) none. Entries up to
    /// the applied index are refused; they must follow it without a gap.
    ///
    /// `willCommit` is called when everything is known, right before LMDB's commit.
    public func apply(
        _ entries: [CommittedEntry],
        willCommit: (AppliedBatch) -> Void = { _ in }
    ) throws(StateError) -> AppliedBatch {
        do throws(StateError) {
            return try attempt(entries, willCommit)
        } catch {
            // The caches may know what was rolled back.
            caches = ApplyCaches()
            throw error
        }
    }

    private func attempt(
        _ entries: [CommittedEntry],
        _ willCommit: (AppliedBatch) -> Void
    ) throws(StateError) -> AppliedBatch {
        var batch = try Batch(environment, tables, summary, caches, ensureRoom)
        // Only one reference, so that the batch changes them in place.
        caches = .none
        var applied: [AppliedEntry] = []
        applied.reserveCapacity(entries.count)
        var marks: [StateMark] = []
        for (offset, entry) in entries.enumerated() {
            let firstChange = batch.changes.count
            let outcome = try batch.apply(entry)
            applied.append(
                AppliedEntry(
                    index: entry.index,
                    outcome: outcome,
                    changes: firstChange..<batch.changes.count
                )
            )
            if StateMark.isCheckpoint(entry.index) || offset + 1 == entries.count {
                marks.append(batch.summary.mark)
            }
        }
        let result = AppliedBatch(
            transactionID: batch.transaction.id,
            entries: applied,
            changes: batch.changes,
            marks: marks
        )
        let end = try batch.finish { willCommit(result) }
        (summary, caches) = end
        return result
    }

    /// Makes the state the beginning of another cluster: the members of the one it comes from are
    /// forgotten. The numbers that they had are not given again.
    public func forgetMembers() throws(StateError) {
        var batch = try Batch(environment, tables, summary, caches)
        for member in try batch.view.members {
            let key = MemberRecord.key(member.node)
            try batch.delete(key.rawSpan, in: tables.meta)
        }
        (summary, caches) = try batch.finish {}
    }

    /// Writes what a fresh state holds.
    private func begin() throws(StateError) {
        var batch = try Batch(environment, tables, summary, caches)
        try batch.writeFirstZnodes()
        (summary, caches) = try batch.finish {}
    }

    private static func readSummary(
        _ environment: Environment,
        _ tables: StateTables
    ) throws(StateError) -> StateSummary {
        let transaction = try reading(environment)
        return try StateView(transaction.reader, tables: tables).summary
    }

    private static func isEmpty(
        _ environment: Environment,
        _ tables: StateTables
    ) throws(StateError) -> Bool {
        let transaction = try reading(environment)
        let view = StateView(transaction.reader, tables: tables)
        let key = StateView.summaryKey
        return try view.get(key.rawSpan, in: tables.meta) == nil
    }

    private static func reading(
        _ environment: Environment
    ) throws(StateError) -> ReadTransaction {
        do throws(LMDBError) {
            return try ReadTransaction(environment)
        } catch {
            throw .storage(error)
        }
    }
}

/// What the writer remembers between batches so as not to look it up for each entry. Only looked
/// up by key, never iterated.
struct ApplyCaches {
    var sessions: [SessionSlot]
    var lists: [UInt32: [ACLEntry]] = [:]

    struct SessionSlot {
        var id = SessionID.none
        var connection: UInt64 = 0
    }

    static let slotCount = 1_024
    static let none = ApplyCaches(sessions: [])

    init() {
        sessions = Array(repeating: SessionSlot(), count: Self.slotCount)
    }

    private init(sessions: [SessionSlot]) {
        self.sessions = sessions
    }

    private static func slot(of id: SessionID) -> Int {
        let mixed = UInt64(bitPattern: id.value) &* 0x9E37_79B1_85EB_CA87
        return Int(truncatingIfNeeded: mixed >> 54)
    }

    func connection(of id: SessionID) -> UInt64? {
        let slot = sessions[Self.slot(of: id)]
        return slot.id == id ? slot.connection : nil
    }

    mutating func remember(_ id: SessionID, connection: UInt64) {
        sessions[Self.slot(of: id)] = SessionSlot(id: id, connection: connection)
    }

    mutating func forget(_ id: SessionID) {
        let slot = Self.slot(of: id)
        if sessions[slot].id == id { sessions[slot] = SessionSlot() }
    }
}
