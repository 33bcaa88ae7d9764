internal import Bytes
internal import Commands

/// Tombstones and lock-delays: what stays of a key for a while.
extension Batch {
    mutating func bury(_ key: RawSpan) throws(StateError) {
        var writer = takeWriter()
        Tombstone(index: entry.index, key: key.copiedBytes()).encode(into: &writer)
        let stored = Tombstone.storedKey(key)
        try put(stored.span, writer.bytes.rawSpan, in: tables.tombstones)
        giveBack(writer)
        var byIndex = KeyBuffer()
        byIndex.append(Tombstone.indexTag)
        byIndex.append(integer: entry.index)
        byIndex.append(integer: entry.tombstoneCount)
        entry.tombstoneCount += 1
        try put(byIndex.span, key, in: tables.tombstones)
    }

    mutating func apply(_ command: ReapTombstones) throws(StateError) -> ConsulOutcome {
        var due: [(row: [UInt8], key: [UInt8])] = []
        let tag = [Tombstone.indexTag]
        try view.scan(tag.rawSpan, in: tables.tombstones) { row, key throws(StateError) in
            guard Self.index(of: row) <= command.throughIndex else { return false }
            due.append((row: row.copiedBytes(), key: key.copiedBytes()))
            return true
        }
        var count = 0
        for tombstone in due {
            try delete(tombstone.row.rawSpan, in: tables.tombstones)
            let stored = Tombstone.storedKey(tombstone.key.rawSpan)
            // The key may have been deleted once more since.
            let newest = try tombstoneIndex(stored.span)
            guard newest == Self.index(of: tombstone.row.rawSpan) else { continue }
            try delete(stored.span, in: tables.tombstones)
            count += 1
        }
        try reapDelays()
        return .reaped(count: count)
    }

    private func tombstoneIndex(_ stored: RawSpan) throws(StateError) -> UInt64? {
        guard let span = try view.get(stored, in: tables.tombstones) else { return nil }
        return try Tombstone(decoding: span).index
    }

    private static func index(of row: RawSpan) -> UInt64 {
        guard row.byteCount >= 9 else { return UInt64.max }
        var index: UInt64 = 0
        for offset in 1..<9 { index = index << 8 | UInt64(row[byte: offset]) }
        return index
    }

    // MARK: - Lock-delay

    /// Whether the key may not be locked yet, by the leader's clock in the entry.
    func isDelayed(_ stored: RawSpan) throws(StateError) -> Bool {
        guard let span = try view.get(stored, in: tables.delays) else { return false }
        return try LockDelay(decoding: span).untilMilliseconds > entry.timeMilliseconds
    }

    mutating func delay(_ key: ByteString, nanoseconds: Int64) throws(StateError) {
        let bounded = min(nanoseconds, Self.lockDelayNanosecondsMax)
        guard bounded > 0 else { return }
        // Rounded up: a delay of less than a millisecond is one all the same.
        let until = entry.timeMilliseconds &+ (bounded + 999_999) / 1_000_000
        var stored = KeyBuffer()
        NameKey.append(key.bytes.rawSpan, to: &stored)
        var writer = takeWriter()
        LockDelay(untilMilliseconds: until, key: key.bytes).encode(into: &writer)
        try put(stored.span, writer.bytes.rawSpan, in: tables.delays)
        giveBack(writer)
    }

    /// structs.MaxLockDelay.
    private static var lockDelayNanosecondsMax: Int64 { 60_000_000_000 }

    private mutating func reapDelays() throws(StateError) {
        var over: [[UInt8]] = []
        try view.scan(RawSpan(), in: tables.delays) { key, value throws(StateError) in
            if try LockDelay(decoding: value).untilMilliseconds <= entry.timeMilliseconds {
                over.append(key.copiedBytes())
            }
            return true
        }
        for key in over { try delete(key.rawSpan, in: tables.delays) }
    }
}
