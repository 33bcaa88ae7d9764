internal import Bytes
internal import LMDB
internal import Raft

/// Reading what surrounds the entries when a log is opened.
enum LogLoading {
    struct Loaded {
        var commit: CommitRecord
        var records: StateRecords
    }

    /// Loads commit record and state records, and checks them, the newest entry's record and the
    /// snapshot's number against each other.
    static func load(
        _ reader: Reader,
        _ table: Table,
        path: String
    ) throws(StoreError) -> Loaded {
        do {
            return try read(reader, table)
        } catch let error as LMDBError {
            throw StoreError(error, path)
        } catch let error as Damage {
            throw .damaged(path: path, [error])
        } catch {
            throw .database("\(path): \(error)")
        }
    }

    private static func read(_ reader: Reader, _ table: Table) throws -> Loaded {
        var cursor = try reader.cursor(in: table)
        guard try cursor.moveToFirst(), cursor.key.copiedBytes() == StoreKey.commit else {
            throw Damage(.commit, "there is no commit record")
        }
        let body = try StateRecord.open(cursor.value, under: cursor.key)
        let commit = try CommitRecord(body)
        var records = StateRecords()
        while try cursor.moveToNext(), cursor.key[byte: 0] != StoreKey.logTag {
            _ = try StateRecord.open(cursor.value, under: cursor.key)
            records.set(cursor.key.copiedBytes(), cursor.value.copiedBytes())
        }
        guard commit.transaction == reader.id else {
            throw Damage(
                .commit,
                "commit record of transaction \(commit.transaction), not \(reader.id)"
            )
        }
        guard commit.digest == records.digest else {
            throw Damage(.commit, "the records beside the log are not the commit's")
        }
        try checkNewest(commit, &cursor)
        return Loaded(commit: commit, records: records)
    }

    @_lifetime(cursor: copy cursor)
    private static func checkNewest(_ commit: CommitRecord, _ cursor: inout Cursor) throws {
        guard commit.lastIndex >= commit.firstIndex else { return }
        guard try cursor.moveToLast(), let key = LogKey(cursor.key), key.era == commit.era else {
            throw Damage(.gap, index: commit.lastIndex, "the newest entry is missing")
        }
        let (checksum, _) = try LogRecord.check(cursor.value, under: key)
        let last = key.index.advanced(by: LogRecord.entryCount(cursor.value)).previous
        guard checksum == commit.chain, last == commit.lastIndex else {
            throw Damage(
                .chain,
                index: commit.lastIndex,
                "the newest record is not the commit's"
            )
        }
    }
}
