import ArgumentParser
import Bytes
import Commands
import StateMachine

/// Something whose history is asked for.
enum Subject: Equatable {
    case znode(ByteString)
    case key(ByteString)
    case zooKeeperSession(SessionID)
    case consulSession(ByteString)
    case service(ByteString)
    case node(ByteString)

    enum Sort: String, CaseIterable, ExpressibleByArgument {
        case znode, key, session, service, node
    }

    /// - Parameter sort: nil: what the text looks like.
    init?(_ text: String, _ sort: Sort?) {
        switch sort {
        case .znode: self = .znode(ByteString(text))
        case .key: self = .key(ByteString(text))
        case .service: self = .service(ByteString(text))
        case .node: self = .node(ByteString(text))
        case .session:
            guard let session = EntryFilter.SessionName(text) else { return nil }
            self.init(session)
        case nil:
            if text.hasPrefix("/") {
                self = .znode(ByteString(text))
            } else if let session = EntryFilter.SessionName(text) {
                self.init(session)
            } else {
                self = .key(ByteString(text))
            }
        }
    }

    private init(_ session: EntryFilter.SessionName) {
        switch session {
        case .zooKeeper(let id): self = .zooKeeperSession(id)
        case .consul(let id): self = .consulSession(id)
        }
    }

    /// Those of its things that a state holds now.
    func items(_ view: StateView) throws -> [StateItem] {
        switch self {
        case .znode(let path):
            return try view.znodeItem(path.bytes.rawSpan).map { [.znode($0)] } ?? []
        case .key(let key): return try view.keyItem(key.bytes.rawSpan).map { [.key($0)] } ?? []
        case .zooKeeperSession(let id):
            return try view.zooKeeperSession(id).map { [.zooKeeperSession($0)] } ?? []
        case .consulSession(let id):
            return try view.consulSession(id).map { [.consulSession($0)] } ?? []
        case .service(let name):
            return try view.services(named: name).map(StateItem.service)
                + view.checks(service: name).map(StateItem.check)
        case .node(let name):
            return try (view.node(name).map { [.node($0)] } ?? [])
                + view.services(node: name).map(StateItem.service)
                + view.checks(node: name).map(StateItem.check)
        }
    }

    /// The same for comparison: without what changes with a znode's children.
    static func comparable(_ items: [StateItem]) -> [StateItem] {
        items.map { item in
            guard case .znode(var znode) = item else { return item }
            znode.stat.pzxid = 0
            znode.stat.cversion = 0
            znode.stat.childCount = 0
            return .znode(znode)
        }
    }
}

extension Subject {
    /// Whether only the parent's state tells which create made it.
    var isNumbered: Bool {
        guard case .znode(let path) = self else { return false }
        return EntryPicker.sequencePrefix(path) != nil
    }
}

/// Looks at payloads in place, and picks those that may have to do with a subject: none that has
/// is passed over.
struct EntryPicker {
    private var needles: [[UInt8]]
    private let kinds: Set<UInt8>
    /// A ZooKeeper session, as it stands in a header.
    private var sessions: [UInt64]

    private static let kindOffset = 1
    private static let sessionOffset = 10

    init(_ subject: Subject) {
        var kinds: [CommandKind] = []
        var sessions: [UInt64] = []
        switch subject {
        case .znode(let path):
            needles = [path.bytes, Self.sequencePrefix(path)].compactMap { $0 }
        case .key(let key):
            needles = [key.bytes]
            // These may name a prefix only, or end the session that holds the key.
            kinds = [.deleteKeyTree, .transaction]
        case .zooKeeperSession(let id):
            needles = []
            sessions = [UInt64(bitPattern: id.value)]
        case .consulSession(let id): needles = [id.bytes]
        case .service(let name), .node(let name):
            needles = [name.bytes]
            kinds = [.register, .deregister, .updateCheck]
        }
        self.kinds = Set(kinds.map(\.rawValue))
        self.sessions = sessions
    }

    /// What a sequential create of the path was asked for: without the ten digits.
    static func sequencePrefix(_ path: ByteString) -> [UInt8]? {
        let digits = path.bytes.suffix(10)
        guard digits.count == 10, digits.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
        return Array(path.bytes.dropLast(10))
    }

    /// From now on what this session does matters too: it owns the znode.
    mutating func follow(_ session: SessionID) {
        let id = UInt64(bitPattern: session.value)
        if !sessions.contains(id) { sessions.append(id) }
    }

    /// The same of a Consul session that holds the key.
    mutating func follow(holder: ByteString) {
        if !needles.contains(holder.bytes) { needles.append(holder.bytes) }
    }

    /// Whether an entry may change the subject without naming it, given what it is now: the end of
    /// the session that it belongs to, for whatever reason.
    static func mayReach(_ items: [StateItem], _ payload: RawSpan) -> Bool {
        guard payload.byteCount > sessionOffset + 8,
            let kind = CommandKind(rawValue: payload[byte: kindOffset])
        else { return false }
        return items.contains { item in
            switch item {
            case .znode(let znode):
                kind == .closeSession
                    && session(payload) == UInt64(bitPattern: znode.stat.ephemeralOwner)
            case .key(let key): !key.session.bytes.isEmpty && endsSessions.contains(kind)
            case .consulSession: endsSessions.contains(kind)
            case .service, .check: kind == .transaction
            default: false
            }
        }
    }

    private static let endsSessions: Set<CommandKind> = [
        .destroyConsulSession, .register, .deregister, .updateCheck, .transaction,
    ]

    func wants(_ payload: RawSpan) -> Bool {
        guard payload.byteCount > Self.sessionOffset + 8 else { return false }
        if kinds.contains(payload[byte: Self.kindOffset]) { return true }
        if !sessions.isEmpty, sessions.contains(Self.session(payload)) { return true }
        return needles.contains { payload.contains($0.rawSpan) }
    }

    private static func session(_ payload: RawSpan) -> UInt64 {
        var id: UInt64 = 0
        for place in 0..<8 { id = id << 8 | UInt64(payload[byte: sessionOffset + place]) }
        return id
    }
}
