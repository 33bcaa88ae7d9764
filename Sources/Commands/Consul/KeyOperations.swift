public import Bytes

/// What a KV write does; the raw value is the kind of the entry that holds it alone.
public enum KeyVerb: UInt8, CaseIterable, Sendable {
    case set = 32
    case setIfUnchanged = 33
    case lock = 34
    case unlock = 35
    case delete = 36
    case deleteTree = 37
    case deleteIfUnchanged = 38

    public var kind: CommandKind {
        switch self {
        case .set: .setKey
        case .setIfUnchanged: .setKeyIfUnchanged
        case .lock: .lockKey
        case .unlock: .unlockKey
        case .delete: .deleteKey
        case .deleteTree: .deleteKeyTree
        case .deleteIfUnchanged: .deleteKeyIfUnchanged
        }
    }

    /// The verb of an entry of this kind.
    public init?(_ kind: CommandKind) {
        self.init(rawValue: kind.rawValue)
    }
}

/// A write to one key, or to all keys under a prefix.
public struct KeyOperation: Equatable, Sendable {
    public var verb: KeyVerb
    /// The key; the prefix for `deleteTree`.
    public var key: ByteString
    public var value: [UInt8]
    public var flags: UInt64
    /// For the `IfUnchanged` verbs: the ModifyIndex that must still hold; 0 = the key must not
    /// exist.
    public var index: UInt64
    /// For `lock` and `unlock`.
    public var session: ByteString

    public init(
        verb: KeyVerb,
        key: ByteString,
        value: [UInt8] = [],
        flags: UInt64 = 0,
        index: UInt64 = 0,
        session: ByteString = ""
    ) {
        self.verb = verb
        self.key = key
        self.value = value
        self.flags = flags
        self.index = index
        self.session = session
    }
}

/// A KV entry as the state holds it.
public struct KeyRecord: Equatable, Sendable {
    public var key: ByteString
    public var value: [UInt8]
    public var flags: UInt64
    public var createIndex: UInt64
    public var modifyIndex: UInt64
    public var lockIndex: UInt64
    /// Empty when no session holds the key.
    public var session: ByteString

    public init(
        key: ByteString,
        value: [UInt8],
        flags: UInt64,
        createIndex: UInt64,
        modifyIndex: UInt64,
        lockIndex: UInt64,
        session: ByteString
    ) {
        self.key = key
        self.value = value
        self.flags = flags
        self.createIndex = createIndex
        self.modifyIndex = modifyIndex
        self.lockIndex = lockIndex
        self.session = session
    }
}
