import Bytes
import Commands
import StateMachine

/// Which things of a state are wanted. All that is given must hold; of one sort, any.
struct ItemFilter {
    /// Empty: all.
    var kinds: Set<StateItem.Kind> = []
    var paths: [ByteString] = []
    var keys: [ByteString] = []
    var isPrefix = false
    var sessions: [EntryFilter.SessionName] = []
    /// Bytes that the name or the value must hold.
    var text: ByteString?

    /// Whether any of a kind can be wanted.
    func wants(_ kind: StateItem.Kind) -> Bool {
        if !kinds.isEmpty, !kinds.contains(kind) { return false }
        guard !paths.isEmpty || !keys.isEmpty else { return true }
        return kind == .znode && !paths.isEmpty || kind == .key && !keys.isEmpty
    }

    /// Whether one of this name can be wanted.
    func wants(_ kind: StateItem.Kind, name: RawSpan) -> Bool {
        let wanted = kind == .znode ? paths : keys
        guard !wanted.isEmpty else { return true }
        return wanted.contains { given in
            isPrefix ? name.hasPrefix(given) : name.hasSameBytes(as: given)
        }
    }

    func wants(_ item: StateItem) -> Bool {
        if !sessions.isEmpty, !sessions.contains(where: { item.belongs(to: $0) }) { return false }
        guard let text else { return true }
        return item.name.bytes.contains(text.bytes) || item.value?.contains(text.bytes) ?? false
    }
}

extension RawSpan {
    fileprivate func hasPrefix(_ text: ByteString) -> Bool { hasPrefix(text.bytes.rawSpan) }

    fileprivate func hasSameBytes(as text: ByteString) -> Bool {
        hasSameBytes(as: text.bytes.rawSpan)
    }
}

extension StateItem {
    /// The data of a znode, the value of a key; nil for what has none.
    var value: [UInt8]? {
        switch self {
        case .znode(let znode): znode.data
        case .key(let key): key.value
        default: nil
        }
    }

    func belongs(to session: EntryFilter.SessionName) -> Bool {
        switch (session, self) {
        case (.zooKeeper(let id), .znode(let znode)): znode.stat.ephemeralOwner == id.value
        case (.zooKeeper(let id), .zooKeeperSession(let session)): session.id == id
        case (.consul(let id), .key(let key)): key.session == id
        case (.consul(let id), .consulSession(let session)): session.definition.id == id
        default: false
        }
    }
}
