internal import Bytes
internal import LMDB
internal import Raft

/// One commit under way: the changes in LMDB's write transaction, and what the commit record and
/// the state records will be. Nothing of it shows before `finish`; if it goes, it never was.
struct LogTransaction: ~Copyable {
    private var transaction: WriteTransaction
    private let table: Table
    private let path: String
    var commit: CommitRecord
    var records: StateRecords
    private let recordsBefore: StateRecords

    init(
        _ environment: Environment,
        _ table: Table,
        path: String,
        after commit: CommitRecord,
        _ records: StateRecords
    ) throws(StoreError) {
        self.table = table
        self.path = path
        self.commit = commit
        self.records = records
        recordsBefore = records
        do { transaction = try WriteTransaction(environment) } catch {
            throw StoreError(error, path)
        }
    }

    /// Writes the records that changed and the commit record, and hands the pages to the kernel.
    consuming func finish() throws(StoreError) -> (CommitRecord, StateRecords) {
        do {
            for record in records.all where recordsBefore[record.key] != record.value {
                try transaction.put(record.key.rawSpan, record.value.rawSpan, in: table)
            }
            for record in recordsBefore.all where records[record.key] == nil {
                try transaction.delete(record.key.rawSpan, in: table)
            }
        } catch { throw StoreError(error, path) }
        commit.transaction = transaction.id
        if recordsBefore.all != records.all { commit.digest = records.digest }
        let sealed = try StateRecord.seal(commit.body, under: StoreKey.commit)
        do {
            let key = StoreKey.commit
            try transaction.put(key.rawSpan, sealed.rawSpan, in: table)
            try transaction.commit()
        } catch { throw StoreError(error, path) }
        return (commit, records)
    }

    // MARK: The log

    /// Begins a new era after a received snapshot. The old era's records are garbage from now on.
    mutating func restart(after index: LogIndex, term: Term) throws(StoreError) {
        guard commit.era < .max else { throw .tooManyRestarts(Int(commit.era)) }
        commit.era += 1
        commit.firstIndex = index.next
        commit.baseTerm = term
        commit.lastIndex = index
        commit.lastTerm = term
        commit.chain = 0
    }

    /// Appends entries in place of all that are stored from the first of them on.
    mutating func append(_ entries: [Entry]) throws(StoreError) {
        guard let first = entries.first else { return }
        guard first.index >= commit.firstIndex, first.index <= commit.lastIndex.next else {
            throw .outOfOrder(
                index: first.index,
                first: commit.firstIndex,
                last: commit.lastIndex
            )
        }
        if first.index <= commit.lastIndex { try truncate(from: first.index) }
        var expected = first.index
        for entry in entries {
            guard entry.index == expected else {
                throw .outOfOrder(
                    index: entry.index,
                    first: commit.firstIndex,
                    last: expected.previous
                )
            }
            guard entry.payload.count <= LogRecord.payloadBytesMax else {
                throw .tooLong(
                    what: "entry \(entry.index.rawValue)",
                    bytes: entry.payload.count,
                    bytesMax: LogRecord.payloadBytesMax
                )
            }
            expected = expected.next
        }
        try write(entries)
    }

    private mutating func write(_ entries: [Entry]) throws(StoreError) {
        do {
            var writer = LogRecordWriter<LMDBError>(era: commit.era, chain: commit.chain)
            for entry in entries {
                try writer.append(entry) { key, value throws(LMDBError) in
                    try transaction.put(key.bytes.rawSpan, value, in: table, append: true)
                }
            }
            try writer.finishBatch { key, value throws(LMDBError) in
                try transaction.put(key.bytes.rawSpan, value, in: table, append: true)
            }
            commit.chain = writer.chain
        } catch { throw StoreError(error, path) }
        if let last = entries.last {
            commit.lastIndex = last.index
            commit.lastTerm = last.term
        }
    }

    /// Removes the entries from `index` on. A batch that reaches over `index` is written anew.
    mutating func truncate(from index: LogIndex) throws(StoreError) {
        let kept: [Entry]
        do {
            kept = try Self.cutRecords(from: index, &transaction, table, &commit)
        } catch let error as LMDBError {
            throw StoreError(error, path)
        } catch let error as Damage {
            throw .damaged(path: path, [error])
        } catch {
            throw .database("\(error)")
        }
        commit.lastIndex = index.previous
        if let last = kept.last {
            commit.lastTerm = last.term
            try write(kept)
        } else {
            commit.lastTerm = try lastStoredTerm()
        }
    }

    /// Deletes all records that hold entries from `index` on, takes the chain back to before
    /// them, and returns the entries before `index` that went with them.
    private static func cutRecords(
        from index: LogIndex,
        _ transaction: inout WriteTransaction,
        _ table: Table,
        _ commit: inout CommitRecord
    ) throws -> [Entry] {
        var cursor = try transaction.writeCursor(in: table)
        let target = LogKey(era: commit.era, index: index)
        var isPlaced = try cursor.seek(atOrAfter: target.bytes.rawSpan)
        var kept: [Entry] = []
        if !isPlaced || LogKey(cursor.key) != target {
            isPlaced = isPlaced ? try cursor.moveToPrevious() : try cursor.moveToLast()
            guard isPlaced, let key = LogKey(cursor.key), key.era == commit.era else {
                throw Damage(.gap, index: index, "no record holds it")
            }
            try LogRecord.forEachEntry(ofBatch: cursor.value, at: key) { entry in
                guard entry.index < index else { return false }
                kept.append(entry)
                return true
            }
        }
        commit.chain = LogRecord.word(cursor.value, 9)
        while isPlaced {
            try cursor.delete()
            isPlaced = try cursor.moveToNext()
        }
        return kept
    }

    /// The term of the last entry that is stored, which ends a record.
    private func lastStoredTerm() throws(StoreError) -> Term {
        guard commit.lastIndex >= commit.firstIndex else { return commit.baseTerm }
        return try LogReading.term(
            at: commit.lastIndex,
            commit,
            transaction.reader,
            table,
            path: path
        )
    }

    // MARK: Compaction

    /// Makes `index` + 1 the first entry. Its records are deleted later, step by step.
    mutating func compact(upTo index: LogIndex) throws(StoreError) {
        guard index >= commit.firstIndex, index <= commit.lastIndex else { return }
        commit.baseTerm = try LogReading.term(
            at: index,
            commit,
            transaction.reader,
            table,
            path: path
        )
        commit.firstIndex = index.next
    }

    /// Deletes some records that lie wholly before the first entry or in an older era; whether
    /// there may be more.
    mutating func deleteGarbage(_ settings: LogSettings) throws(StoreError) -> Bool {
        do throws(LMDBError) {
            return try Self.deleteGarbage(settings, &transaction, table, commit)
        } catch { throw StoreError(error, path) }
    }

    private static func deleteGarbage(
        _ settings: LogSettings,
        _ transaction: inout WriteTransaction,
        _ table: Table,
        _ commit: CommitRecord
    ) throws(LMDBError) -> Bool {
        var cursor = try transaction.writeCursor(in: table)
        var bytes = 0
        var count = 0
        let start = LogKey(era: 0, index: .zero).bytes
        var isPlaced = try cursor.seek(atOrAfter: start.rawSpan)
        while isPlaced, let key = LogKey(cursor.key), isGarbage(key, cursor.value, commit) {
            if bytes >= settings.compactionBytesPerCommit { return true }
            if count >= settings.compactionRecordsPerCommit { return true }
            bytes += cursor.value.byteCount + 32
            count += 1
            try cursor.delete()
            isPlaced = try cursor.moveToNext()
        }
        return false
    }

    private static func isGarbage(
        _ key: LogKey,
        _ value: RawSpan,
        _ commit: CommitRecord
    ) -> Bool {
        if key.era != commit.era { return key.era < commit.era }
        return key.index.advanced(by: LogRecord.entryCount(value)) <= commit.firstIndex
    }
}
