internal import Bytes
internal import Raft

/// The keys of the write-ahead log's table. All records lie in one table, so that a commit
/// rewrites as few pages as can be: the path to the commit record on the left, the path to the
/// newest entries on the right.
///
///     byte 0       what
///     01           the commit record
///     02           who the node is
///     03 NNNN      membership record NNNN, counted from 0
///     04 I*8 T*8   the manifest of the snapshot of index I and term T
///     05           not used (once: marks)
///     06           the node's standing in its cluster
///     10 EE I*8 CC log record: era E, first entry I, chunk C of it
///
/// Integers are big-endian, so that bytewise order is the order of the log. The era grows by one
/// when a received snapshot replaces the log: what the old era left behind is deleted in small
/// steps, and can share no key with the new era.
enum StoreKey {
    static let commit: [UInt8] = [0x01]
    static let identity: [UInt8] = [0x02]
    static let membershipTag: UInt8 = 0x03
    static let manifestTag: UInt8 = 0x04
    static let standing: [UInt8] = [0x06]
    static let logTag: UInt8 = 0x10

    static func membership(_ number: Int) -> [UInt8] {
        [membershipTag, UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
    }

    static func manifest(index: LogIndex, term: Term) -> [UInt8] {
        var writer = ByteWriter(reserving: 17)
        writer.integer(manifestTag)
        writer.integer(index.rawValue)
        writer.integer(term.rawValue)
        return writer.bytes
    }
}

/// The key of a log record.
struct LogKey: Hashable {
    static let byteCount = 13

    var era: UInt16
    /// The first entry in the record.
    var index: LogIndex
    /// 0, or the place of this chunk of an entry that takes several records.
    var chunk: UInt16

    init(era: UInt16, index: LogIndex, chunk: UInt16 = 0) {
        self.era = era
        self.index = index
        self.chunk = chunk
    }

    /// Nil if the key is none of a log record.
    init?(_ span: RawSpan) {
        guard span.byteCount == LogKey.byteCount, span[byte: 0] == StoreKey.logTag else {
            return nil
        }
        var reader = SpanReader(span.extracting(1..<LogKey.byteCount))
        guard let era = try? reader.integer(as: UInt16.self),
            let index = try? reader.integer(as: UInt64.self),
            let chunk = try? reader.integer(as: UInt16.self)
        else { return nil }
        self.init(era: era, index: LogIndex(index), chunk: chunk)
    }

    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: LogKey.byteCount)
        writer.integer(StoreKey.logTag)
        writer.integer(era)
        writer.integer(index.rawValue)
        writer.integer(chunk)
        return writer.bytes
    }

    /// What the checksum begins from, so that a record under a wrong key does not verify.
    var seed: UInt64 {
        XXH64.combine(index.rawValue, UInt64(era) << 16 | UInt64(chunk))
    }
}
