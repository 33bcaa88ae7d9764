internal import Bytes

/// The records beside the log (identity, memberships, manifests, standing), sealed, in the order of
/// their keys: what the commit record's digest is computed over.
struct StateRecords {
    struct Record: Hashable {
        var key: [UInt8]
        var value: [UInt8]
    }

    private(set) var all: [Record] = []

    subscript(key: [UInt8]) -> [UInt8]? { all.first { $0.key == key }?.value }

    /// Adds or replaces a record, or removes it (nil).
    mutating func set(_ key: [UInt8], _ value: [UInt8]?) {
        let place = all.firstIndex { !$0.key.lexicographicallyPrecedes(key) } ?? all.count
        let isThere = place < all.count && all[place].key == key
        switch (value, isThere) {
        case (let value?, true): all[place].value = value
        case (let value?, false): all.insert(Record(key: key, value: value), at: place)
        case (nil, true): all.remove(at: place)
        case (nil, false): break
        }
    }

    /// The records whose keys begin with `tag`.
    func tagged(_ tag: UInt8) -> [Record] { all.filter { $0.key[0] == tag } }

    var digest: UInt64 {
        var digest: UInt64 = 0
        for record in all {
            digest = StateRecord.digest(
                digest,
                adding: record.key.rawSpan,
                record.value.rawSpan
            )
        }
        return digest
    }
}
