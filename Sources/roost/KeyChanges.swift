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

    private var known: [String: UInt64] = [:]

    /// Changes in the order of their index, deletions first; then the new look is the known one.
    mutating func update(_ records: [KeyRecord], index: UInt64) -> [Change] {
        let present = Set(records.map(\.key))
        let gone = known.keys.filter { !present.contains($0) }.sorted()
        let set = records.filter { known[$0.key] != $0.modifyIndex }
            .sorted { ($0.modifyIndex, $0.key) < ($1.modifyIndex, $1.key) }
        known = Dictionary(uniqueKeysWithValues: records.map { ($0.key, $0.modifyIndex) })
        return gone.map { Change(change: .deleted, key: $0, index: index, value: nil) }
            + set.map {
                Change(change: .set, key: $0.key, index: $0.modifyIndex, value: $0.value ?? "")
            }
    }
}
