internal import Bytes
internal import LMDB
internal import Raft

/// Finding and decoding entries in one snapshot of the log.
enum LogReading {
    /// The term of the entry at `index`, which must be stored.
    static func term(
        at index: LogIndex,
        _ commit: CommitRecord,
        _ reader: Reader,
        _ table: Table,
        path: String
    ) throws(StoreError) -> Term {
        do {
            var cursor = try reader.cursor(in: table)
            let key = try locate(index, era: commit.era, &cursor)
            _ = try LogRecord.check(cursor.value, under: key)
            return try LogRecord.term(cursor.value, at: key)
        } catch let error as LMDBError {
            throw StoreError(error, path)
        } catch let error as Damage {
            throw .damaged(path: path, [error])
        } catch {
            throw .database("\(error)")
        }
    }

    /// Places the cursor on the record that `index` begins in, and returns its key.
    @_lifetime(cursor: copy cursor)
    static func locate(
        _ index: LogIndex,
        era: UInt16,
        _ cursor: inout Cursor
    ) throws -> LogKey {
        let target = LogKey(era: era, index: index)
        var isPlaced = try cursor.seek(atOrAfter: target.bytes.rawSpan)
        if isPlaced, LogKey(cursor.key) == target { return target }
        isPlaced = isPlaced ? try cursor.moveToPrevious() : try cursor.moveToLast()
        guard isPlaced, let key = LogKey(cursor.key), key.era == era, key.index < index,
            index < key.index.advanced(by: LogRecord.entryCount(cursor.value))
        else { throw Damage(.gap, index: index, "no record holds it") }
        return key
    }

    /// Hands the entries from `from` on to `body`, until it answers false or there are no more
    /// in the era. Every record read is checked.
    @_lifetime(cursor: copy cursor)
    static func forEachEntry(
        from: LogIndex,
        era: UInt16,
        _ cursor: inout Cursor,
        _ body: (Entry) -> Bool
    ) throws {
        var key = try locate(from, era: era, &cursor)
        var goesOn = true
        while true {
            _ = try LogRecord.check(cursor.value, under: key)
            if cursor.value[byte: 0] == LogRecord.batchKind {
                try LogRecord.forEachEntry(ofBatch: cursor.value, at: key) { entry in
                    if entry.index >= from { goesOn = body(entry) }
                    return goesOn
                }
            } else {
                goesOn = body(try assemble(at: key, &cursor))
            }
            guard goesOn, try cursor.moveToNext(), let next = LogKey(cursor.key), next.era == era
            else { return }
            key = next
        }
    }

    /// Puts an entry together from its chunks; the cursor goes from the first to the last.
    @_lifetime(cursor: copy cursor)
    private static func assemble(at key: LogKey, _ cursor: inout Cursor) throws -> Entry {
        guard key.chunk == 0 else {
            throw Damage(.gap, index: key.index, "chunk \(key.chunk) without those before")
        }
        let head = try LogRecord.chunkHead(cursor.value, at: key)
        var payload = ByteWriter(reserving: head.payloadBytes)
        payload.append(cursor.value.extracting(head.bodyOffset..<cursor.value.byteCount))
        var expected = key
        while payload.count < head.payloadBytes {
            expected.chunk += 1
            guard try cursor.moveToNext(), LogKey(cursor.key) == expected else {
                throw Damage(.gap, index: key.index, "chunk \(expected.chunk) is missing")
            }
            _ = try LogRecord.check(cursor.value, under: expected)
            payload.append(
                cursor.value.extracting(LogRecord.headerBytes..<cursor.value.byteCount)
            )
        }
        guard payload.count == head.payloadBytes else {
            throw Damage(
                .record,
                index: key.index,
                "\(payload.count) bytes in chunks, \(head.payloadBytes) expected"
            )
        }
        return Entry(
            index: key.index,
            term: head.term,
            kind: head.kind,
            payload: payload.bytes
        )
    }
}
