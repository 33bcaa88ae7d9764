import Bytes

/// Byte 1 of a payload. Numbers are never used again for something else.
public enum CommandKind: UInt8, CaseIterable, Sendable {
    case createSession = 1
    case attachSession = 2
    case closeSession = 3
    case createZnode = 4
    case deleteZnode = 5
    case setData = 6
    case setACL = 7
    case checkVersion = 8
    case multi = 9
    case deleteContainer = 10

    case setKey = 32
    case setKeyIfUnchanged = 33
    case lockKey = 34
    case unlockKey = 35
    case deleteKey = 36
    case deleteKeyTree = 37
    case deleteKeyIfUnchanged = 38
    case transaction = 39
    case createConsulSession = 40
    case destroyConsulSession = 41
    case register = 42
    case deregister = 43
    case updateCheck = 44
    case reapTombstones = 45
    case initializeTokens = 48
    case bootstrapTokens = 49
    case setToken = 50
    case deleteToken = 51

    case admitMember = 64
    case dismissMember = 65

    /// That of an encoded command, without decoding it; nil if it is none.
    public init?(of payload: RawSpan) {
        guard payload.byteCount > 1 else { return nil }
        self.init(rawValue: payload[byte: 1])
    }

    /// Whether the work of carrying it out is bounded by its own size, whatever the state holds.
    public var isBounded: Bool {
        switch self {
        case .createSession, .attachSession, .createZnode, .deleteZnode, .setData, .setACL,
            .checkVersion, .multi, .deleteContainer, .setKey, .setKeyIfUnchanged, .lockKey,
            .unlockKey, .deleteKey, .deleteKeyIfUnchanged, .createConsulSession, .initializeTokens,
            .bootstrapTokens, .setToken, .deleteToken:
            true
        // A session's ephemerals or locks, a tree, a node's services, what gathered for long.
        case .closeSession, .deleteKeyTree, .transaction, .destroyConsulSession, .register,
            .deregister, .updateCheck, .reapTombstones, .admitMember, .dismissMember:
            false
        }
    }

    /// What tools print: the case's name.
    public var name: String { "\(self)" }
}
