internal import Bytes
internal import LMDB

/// A record in which two states differ.
public struct StateDifference: Equatable, Sendable {
    public var table: String
    /// As it stands in the table, but for those made of secrets, which are cut.
    public var key: [UInt8]
    /// Nil where the state has no such record.
    public var left: Side?
    public var right: Side?

    public enum Side: Equatable, Sendable {
        case item(StateItem)
        /// A record that leads to others: an index, a list, a piece of a large value.
        case bytes([UInt8])
    }

    /// The newest entry that either side names; 0 where none does.
    public var newestIndex: UInt64 {
        if table == "blobs" { return blobIndex }
        return [left, right].map { side in
            guard case .item(let item) = side else { return 0 }
            return item.newestIndex
        }.max() ?? 0
    }

    /// The entry that wrote a piece stands in its key.
    private var blobIndex: UInt64 {
        key.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension StateView {
    /// Walks two states side by side and gives every record in which they differ, table by table,
    /// while `body` says so. What a state notes of itself is not compared: the summary, and where
    /// the patrol stands.
    public static func forEachDifference(
        _ left: StateView,
        _ right: StateView,
        _ body: (StateDifference) -> Bool
    ) throws(StateError) {
        for (place, named) in left.tables.all.enumerated() {
            let pair = (left: named.table, right: right.tables.all[place].table)
            guard try compare(left, right, named.name, pair, body) else { return }
        }
    }

    private static func compare(
        _ left: StateView,
        _ right: StateView,
        _ name: String,
        _ tables: (left: Table, right: Table),
        _ body: (StateDifference) -> Bool
    ) throws(StateError) -> Bool {
        var lefts = try left.cursor(in: tables.left)
        var rights = try right.cursor(in: tables.right)
        var isLeft = try seek(&lefts, atOrAfter: RawSpan())
        var isRight = try seek(&rights, atOrAfter: RawSpan())
        while isLeft || isRight {
            let order = isLeft && isRight ? Self.order(lefts.key, rights.key) : isLeft ? -1 : 1
            if order != 0 || !lefts.value.hasSameBytes(as: rights.value) {
                var found = StateDifference(table: name, key: [])
                if order <= 0 {
                    found.key = told(name, lefts.key)
                    found.left = try left.side(name, lefts.key, lefts.value)
                }
                if order >= 0 {
                    found.key = told(name, rights.key)
                    found.right = try right.side(name, rights.key, rights.value)
                }
                if !isBookkeeping(found) {
                    guard body(found) else { return false }
                }
            }
            if order <= 0 { isLeft = try next(&lefts) }
            if order >= 0 { isRight = try next(&rights) }
        }
        return true
    }

    private static func isBookkeeping(_ found: StateDifference) -> Bool {
        found.table == "meta" && (found.key == summaryKey || found.key == Patrol.key)
    }

    /// Below, equal or above 0, as LMDB orders keys: bytewise, the shorter first.
    private static func order(_ left: RawSpan, _ right: RawSpan) -> Int {
        if left.hasSameBytes(as: right) { return 0 }
        for offset in 0..<min(left.byteCount, right.byteCount)
        where left[byte: offset] != right[byte: offset] {
            return left[byte: offset] < right[byte: offset] ? -1 : 1
        }
        return left.byteCount < right.byteCount ? -1 : 1
    }

    /// The hash of a token's secret is cut to 16 bits, as a command's summary has them.
    private static func told(_ table: String, _ key: RawSpan) -> [UInt8] {
        let tag = TokenKey.secretTag
        guard table == "meta", key.hasPrefix(tag.rawSpan) else { return key.copiedBytes() }
        return Array(key.copiedBytes().prefix(tag.count + 2))
    }

    /// What a record is; its bytes if it cannot be decoded, which is a difference of its own. Those
    /// of a token have its secret, and stay untold.
    private func side(
        _ table: String,
        _ key: RawSpan,
        _ value: RawSpan
    ) throws(StateError) -> StateDifference.Side {
        guard let kind = Self.kind(table, key) else { return .bytes(value.copiedBytes()) }
        do throws(StateError) {
            guard let item = try item(kind, key, value) else {
                return .bytes(value.copiedBytes())
            }
            return .item(item)
        } catch {
            guard case .damaged = error else { throw error }
            return .bytes(kind == .token ? [] : value.copiedBytes())
        }
    }

    private static func kind(ofMeta key: RawSpan) -> StateItem.Kind? {
        let (member, token) = (MemberRecord.tag, TokenKey.tag)
        if key.hasPrefix(member.rawSpan) { return .member }
        return key.hasPrefix(token.rawSpan) ? .token : nil
    }

    private static func kind(_ table: String, _ key: RawSpan) -> StateItem.Kind? {
        let tag = key.byteCount > 0 ? key[byte: 0] : 0
        switch table {
        case "znodes": return .znode
        case "keys": return .key
        case "sessions": return .zooKeeperSession
        case "leases": return tag == CatalogKey.session ? .consulSession : nil
        case "meta": return kind(ofMeta: key)
        case "catalog":
            let kinds: [UInt8: StateItem.Kind] = [
                CatalogKey.node: .node, CatalogKey.service: .service, CatalogKey.check: .check,
            ]
            return kinds[tag]
        default: return nil
        }
    }
}
