internal import Bytes
package import Raft

/// Checks the records of a log, which come in the order of their keys, against each other and
/// against the commit record: nothing may be missing, left over, or of another history.
struct LogContentCheck {
    private(set) var damage: [Damage] = []
    private(set) var commit: CommitRecord?
    private(set) var records = StateRecords()
    private(set) var statistics = LogStatistics()

    private var digest: UInt64 = 0
    private var chain: UInt64?
    /// The entry that the next record has to begin with, once one of the era was seen.
    private var expected: LogIndex?
    /// The chunked entry that is not complete yet, and how many of its bytes are missing.
    private var openChunk: (key: LogKey, missing: Int)?
    /// The last chunk of a dropped entry whose first chunks are deleted already.
    private var remainder: LogKey?

    private static let damageMax = 100

    mutating func add(_ key: RawSpan, _ value: RawSpan) {
        statistics.records += 1
        do throws(Damage) {
            switch key[byte: 0] {
            case StoreKey.commit[0]:
                commit = try CommitRecord(StateRecord.open(value, under: key))
            case StoreKey.logTag: try addLog(key, value)
            default:
                digest = StateRecord.digest(digest, adding: key, value)
                _ = try StateRecord.open(value, under: key)
                records.set(key.copiedBytes(), value.copiedBytes())
            }
        } catch { note(error) }
    }

    private mutating func note(_ found: Damage) {
        if damage.count < Self.damageMax { damage.append(found) }
    }

    private mutating func addLog(_ span: RawSpan, _ value: RawSpan) throws(Damage) {
        guard let key = LogKey(span) else { throw Damage(.record, "a key of unknown shape") }
        let (checksum, previous) = try LogRecord.check(value, under: key)
        guard let commit else { throw Damage(.commit, "there is no commit record") }
        guard key.era == commit.era else {
            guard key.era < commit.era else {
                throw Damage(.commit, index: key.index, "a record of era \(key.era) to come")
            }
            statistics.garbageRecords += 1
            return
        }
        if let chain, chain != previous {
            note(Damage(.chain, index: key.index, "it does not follow the record before it"))
        }
        chain = checksum
        try addEntries(key, value)
    }

    private mutating func addEntries(_ key: LogKey, _ value: RawSpan) throws(Damage) {
        if key.chunk > 0, expected == nil || remainder?.index == key.index {
            return try addRemainder(key)
        }
        if key.chunk > 0 {
            guard let open = openChunk, open.key.index == key.index,
                open.key.chunk + 1 == key.chunk
            else { throw Damage(.gap, index: key.index, "chunk \(key.chunk) out of place") }
            advance(key, by: value.byteCount - LogRecord.headerBytes, missing: open.missing)
            return
        }
        if let open = openChunk {
            note(Damage(.gap, index: open.key.index, "\(open.missing) bytes of it are missing"))
            openChunk = nil
        }
        if let expected, key.index != expected {
            note(
                Damage(
                    .gap,
                    index: expected,
                    "missing; the next record holds \(key.index.rawValue)"
                )
            )
        }
        if expected == nil { statistics.physicalFirst = key.index }
        if value[byte: 0] == LogRecord.chunkKind {
            let head = try LogRecord.chunkHead(value, at: key)
            statistics.entries += 1
            statistics.payloadBytes += head.payloadBytes
            advance(key, by: value.byteCount - head.bodyOffset, missing: head.payloadBytes)
            expected = key.index.next
        } else {
            var count = 0
            var bytes = 0
            try LogRecord.forEachEntry(ofBatch: value, at: key) { entry in
                count += 1
                bytes += entry.payload.count
                return true
            }
            statistics.entries += count
            statistics.payloadBytes += bytes
            expected = key.index.advanced(by: count)
        }
    }

    /// Dropped records are deleted in steps, and a step may end inside of an entry.
    private mutating func addRemainder(_ key: LogKey) throws(Damage) {
        guard let commit, key.index < commit.firstIndex,
            remainder.map({ $0.chunk + 1 == key.chunk }) ?? true
        else { throw Damage(.gap, index: key.index, "chunk \(key.chunk) out of place") }
        remainder = key
        expected = key.index.next
        statistics.physicalFirst = expected
    }

    private mutating func advance(_ key: LogKey, by count: Int, missing: Int) {
        let left = missing - count
        if left < 0 { note(Damage(.record, index: key.index, "its chunks are too long")) }
        openChunk = left > 0 ? (key, left) : nil
    }

    /// After the last record: whether what came is what the commit record says.
    mutating func finish(transaction: UInt64?) {
        if let open = openChunk {
            note(Damage(.gap, index: open.key.index, "\(open.missing) bytes of it are missing"))
        }
        guard let commit else {
            note(Damage(.commit, "there is no commit record"))
            return
        }
        if let transaction, commit.transaction != transaction {
            note(
                Damage(
                    .commit,
                    "commit record of transaction \(commit.transaction), not \(transaction)"
                )
            )
        }
        if commit.digest != digest {
            note(Damage(.commit, "the records beside the log are not the commit's"))
        }
        guard commit.lastIndex >= commit.firstIndex || expected != nil else { return }
        let last = expected?.previous ?? commit.firstIndex.previous
        if last != commit.lastIndex {
            note(
                Damage(
                    .gap,
                    index: min(last, commit.lastIndex).next,
                    "the log ends at \(last.rawValue), the commit at \(commit.lastIndex.rawValue)"
                )
            )
        } else if let chain, chain != commit.chain {
            note(Damage(.chain, index: last, "the newest record is not the commit's"))
        }
        if commit.lastIndex >= commit.firstIndex,
            statistics.physicalFirst ?? commit.lastIndex.next > commit.firstIndex
        {
            note(Damage(.gap, index: commit.firstIndex, "the first entry is missing"))
        }
    }
}

/// What a log holds, in numbers.
package struct LogStatistics: Hashable, Sendable {
    package var records = 0
    package var entries = 0
    package var payloadBytes = 0
    /// Records of before a received snapshot that are still to be deleted.
    package var garbageRecords = 0
    /// The first entry that is still stored; entries before the first index are dropped already.
    package var physicalFirst: LogIndex?
    package var pageBytes = 0
    package var pages = 0
    package var freePages = 0
}
