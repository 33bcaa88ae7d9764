internal import Bytes
public import Commands
internal import LMDB

/// A KV entry, read in place.
public struct KeyEntryView: ~Escapable {
    let row: KeyRow
    let span: RawSpan
    /// The whole key.
    public let key: RawSpan

    @_lifetime(copy span, copy key)
    init(_ row: KeyRow, _ span: RawSpan, key: RawSpan) {
        self.row = row
        self.span = span
        self.key = key
    }

    public var createIndex: UInt64 { row.createIndex }
    public var modifyIndex: UInt64 { row.modifyIndex }
    public var lockIndex: UInt64 { row.lockIndex }
    public var flags: UInt64 { row.flags }
    public var valueBytes: Int { row.valueBytes }

    /// The id of the session that holds the key; empty for none.
    public var session: RawSpan {
        @_lifetime(copy self)
        get { span.extracting(row.session) }
    }

    /// The value where it stands in one place, which it does up to about 1,900 bytes.
    public var inlineValue: RawSpan? {
        @_lifetime(copy self)
        get {
            guard case .inline(let start, let byteCount) = row.blob else { return nil }
            return span.extracting((start + row.keyBytes)..<(start + byteCount))
        }
    }
}

extension StateView {
    /// The entry under `key`, or nil.
    @_lifetime(copy self, copy key)
    public func key(_ key: RawSpan) throws(StateError) -> KeyEntryView? {
        guard key.byteCount > 0 else { return nil }
        if !NameKey.isShortened(key.byteCount) {
            guard let span = try get(key, in: tables.keys) else { return nil }
            return KeyEntryView(try Self.keyRow(span), span, key: key)
        }
        var stored = KeyBuffer()
        NameKey.append(key, to: &stored)
        guard let span = try get(stored.span, in: tables.keys) else { return nil }
        return KeyEntryView(try Self.keyRow(span), span, key: key)
    }

    static func keyRow(_ span: RawSpan) throws(StateError) -> KeyRow {
        do throws(BytesError) {
            return try KeyRow(decoding: span)
        } catch {
            throw .damaged(table: "keys", detail: "\(error)")
        }
    }

    /// Gives the value in order, in one piece or in several.
    public func forEachValuePiece(
        of entry: borrowing KeyEntryView,
        _ body: (RawSpan) -> Void
    ) throws(StateError) {
        let row = entry.row
        guard row.valueBytes > 0 else { return }
        try forEachPiece(of: row.blob, in: entry.span, from: row.keyBytes) {
            piece throws(StateError) in body(piece)
        }
    }

    /// A copy of the entry, with or without its value.
    public func record(
        of entry: borrowing KeyEntryView,
        withValue: Bool = true
    ) throws(StateError) -> KeyRecord {
        let row = entry.row
        let range = row.keyBytes..<row.blob.byteCount
        return KeyRecord(
            key: ByteString(copying: entry.key),
            value: withValue ? try bytes(of: row.blob, in: entry.span, range) : [],
            flags: row.flags,
            createIndex: row.createIndex,
            modifyIndex: row.modifyIndex,
            lockIndex: row.lockIndex,
            session: ByteString(copying: entry.session)
        )
    }

    /// Visits the entries whose keys begin with `prefix`, in the order of the keys.
    public func forEachKey(
        prefix: RawSpan,
        _ body: (borrowing KeyEntryView) throws(StateError) -> ScanStep
    ) throws(StateError) {
        let shared = prefix.extracting(first: min(prefix.byteCount, NameKey.sharedBytes))
        var cursor = try cursor(in: tables.keys)
        var isPlaced = try Self.seek(&cursor, atOrAfter: shared)
        while isPlaced, cursor.key.hasPrefix(shared) {
            let step: ScanStep
            if NameKey.isShortened(key: cursor.key) {
                let group = try shortenedGroup(&cursor, prefix: prefix)
                step = try visit(group, body)
                isPlaced = cursor.isPlaced
            } else {
                let key = cursor.key
                step = try body(KeyEntryView(try Self.keyRow(cursor.value), cursor.value, key: key))
                if step == .next { isPlaced = try Self.next(&cursor) }
                if case .skip(let prefixBytes) = step {
                    let skipped = key.extracting(first: prefixBytes).copiedBytes()
                    guard let target = Self.successor(of: skipped) else { return }
                    isPlaced = try Self.seek(&cursor, atOrAfter: target.rawSpan)
                }
            }
            if step == .stop { return }
        }
    }

    /// The whole keys of shortened ones that share their stored part, sorted; the cursor then
    /// stands behind them. They are stored sorted by hash.
    @_lifetime(cursor: copy cursor)
    private func shortenedGroup(
        _ cursor: inout Cursor,
        prefix: RawSpan
    ) throws(StateError) -> [[UInt8]] {
        let shared = cursor.key.extracting(first: NameKey.sharedBytes)
        var group: [[UInt8]] = []
        var isPlaced = true
        while isPlaced, NameKey.isShortened(key: cursor.key), cursor.key.hasPrefix(shared) {
            let row = try Self.keyRow(cursor.value)
            let key = try bytes(of: row.blob, in: cursor.value, 0..<row.keyBytes)
            if key.rawSpan.hasPrefix(prefix) { group.append(key) }
            isPlaced = try Self.next(&cursor)
        }
        return group.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// A skip leads past members of the group only: nothing behind it shares its stored part
    /// unless less than that is skipped, and then the group's next members say so themselves.
    private func visit(
        _ group: [[UInt8]],
        _ body: (borrowing KeyEntryView) throws(StateError) -> ScanStep
    ) throws(StateError) -> ScanStep {
        var skipped: [UInt8]?
        for name in group {
            if let skipped, name.starts(with: skipped) { continue }
            guard let entry = try key(name.rawSpan) else { continue }
            switch try body(entry) {
            case .next: skipped = nil
            case .stop: return .stop
            case .skip(let prefixBytes): skipped = Array(name.prefix(prefixBytes))
            }
        }
        return .next
    }

    /// The least byte string above all that begin with `prefix`.
    static func successor(of prefix: [UInt8]) -> [UInt8]? {
        var next = prefix
        while let last = next.last {
            if last < 0xff {
                next[next.count - 1] = last + 1
                return next
            }
            next.removeLast()
        }
        return nil
    }

    /// Consul's index for a single key that is not there: that of the newest change of any key.
    public var missingKeyIndex: UInt64 {
        get throws(StateError) {
            let indexes = try summary.indexes
            return max(1, indexes.keys, indexes.tombstones)
        }
    }

    /// Consul's index for a list of all that begins with `prefix`: the highest ModifyIndex of an
    /// entry or a tombstone there; the table's for an empty prefix, or when nothing is there.
    /// `highestModifyIndex` is that of the entries, which the caller has just visited.
    public func treeIndex(
        prefix: RawSpan,
        highestModifyIndex: UInt64
    ) throws(StateError) -> UInt64 {
        guard prefix.byteCount > 0 else { return try missingKeyIndex }
        var highest = highestModifyIndex
        try forEachTombstone(prefix: prefix) { index in highest = max(highest, index) }
        return highest > 0 ? highest : try missingKeyIndex
    }

    private func forEachTombstone(
        prefix: RawSpan,
        _ body: (_ index: UInt64) -> Void
    ) throws(StateError) {
        var stored = KeyBuffer()
        stored.append(Tombstone.keyTag)
        stored.append(prefix.extracting(first: min(prefix.byteCount, NameKey.sharedBytes - 1)))
        try scan(stored.span, in: tables.tombstones) { _, value throws(StateError) in
            let tombstone = try Tombstone(decoding: value)
            if tombstone.key.rawSpan.hasPrefix(prefix) { body(tombstone.index) }
            return true
        }
    }
}
