import Foundation

/// What changed between two looks at a key or a prefix.
struct KeyChanges {
    struct Change: Encodable, Equatable {
        enum Kind: String, Encodable { case set, deleted }

        var change: Kind
        var key: String
        /// The ModifyIndex of what was set; of a deletion the index of the look that missed it.
        var index: UInt64
        var value: String?
    }

    /// A key by its bytes: what Unicode counts as the same text is another key. Keys that are no
    /// UTF-8 may come as the same one, so it is not unique.
    private struct Seen: Hashable {
        let key: [UInt8]
        let index: UInt64

        init(_ record: KeyRecord) {
            key = Array(record.key.utf8)
            index = record.modifyIndex
        }
    }

    private var known: Set<Seen> = []

    /// Changes in the order of their index, deletions first; then the new look is the known one.
    mutating func update(_ records: [KeyRecord], index: UInt64) -> [Change] {
        let present = Set(records.map(Seen.init))
        let gone = Set(known.map(\.key)).subtracting(present.map(\.key))
            .sorted { $0.lexicographicallyPrecedes($1) }
            .map { String(decoding: $0, as: UTF8.self) }
        let set = records.filter { !known.contains(Seen($0)) }
            .sorted { ($0.modifyIndex, $0.key) < ($1.modifyIndex, $1.key) }
        known = present
        return gone.map { Change(change: .deleted, key: $0, index: index, value: nil) }
            + set.map {
                Change(change: .set, key: $0.key, index: $0.modifyIndex, value: $0.value ?? "")
            }
    }
}
