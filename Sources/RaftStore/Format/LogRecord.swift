internal import Bytes
internal import Raft

/// A log record: some consecutive small entries of one term, or one chunk of a big entry.
///
///     0      1           9           17
///     | kind | checksum  | previous  | body
///
///     kind       0x11: format 1, batch;  0x12: format 1, chunk
///     checksum   XXH64 of everything from byte 9 on, begun from the key (`LogKey.seed`)
///     previous   the checksum of the record before this one; 0 before the first of an era
///
///     body of a batch:   | count 2 | term varint | (kind 1, length varint, payload) * count
///     body of chunk 0:   | term varint | kind 1 | whole length varint | bytes
///     body of chunk 1...:  bytes, to the end of the record
///
/// A record is at most 2,016 bytes, so that two of them fit on one page of LMDB with their keys,
/// and none ever needs a run of pages. (Runs are what LMDB searches its free list for, for
/// minutes in bad cases.)
///
/// Because each record holds the checksum of its predecessor, the newest checksum, which the
/// commit record repeats, fixes the content of the whole log: a page that kept older bytes, valid
/// in themselves, is found.
enum LogRecord {
    static let batchKind: UInt8 = 0x11
    static let chunkKind: UInt8 = 0x12
    static let bytesMax = 2016
    static let headerBytes = 17
    /// Payloads longer than this are cut into chunks.
    static let batchedPayloadBytesMax = 1900
    static let bodyBytesMax = bytesMax - headerBytes
    /// More entries than one record holds: each takes two bytes at least.
    static let entriesMax = bodyBytesMax / 2
    /// So many chunks fit the key.
    static let payloadBytesMax = bodyBytesMax * 65_000

    /// The checks that need no other record: shape and checksum. Returns checksum and previous.
    static func check(
        _ value: RawSpan,
        under key: LogKey
    ) throws(Damage) -> (checksum: UInt64, previous: UInt64) {
        guard value.byteCount >= headerBytes else {
            throw Damage(.record, index: key.index, "record of \(value.byteCount) bytes")
        }
        let kind = value[byte: 0]
        guard kind == batchKind || kind == chunkKind else {
            throw Damage(.record, index: key.index, "record of unknown kind \(kind)")
        }
        let stored = word(value, 1)
        let rest = value.extracting(9..<value.byteCount)
        guard XXH64.hash(rest, seed: key.seed) == stored else {
            throw Damage(.record, index: key.index, "checksum differs (chunk \(key.chunk))")
        }
        return (stored, word(value, 9))
    }

    static func word(_ span: RawSpan, _ offset: Int) -> UInt64 {
        var word: UInt64 = 0
        for place in offset..<(offset + 8) { word = word << 8 | UInt64(span[byte: place]) }
        return word
    }

    /// The entries that begin in the record at `key`: how many, and whether it is a batch.
    static func entryCount(_ value: RawSpan) -> Int {
        guard value.byteCount >= headerBytes + 2, value[byte: 0] == batchKind else { return 1 }
        return Int(value[byte: headerBytes]) << 8 | Int(value[byte: headerBytes + 1])
    }

    /// Hands the entries of a batch to `body`, which answers whether to go on.
    static func forEachEntry(
        ofBatch value: RawSpan,
        at key: LogKey,
        _ body: (Entry) -> Bool
    ) throws(Damage) {
        try forEachEntry(ofBatch: value, at: key, where: { _ in true }) { _, entry in
            guard let entry else { return true }
            return body(entry)
        }
    }

    /// The same with the place in the batch; of entries whose payload is not wanted only that.
    static func forEachEntry(
        ofBatch value: RawSpan,
        at key: LogKey,
        where wants: (RawSpan) -> Bool,
        _ body: (_ offset: Int, Entry?) -> Bool
    ) throws(Damage) {
        do {
            var reader = SpanReader(value.extracting(headerBytes..<value.byteCount))
            let count: UInt16 = try reader.integer()
            let term = Term(try reader.varint())
            for offset in 0..<Int(count) {
                let kind = try entryKind(reader.integer(), at: reader.offset)
                let payload = try reader.varBytes()
                var entry: Entry?
                if wants(payload) {
                    entry = Entry(
                        index: key.index.advanced(by: offset),
                        term: term,
                        kind: kind,
                        payload: payload.copiedBytes()
                    )
                }
                if !body(offset, entry) { return }
            }
            guard reader.isAtEnd, count > 0 else {
                throw BytesError.badLength(offset: 0, length: Int(count), bound: reader.remaining)
            }
        } catch {
            throw Damage(.record, index: key.index, "batch: \(error)")
        }
    }

    /// What the first chunk of an entry says of it, and where its bytes begin in the record.
    static func chunkHead(_ value: RawSpan, at key: LogKey) throws(Damage) -> ChunkHead {
        do {
            var reader = SpanReader(value.extracting(headerBytes..<value.byteCount))
            let term = Term(try reader.varint())
            let kind = try entryKind(reader.integer(), at: reader.offset)
            let length = try reader.varint()
            guard length <= UInt64(payloadBytesMax) else {
                throw BytesError.badLength(
                    offset: reader.offset,
                    length: Int(clamping: length),
                    bound: payloadBytesMax
                )
            }
            return ChunkHead(
                term: term,
                kind: kind,
                payloadBytes: Int(length),
                bodyOffset: headerBytes + reader.offset
            )
        } catch {
            throw Damage(.record, index: key.index, "chunk: \(error)")
        }
    }

    /// The term of the entries that begin in a record (a batch, or chunk 0).
    static func term(_ value: RawSpan, at key: LogKey) throws(Damage) -> Term {
        guard value.byteCount > headerBytes + 2 else {
            throw Damage(.record, index: key.index, "record of \(value.byteCount) bytes")
        }
        let skipped = value[byte: 0] == batchKind ? headerBytes + 2 : headerBytes
        var reader = SpanReader(value.extracting(skipped..<value.byteCount))
        do { return Term(try reader.varint()) } catch {
            throw Damage(.record, index: key.index, "term: \(error)")
        }
    }

    private static func entryKind(
        _ raw: UInt8,
        at offset: Int
    ) throws(BytesError) -> Entry.Kind {
        guard let kind = Entry.Kind(rawValue: raw) else {
            throw .badTag(offset: offset, tag: UInt64(raw))
        }
        return kind
    }
}

/// The beginning of an entry in chunks.
struct ChunkHead {
    var term: Term
    var kind: Entry.Kind
    var payloadBytes: Int
    var bodyOffset: Int
}
