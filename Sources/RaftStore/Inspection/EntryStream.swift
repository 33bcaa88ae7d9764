internal import Bytes
internal import Raft

/// Puts the entries of a range together from log records that come in the order of their keys,
/// some of them damaged or missing. What is lost is told with the entries that it held, once the
/// next readable record has shown where they end.
struct EntryStream {
    private let era: UInt16
    private let range: ClosedRange<LogIndex>
    /// Nil: all are wanted.
    private let wants: ((RawSpan) -> Bool)?
    /// The checksum of the record before, and the entry that is to come; nil after a loss.
    private var chain: UInt64?
    private var expected: LogIndex?
    private var open: OpenEntry?
    private var losses: [Damage] = []
    private(set) var entries = 0
    private(set) var payloadBytes = 0

    /// An entry whose chunks are still to come.
    private struct OpenEntry {
        var key: LogKey
        var head: ChunkHead
        var payload: ByteWriter
    }

    init(
        era: UInt16,
        range: ClosedRange<LogIndex>,
        _ wants: ((RawSpan) -> Bool)?
    ) {
        self.era = era
        self.range = range
        self.wants = wants
    }

    /// Where a scan of the range has to begin: a record holds entries after the one in its key.
    var start: [UInt8] {
        let back = UInt64(LogRecord.entriesMax)
        let first = range.lowerBound.rawValue
        return LogKey(era: era, index: LogIndex(first > back ? first - back : 0)).bytes
    }

    /// The entry after those handed on, where a later scan can go on; nil amid an entry or a loss.
    var resumption: LogIndex? { open == nil && losses.isEmpty ? expected : nil }

    mutating func add(
        _ span: RawSpan,
        _ value: RawSpan,
        _ body: (LogItem) -> Bool
    ) -> Bool {
        guard let key = LogKey(span) else {
            lose(Damage(.record, "a key of unknown shape"), at: expected)
            return true
        }
        guard key.era == era else { return key.era < era }
        guard key.index <= range.upperBound else { return false }
        do throws(Damage) {
            let (checksum, previous) = try LogRecord.check(value, under: key)
            if let chain, chain != previous {
                losses.append(
                    Damage(.chain, index: key.index, "it does not follow the record before it")
                )
            }
            chain = checksum
            if key.chunk > 0 { return try addChunk(key, value, body) }
            if let expected, expected > key.index {
                throw Damage(.gap, "it begins before the one before it ends")
            }
            guard settle(before: key.index, body) else { return false }
            if value[byte: 0] == LogRecord.batchKind { return try addBatch(key, value, body) }
            return try begin(key, value, body)
        } catch {
            lose(error, at: key.index)
            return true
        }
    }

    /// Takes note of what could not be read; `index` is where it begins, as far as that is known.
    mutating func lose(_ damage: Damage, at index: LogIndex?) {
        var damage = damage
        damage.index = open?.key.index ?? expected ?? index ?? damage.index ?? range.lowerBound
        if losses.last?.index != damage.index || losses.last?.page != damage.page {
            losses.append(damage)
        }
        open = nil
        chain = nil
        expected = nil
    }

    /// After the last record: tells what is missing at the end.
    mutating func finish(_ body: (LogItem) -> Bool) {
        _ = settle(before: range.upperBound.next, body)
    }

    /// Tells the losses that end before `index`, and the gap before it if there is one.
    private mutating func settle(before index: LogIndex, _ body: (LogItem) -> Bool) -> Bool {
        if let open {
            lose(Damage(.gap, "its chunks are not all there"), at: open.key.index)
        } else if losses.isEmpty {
            let begin = expected ?? range.lowerBound
            if begin < index { lose(Damage(.gap, "missing"), at: begin) }
        }
        let settled = losses
        losses = []
        for damage in settled {
            let first = damage.index ?? range.lowerBound
            let last = damage.kind == .chain ? first : max(first, index.previous)
            if last < range.lowerBound { continue }
            guard body(.damage(damage, through: last)) else { return false }
        }
        return true
    }

    private mutating func addBatch(
        _ key: LogKey,
        _ value: RawSpan,
        _ body: (LogItem) -> Bool
    ) throws(Damage) -> Bool {
        var goesOn = true
        var count = 0
        try LogRecord.forEachEntry(ofBatch: value, at: key, where: wants ?? { _ in true }) {
            offset,
            entry in
            count = offset + 1
            if let entry { goesOn = hand(entry, body) } else { entries += 1 }
            return goesOn
        }
        expected = key.index.advanced(by: count)
        return goesOn
    }

    private mutating func begin(
        _ key: LogKey,
        _ value: RawSpan,
        _ body: (LogItem) -> Bool
    ) throws(Damage) -> Bool {
        let head = try LogRecord.chunkHead(value, at: key)
        var payload = ByteWriter(reserving: head.payloadBytes)
        payload.append(value.extracting(head.bodyOffset..<value.byteCount))
        expected = key.index.next
        open = OpenEntry(key: key, head: head, payload: payload)
        return try closeIfWhole(body)
    }

    private mutating func addChunk(
        _ key: LogKey,
        _ value: RawSpan,
        _ body: (LogItem) -> Bool
    ) throws(Damage) -> Bool {
        guard var entry = open.take() else {
            // The rest of an entry that is lost, or the end of one before the range.
            if !losses.isEmpty || expected == nil { return true }
            throw Damage(.gap, "chunk \(key.chunk) without those before")
        }
        guard key.index == entry.key.index, key.chunk == entry.key.chunk + 1 else {
            open = entry
            throw Damage(.gap, "chunk \(entry.key.chunk + 1) is missing")
        }
        entry.key = key
        entry.payload.append(value.extracting(LogRecord.headerBytes..<value.byteCount))
        open = entry
        return try closeIfWhole(body)
    }

    private mutating func closeIfWhole(_ body: (LogItem) -> Bool) throws(Damage) -> Bool {
        guard let entry = open, entry.payload.count >= entry.head.payloadBytes else { return true }
        guard entry.payload.count == entry.head.payloadBytes else {
            throw Damage(.record, index: entry.key.index, "its chunks are too long")
        }
        open = nil
        return hand(
            Entry(
                index: entry.key.index,
                term: entry.head.term,
                kind: entry.head.kind,
                payload: entry.payload.bytes
            ),
            body
        )
    }

    private mutating func hand(_ entry: Entry, _ body: (LogItem) -> Bool) -> Bool {
        guard entry.index >= range.lowerBound else { return true }
        guard entry.index <= range.upperBound else { return false }
        entries += 1
        payloadBytes += entry.payload.count
        return body(.entry(entry))
    }
}
