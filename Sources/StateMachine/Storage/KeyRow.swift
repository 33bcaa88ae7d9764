internal import Bytes

/// A KV entry as stored.
///
/// ```
/// 0    UInt8   marks: 2 blob in pieces, 4 key shortened, 8 session, 16 flags, 32 lock index
/// ..   varint  CreateIndex
/// ..   varint  ModifyIndex - CreateIndex
/// [32] varint  LockIndex
/// [16] varint  flags
/// [8]  varint  bytes of the session's id, and the id
/// [4]  varint  bytes of the key in the blob
/// [2]  varint  blob: index, ordinal, bytes
/// ..   blob    key if shortened, then value (not here if in pieces)
/// ```
struct KeyRow: Equatable {
    var createIndex: UInt64
    var modifyIndex: UInt64
    var lockIndex: UInt64
    var flags: UInt64
    /// Where in the record the session's id stands; empty for none.
    var session: Range<Int>
    var keyBytes: Int
    var blob: BlobPlace

    private enum Mark {
        static let pieces: UInt8 = 2
        static let shortened: UInt8 = 4
        static let session: UInt8 = 8
        static let flags: UInt8 = 16
        static let lockIndex: UInt8 = 32
        static let all: UInt8 = 62
    }

    var valueBytes: Int { blob.byteCount - keyBytes }

    init(
        createIndex: UInt64,
        modifyIndex: UInt64,
        lockIndex: UInt64,
        flags: UInt64,
        keyBytes: Int,
        blob: BlobPlace
    ) {
        self.createIndex = createIndex
        self.modifyIndex = modifyIndex
        self.lockIndex = lockIndex
        self.flags = flags
        session = 0..<0
        self.keyBytes = keyBytes
        self.blob = blob
    }

    init(decoding span: RawSpan) throws(BytesError) {
        var reader = SpanReader(span)
        let marks: UInt8 = try reader.integer()
        guard marks & ~Mark.all == 0 else { throw .badTag(offset: 0, tag: UInt64(marks)) }
        createIndex = try reader.varint()
        modifyIndex = createIndex &+ (try reader.varint())
        lockIndex = marks & Mark.lockIndex != 0 ? try reader.varint() : 0
        flags = marks & Mark.flags != 0 ? try reader.varint() : 0
        session = 0..<0
        if marks & Mark.session != 0 {
            let id = try reader.varBytes()
            session = (reader.offset - id.byteCount)..<reader.offset
        }
        keyBytes = marks & Mark.shortened != 0 ? Int(truncatingIfNeeded: try reader.varint()) : 0
        if marks & Mark.pieces != 0 {
            let id = try BlobID(from: &reader)
            blob = .pieces(id, byteCount: Int(truncatingIfNeeded: try reader.varint()))
        } else {
            blob = .inline(start: reader.offset, byteCount: reader.remaining)
        }
        guard keyBytes >= 0, keyBytes <= blob.byteCount else {
            let bound = blob.byteCount
            throw .badLength(offset: reader.offset, length: keyBytes, bound: bound)
        }
    }

    /// Writes all fields; an inline blob's bytes are to follow. `holder` is the session's id.
    func encodeFields(holder: RawSpan, into writer: inout ByteWriter) {
        var marks: UInt8 = 0
        if case .pieces = blob { marks |= Mark.pieces }
        if keyBytes > 0 { marks |= Mark.shortened }
        if holder.byteCount > 0 { marks |= Mark.session }
        if flags != 0 { marks |= Mark.flags }
        if lockIndex != 0 { marks |= Mark.lockIndex }
        writer.integer(marks)
        writer.varint(createIndex)
        writer.varint(modifyIndex &- createIndex)
        if lockIndex != 0 { writer.varint(lockIndex) }
        if flags != 0 { writer.varint(flags) }
        if holder.byteCount > 0 { writer.varBytes(holder) }
        if keyBytes > 0 { writer.varint(UInt64(keyBytes)) }
        if case .pieces(let id, let byteCount) = blob {
            id.encode(into: &writer)
            writer.varint(UInt64(byteCount))
        }
    }
}
