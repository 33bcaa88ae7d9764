public import Bytes
public import Commands

/// Who waits for what, on one event loop: ZooKeeper's watches and Consul's blocked questions.
///
/// A loop owns its tables and touches them only on its own thread, so there is no lock: the
/// change set of every applied batch is handed to every loop, and a watch set at a snapshot is
/// matched against exactly the changes after it. The module decides who is to be told; it never
/// writes to a connection, reads no state and knows no protocol's bytes.
///
/// Map: `ZnodeWatches` (one-shot, persistent and recursive watches), `Topics` (what a blocked
/// question depends on), `ClientSlot` (a connection's number on its loop).
public struct ZnodeWatches: ~Copyable {
    private var byPath: [ByteString: [ClientSlot: Kinds]] = [:]
    private var bySlot: [ClientSlot: Held] = [:]
    private var recursiveCount = 0

    /// Registered pairs of a path and a kind of watch.
    public private(set) var count = 0

    public init() {}

    /// What one connection watches.
    private struct Held {
        var paths: Set<ByteString> = []
        /// Of the paths.
        var bytes = 0

        mutating func insert(_ path: ByteString) {
            if paths.insert(path).inserted { bytes += path.bytes.count }
        }

        mutating func remove(_ path: ByteString) {
            if paths.remove(path) != nil { bytes -= path.bytes.count }
        }
    }

    /// Which watches one connection has on one path.
    struct Kinds: OptionSet {
        let rawValue: UInt8
        static let data = Kinds(rawValue: 1)
        static let child = Kinds(rawValue: 2)
        static let persistent = Kinds(rawValue: 4)
        static let recursive = Kinds(rawValue: 8)
        static let oneShot: Kinds = [.data, .child]
    }

    /// Sets a watch; setting it again changes nothing.
    public mutating func add(_ kind: WatchKind, path: ByteString, slot: ClientSlot) {
        let inserted = byPath[path, default: [:]][slot, default: []].insert(kind.flag).inserted
        guard inserted else { return }
        bySlot[slot, default: Held()].insert(path)
        count += 1
        if kind == .recursive { recursiveCount += 1 }
    }

    public func has(_ kind: WatchKind, path: ByteString, slot: ClientSlot) -> Bool {
        byPath[path]?[slot]?.contains(kind.flag) ?? false
    }

    /// Removes one watch; false if it was not set.
    @discardableResult
    public mutating func remove(_ kind: WatchKind, path: ByteString, slot: ClientSlot) -> Bool {
        guard has(kind, path: path, slot: slot) else { return false }
        drop(kind.flag, path: path, slot: slot)
        return true
    }

    /// Removes all watches of a connection that went away.
    public mutating func removeAll(slot: ClientSlot) {
        for path in bySlot.removeValue(forKey: slot)?.paths ?? [] {
            guard let kinds = byPath[path]?.removeValue(forKey: slot) else { continue }
            discount(kinds)
            if byPath[path]?.isEmpty == true { byPath[path] = nil }
        }
    }

    /// The watches of one path, for the four-letter words; in no order.
    public func forEach(_ body: (ByteString, ClientSlot, [WatchKind]) -> Void) {
        for (path, slots) in byPath {
            for (slot, kinds) in slots {
                body(path, slot, WatchKind.allCases.filter { kinds.contains($0.flag) })
            }
        }
    }

    /// Paths that have a watch.
    public var pathCount: Int { byPath.count }

    /// The paths on which one connection has watches: how many, and their bytes.
    public func load(of slot: ClientSlot) -> (paths: Int, bytes: Int) {
        guard let held = bySlot[slot] else { return (0, 0) }
        return (held.paths.count, held.bytes)
    }

    /// Connections that have a watch.
    public var slotCount: Int { bySlot.count }

    /// Tells `emit` who is to be told of a change, in ZooKeeper's order, and forgets the one-shot
    /// watches that fired (WatchManager.triggerWatch of 3.9).
    public mutating func fire(
        _ change: ZnodeChange,
        zxid: UInt64,
        emit: (ClientSlot, ZnodeWatchEvent) -> Void
    ) {
        guard count > 0 else { return }
        switch change.kind {
        case .created:
            fire(.created, change.path, change.acl, zxid, on: .data, emit)
            fireParent(of: change, zxid, emit)
        case .deleted:
            fire(.deleted, change.path, change.acl, zxid, on: .oneShot, emit)
            fireParent(of: change, zxid, emit)
        case .dataChanged:
            fire(.dataChanged, change.path, change.acl, zxid, on: .data, emit)
        }
    }

    private mutating func fireParent(
        of change: ZnodeChange,
        _ zxid: UInt64,
        _ emit: (ClientSlot, ZnodeWatchEvent) -> Void
    ) {
        guard let parent = ZnodePath.parent(of: change.path) else { return }
        guard let slots = byPath[parent] else { return }
        let event = ZnodeWatchEvent(
            kind: .childrenChanged,
            path: parent,
            acl: change.parentACL,
            zxid: zxid
        )
        for (slot, kinds) in slots where !kinds.isDisjoint(with: [.child, .persistent]) {
            emit(slot, event)
            drop(kinds.intersection(.child), path: parent, slot: slot)
        }
    }

    /// One event at most for each connection, whichever of its watches matched.
    private mutating func fire(
        _ kind: ZnodeWatchEvent.Kind,
        _ path: ByteString,
        _ acl: ACLID,
        _ zxid: UInt64,
        on oneShot: Kinds,
        _ emit: (ClientSlot, ZnodeWatchEvent) -> Void
    ) {
        let event = ZnodeWatchEvent(kind: kind, path: path, acl: acl, zxid: zxid)
        var told: Set<ClientSlot> = []
        let wanted = oneShot.union([.persistent, .recursive])
        for (slot, kinds) in byPath[path] ?? [:] where !kinds.isDisjoint(with: wanted) {
            emit(slot, event)
            if recursiveCount > 0 { told.insert(slot) }
            drop(kinds.intersection(oneShot), path: path, slot: slot)
        }
        if recursiveCount > 0 { fireAncestors(event, told: told, emit) }
    }

    private func fireAncestors(
        _ event: ZnodeWatchEvent,
        told: Set<ClientSlot>,
        _ emit: (ClientSlot, ZnodeWatchEvent) -> Void
    ) {
        var told = told
        var ancestor = ZnodePath.parent(of: event.path)
        while let path = ancestor {
            for (slot, kinds) in byPath[path] ?? [:] where kinds.contains(.recursive) {
                if told.insert(slot).inserted { emit(slot, event) }
            }
            ancestor = ZnodePath.parent(of: path)
        }
    }

    private mutating func drop(_ kinds: Kinds, path: ByteString, slot: ClientSlot) {
        guard !kinds.isEmpty, var left = byPath[path]?[slot] else { return }
        discount(left.intersection(kinds))
        left.subtract(kinds)
        if !left.isEmpty {
            byPath[path]?[slot] = left
            return
        }
        byPath[path]?[slot] = nil
        if byPath[path]?.isEmpty == true { byPath[path] = nil }
        bySlot[slot]?.remove(path)
        if bySlot[slot]?.paths.isEmpty == true { bySlot[slot] = nil }
    }

    private mutating func discount(_ kinds: Kinds) {
        count -= kinds.rawValue.nonzeroBitCount
        if kinds.contains(.recursive) { recursiveCount -= 1 }
    }
}

extension WatchKind {
    var flag: ZnodeWatches.Kinds {
        switch self {
        case .data: .data
        case .child: .child
        case .persistent: .persistent
        case .recursive: .recursive
        }
    }
}
