internal import Bytes

/// Where a record's bytes of free length are: a shortened name, then the value. They stand in the
/// record while it fits half a page of LMDB; larger ones go to `blobs` in pieces of that size, so
/// that LMDB never has to find several free pages in a row.
enum BlobPlace: Equatable {
    /// From `start` to the end of the record.
    case inline(start: Int, byteCount: Int)
    case pieces(BlobID, byteCount: Int)

    /// The most bytes of a piece. Key and node header included it fits twice into a 4 KiB page.
    static let pieceBytes = 2_000
    /// The most bytes of a record with its key, by the same rule.
    static let recordBytesMax = 2_030
    /// More than any record's fields take.
    static let fieldBytesMax = 110

    var byteCount: Int {
        switch self {
        case .inline(_, let byteCount): byteCount
        case .pieces(_, let byteCount): byteCount
        }
    }

    /// Whether a blob may stand in the record under a key of this size.
    static func fitsInline(byteCount: Int, keyBytes: Int) -> Bool {
        keyBytes + fieldBytesMax + byteCount <= recordBytesMax
    }

    static func pieceCount(_ byteCount: Int) -> Int {
        (byteCount + pieceBytes - 1) / pieceBytes
    }
}

/// The name of a blob: the entry that wrote it, and its number within that entry.
struct BlobID: Equatable {
    var index: UInt64
    var ordinal: UInt32

    func appendKey(piece: Int, to buffer: inout KeyBuffer) {
        buffer.append(integer: index)
        buffer.append(integer: ordinal)
        buffer.append(integer: UInt32(truncatingIfNeeded: piece))
    }

    func encode(into writer: inout ByteWriter) {
        writer.varint(index)
        writer.varint(UInt64(ordinal))
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        index = try reader.varint()
        ordinal = UInt32(truncatingIfNeeded: try reader.varint())
    }

    init(index: UInt64, ordinal: UInt32) {
        self.index = index
        self.ordinal = ordinal
    }
}
