internal import Bytes
internal import LMDB

/// The walk that mixes what lies in the state's files into the digest, a few records at a time.
///
/// The digest covers every record when it is written. A record that changes afterwards, under a
/// faulty disk or memory or by a bug that writes around `Batch`, would go unnoticed until some
/// entry writes what it read there. Hence at every index that divides by `interval` the next
/// `recordsMax` records are mixed in as they lie in the tables, one table after the other and round
/// again. Where the walk stands is part of the state, so that all nodes read the same records at
/// the same index:
///
/// ```
/// meta "patrol": number of the table UInt8, the last key that was read (empty: none yet)
/// ```
///
/// The walk passes over the summary, which is written once a batch, and so is not equal on all
/// nodes in the middle of one; its fields are mixed in from memory instead.
enum Patrol {
    /// Also how far apart the checkpoints are by which nodes compare their digests.
    static let interval: UInt64 = 256
    static let recordsMax = 64
    static let bytesMax = 1 << 16
    static let key = Array("patrol".utf8)

    static func isDue(at index: UInt64) -> Bool { index % interval == 0 }
}

extension Batch {
    /// One step of the walk.
    mutating func patrol() throws(StateError) {
        var walk = PatrolWalk(digest: summary.counted)
        try walk.place(at: view, tables)
        let all = tables.all
        while walk.hasRoom { try walk.pass(through: all[Int(walk.table)].table, view) }
        mix(walk.digest)
        var writer = takeWriter()
        writer.integer(walk.table)
        writer.append(walk.key)
        try put(Patrol.key.rawSpan, writer.bytes.rawSpan, in: tables.meta)
        giveBack(writer)
    }
}

/// Where the walk stands, and what it has read in this step.
private struct PatrolWalk {
    var table: UInt8 = 0
    /// The last one that was read; empty: none of this table.
    var key: [UInt8] = []
    var digest: UInt64
    var records = 0
    var bytes = 0

    init(digest: UInt64) { self.digest = digest }

    var hasRoom: Bool { records < Patrol.recordsMax && bytes < Patrol.bytesMax }

    mutating func place(
        at view: borrowing StateView,
        _ tables: StateTables
    ) throws(StateError) {
        guard let span = try view.get(Patrol.key.rawSpan, in: tables.meta) else { return }
        guard span.byteCount > 0, span[byte: 0] < UInt8(StateTables.count) else {
            throw .damaged(table: "meta", detail: "patrol: \(span.byteCount) bytes")
        }
        table = span[byte: 0]
        key = span.extracting(1..<span.byteCount).copiedBytes()
    }

    /// Mixes the table's next records in. Its end counts as a record, so that a state of empty
    /// tables has an end too.
    mutating func pass(
        through opened: Table,
        _ view: borrowing StateView
    ) throws(StateError) {
        var cursor = try view.cursor(in: opened)
        let start = key.isEmpty ? [0] : key
        var isPlaced = try StateView.seek(&cursor, atOrAfter: start.rawSpan)
        if isPlaced, cursor.key.hasSameBytes(as: key.rawSpan) {
            isPlaced = try StateView.next(&cursor)
        }
        while isPlaced, hasRoom {
            let (name, value) = (cursor.key, cursor.value)
            if !isPassedOver(name) {
                let named = XXH64.hash(name, seed: XXH64.combine(digest, UInt64(table)))
                digest = XXH64.hash(value, seed: named)
                key = name.copiedBytes()
                records += 1
                bytes += name.byteCount + value.byteCount
            }
            isPlaced = try StateView.next(&cursor)
        }
        guard !isPlaced else { return }
        records += 1
        table = Int(table) + 1 < StateTables.count ? table + 1 : 0
        key = []
    }

    private func isPassedOver(_ name: RawSpan) -> Bool {
        guard table == 0 else { return false }
        let (own, summary) = (Patrol.key, StateView.summaryKey)
        if name.hasSameBytes(as: own.rawSpan) { return true }
        return name.hasSameBytes(as: summary.rawSpan)
    }
}
