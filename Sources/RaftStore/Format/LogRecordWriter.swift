internal import Bytes
internal import Raft

/// Packs entries into records, each linked to the one before. Records go to `emit`.
struct LogRecordWriter<Failure: Error>: ~Copyable {
    let era: UInt16
    /// The checksum of the record written last.
    private(set) var chain: UInt64
    private(set) var recordCount = 0
    private var record = ByteWriter(reserving: LogRecord.bytesMax)
    private var first = LogIndex.zero
    private var term = Term.zero
    private var count = 0

    init(era: UInt16, chain: UInt64) {
        self.era = era
        self.chain = chain
    }

    mutating func append(
        _ entry: Entry,
        emit: (LogKey, RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        if entry.payload.count > LogRecord.batchedPayloadBytesMax {
            try finishBatch(emit: emit)
            try appendChunks(entry, emit: emit)
            return
        }
        let needed = entry.payload.count + 3
        if count > 0, term != entry.term || record.count + needed > LogRecord.bytesMax {
            try finishBatch(emit: emit)
        }
        if count == 0 {
            begin(LogRecord.batchKind)
            record.integer(UInt16(0))
            record.varint(entry.term.rawValue)
            first = entry.index
            term = entry.term
        }
        record.integer(entry.kind.rawValue)
        record.varBytes(entry.payload)
        count += 1
    }

    /// Emits what is not full yet.
    mutating func finishBatch(
        emit: (LogKey, RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        guard count > 0 else { return }
        record.bytes[LogRecord.headerBytes] = UInt8(truncatingIfNeeded: count >> 8)
        record.bytes[LogRecord.headerBytes + 1] = UInt8(truncatingIfNeeded: count)
        count = 0
        try seal(LogKey(era: era, index: first), emit: emit)
    }

    private mutating func appendChunks(
        _ entry: Entry,
        emit: (LogKey, RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        var key = LogKey(era: era, index: entry.index)
        var offset = 0
        begin(LogRecord.chunkKind)
        record.varint(entry.term.rawValue)
        record.integer(entry.kind.rawValue)
        record.varint(UInt64(entry.payload.count))
        while true {
            let end = min(entry.payload.count, offset + LogRecord.bytesMax - record.count)
            record.append(entry.payload.rawSpan.extracting(offset..<end))
            try seal(key, emit: emit)
            offset = end
            if offset == entry.payload.count { return }
            key.chunk += 1
            begin(LogRecord.chunkKind)
        }
    }

    private mutating func begin(_ kind: UInt8) {
        record.bytes.removeAll(keepingCapacity: true)
        record.integer(kind)
        record.integer(UInt64(0))
        record.integer(chain)
    }

    private mutating func seal(
        _ key: LogKey,
        emit: (LogKey, RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        chain = Self.checksum(record.bytes, seed: key.seed)
        for place in 0..<8 {
            record.bytes[1 + place] = UInt8(truncatingIfNeeded: chain >> (56 - 8 * UInt64(place)))
        }
        recordCount += 1
        try emit(key, record.bytes.rawSpan)
    }

    private static func checksum(_ record: [UInt8], seed: UInt64) -> UInt64 {
        XXH64.hash(record.rawSpan.extracting(9..<record.count), seed: seed)
    }
}
