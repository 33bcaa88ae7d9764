internal import Bytes
internal import Commands
public import LMDB

/// Reads the state of one snapshot. It is bound to the borrow of a transaction and costs nothing to
/// make; spans that it returns stay valid as long as the transaction is only read.
///
/// Names, paths and keys are given as bytes; what a closure is given is valid during the call.
public struct StateView: ~Escapable {
    let reader: Reader
    let tables: StateTables

    @_lifetime(copy reader)
    public init(_ reader: Reader, tables: StateTables) {
        self.reader = reader
        self.tables = tables
    }

    /// The applied index, the digest, counts, and the indexes of Consul's tables.
    public var summary: StateSummary {
        get throws(StateError) {
            let key = Self.summaryKey
            guard let record = try get(key.rawSpan, in: tables.meta) else {
                return StateSummary()
            }
            return try StateSummary(decoding: record)
        }
    }

    static let summaryKey = StateTables.summaryPlace.key
}

/// Whether a scan goes on.
public enum ScanStep: Equatable, Sendable {
    case next
    case stop
    /// Goes on behind everything that begins with the first so many bytes of the present key.
    case skip(prefixBytes: Int)
}

extension StateView {
    @_lifetime(copy self)
    func get(_ key: RawSpan, in table: Table) throws(StateError) -> RawSpan? {
        do throws(LMDBError) {
            return try reader.get(key, in: table)
        } catch {
            throw .storage(error)
        }
    }

    /// Visits the records whose keys begin with `prefix`, in order, while `body` says so.
    func scan(
        _ prefix: RawSpan,
        in table: Table,
        _ body: (_ key: RawSpan, _ value: RawSpan) throws(StateError) -> Bool
    ) throws(StateError) {
        var cursor = try cursor(in: table)
        var isPlaced = try Self.seek(&cursor, atOrAfter: prefix)
        while isPlaced, cursor.key.hasPrefix(prefix) {
            guard try body(cursor.key, cursor.value) else { return }
            isPlaced = try Self.next(&cursor)
        }
    }

    @_lifetime(copy self)
    func cursor(in table: Table) throws(StateError) -> Cursor {
        do throws(LMDBError) {
            return try reader.cursor(in: table)
        } catch {
            throw .storage(error)
        }
    }

    @_lifetime(cursor: copy cursor)
    static func seek(_ cursor: inout Cursor, atOrAfter key: RawSpan) throws(StateError) -> Bool {
        do throws(LMDBError) {
            return try cursor.seek(atOrAfter: key)
        } catch {
            throw .storage(error)
        }
    }

    @_lifetime(cursor: copy cursor)
    static func next(_ cursor: inout Cursor) throws(StateError) -> Bool {
        do throws(LMDBError) {
            return try cursor.moveToNext()
        } catch {
            throw .storage(error)
        }
    }
}

// MARK: - Blobs

extension StateView {
    /// Gives the bytes of a blob from `start` on, in order; at most a piece at a time.
    func forEachPiece(
        of blob: BlobPlace,
        in record: RawSpan,
        from start: Int,
        _ body: (RawSpan) throws(StateError) -> Void
    ) throws(StateError) {
        switch blob {
        case .inline(let offset, let byteCount):
            try body(record.extracting((offset + start)..<(offset + byteCount)))
        case .pieces(let id, let byteCount):
            try forEachPiece(id, byteCount: byteCount, from: start, body)
        }
    }

    private func forEachPiece(
        _ id: BlobID,
        byteCount: Int,
        from start: Int,
        _ body: (RawSpan) throws(StateError) -> Void
    ) throws(StateError) {
        for piece in (start / BlobPlace.pieceBytes)..<BlobPlace.pieceCount(byteCount) {
            var key = KeyBuffer()
            id.appendKey(piece: piece, to: &key)
            let pieceStart = piece * BlobPlace.pieceBytes
            let expected = min(BlobPlace.pieceBytes, byteCount - pieceStart)
            guard let bytes = try get(key.span, in: tables.blobs), bytes.byteCount == expected
            else {
                throw .damaged(
                    table: "blobs",
                    detail: "piece \(piece) of \(id.index)/\(id.ordinal) is not there"
                )
            }
            let skipped = max(0, start - pieceStart)
            try body(bytes.extracting(skipped..<bytes.byteCount))
        }
    }

    func bytes(of blob: BlobPlace, in record: RawSpan, _ range: Range<Int>) throws(StateError)
        -> [UInt8]
    {
        var writer = ByteWriter(reserving: range.count)
        var left = range.count
        try forEachPiece(of: blob, in: record, from: range.lowerBound) { piece in
            let taken = min(left, piece.byteCount)
            writer.append(piece.extracting(first: taken))
            left -= taken
        }
        return writer.bytes
    }
}
