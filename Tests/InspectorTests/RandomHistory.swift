import Bytes
import Commands
import Glibc
import SeededRandom
import StateMachine

@testable import Raft

/// Random commands of both worlds, and beside them the simplest model of what keys and znodes are
/// after each: two dictionaries.
struct RandomHistory {
    struct Key: Equatable {
        var value: [UInt8]
        var modifyIndex: UInt64
    }

    struct Znode: Equatable {
        var data: [UInt8]
        var version: Int32
        var mzxid: UInt64
        var owner: Int64
    }

    struct Model: Equatable {
        var keys: [ByteString: Key] = [:]
        var znodes: [ByteString: Znode] = [:]
    }

    private(set) var entries: [Entry] = []
    /// The model after entry I, at place I; 0 is the beginning.
    private(set) var models: [Model] = [Model()]
    private var random: SeededGenerator
    private var sessions: [Int64] = []
    private var nextSession: Int64 = 0x100

    static let keys: [ByteString] = ["a", "a/b", "a/b/c", "b", long]
    static let paths: [ByteString] = ["/x", "/x/y", "/x/z", "/w", "/x/e1", "/w/e2"]
    private static let long = ByteString(String(repeating: "k", count: 500))

    init(_ count: Int, _ random: SeededGenerator) {
        self.random = random
        append(Entry(index: LogIndex(1), term: Term(1), kind: .empty), Model())
        for _ in 1..<count { step() }
    }

    private var model: Model { models[models.count - 1] }
    private var index: UInt64 { UInt64(models.count) }

    private mutating func append(_ entry: Entry, _ model: Model) {
        entries.append(entry)
        models.append(model)
    }

    private mutating func append(_ command: Command, session: Int64 = 0, _ model: Model) {
        let header = CommandHeader(
            timeMilliseconds: ScratchNode.firstTime + Int64(index) * 1_000,
            session: SessionID(session),
            client: .ipv4(0x7f00_0001, port: 5_000)
        )
        let payload = command.encode(header)
        append(Entry(index: LogIndex(index), term: Term(1), payload: payload), model)
    }

    private mutating func step() {
        if sessions.isEmpty { return open() }
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<9: stepKey()
        case 9..<18: stepZnode()
        case 18: open()
        default: close()
        }
    }

    private mutating func bytes() -> [UInt8] {
        let size = [0, 3, 40, 2_500].randomElement(using: &random) ?? 0
        let letter = UInt8.random(in: 97...99, using: &random)
        return [UInt8](repeating: letter, count: size)
    }

    // MARK: Keys

    private mutating func stepKey() {
        var model = self.model
        let key = Self.keys.randomElement(using: &random) ?? "a"
        let value = bytes()
        let old = model.keys[key]
        let current = old?.modifyIndex ?? 0
        let given = Bool.random(using: &random) ? current : current / 2
        let verb =
            KeyVerb.allCases.filter { $0 != .lock && $0 != .unlock }
            .randomElement(using: &random) ?? .set
        let index = self.index
        func set() {
            if old?.value != value { model.keys[key] = Key(value: value, modifyIndex: index) }
        }
        switch verb {
        case .set: set()
        case .setIfUnchanged: if given == current { set() }
        case .delete: model.keys[key] = nil
        case .deleteIfUnchanged: if given == current { model.keys[key] = nil }
        case .deleteTree:
            for name in model.keys.keys where name.bytes.starts(with: key.bytes) {
                model.keys[name] = nil
            }
        case .lock, .unlock: break
        }
        let operation = KeyOperation(verb: verb, key: key, value: value, index: given)
        append(.key(operation), model)
    }

    // MARK: Znodes

    private mutating func stepZnode() {
        var model = self.model
        let path = Self.paths.randomElement(using: &random) ?? "/x"
        let data = bytes()
        let session = sessions.randomElement(using: &random) ?? 0
        let old = model.znodes[path]
        let version = Int32.random(in: -1...1, using: &random)
        let isCurrent = version == -1 || version == old?.version
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4:
            let isEphemeral = path.text.contains("/e")
            let parent = ByteString(String(path.text.prefix(2)))
            if old == nil, path == parent || model.znodes[parent] != nil {
                let owner = isEphemeral ? session : 0
                model.znodes[path] = Znode(data: data, version: 0, mzxid: index, owner: owner)
            }
            let flags: Int32 = isEphemeral ? 1 : 0
            let operation = CreateOperation(path: path, data: data, flags: flags)
            append(.createZnode(operation, .none), session: session, model)
        case 4..<8:
            if let old, isCurrent {
                let next = old.version + 1
                model.znodes[path] = Znode(
                    data: data,
                    version: next,
                    mzxid: index,
                    owner: old.owner
                )
            }
            let operation = SetDataOperation(path: path, data: data, version: version)
            append(.setData(operation, .none), session: session, model)
        default:
            let hasChildren = model.znodes.keys.contains {
                $0.bytes.starts(with: path.bytes + [47])
            }
            if old != nil, isCurrent, !hasChildren { model.znodes[path] = nil }
            let operation = DeleteOperation(path: path, version: version)
            append(.deleteZnode(operation, .none), session: session, model)
        }
    }

    private mutating func open() {
        let id = nextSession
        nextSession += 1
        sessions.append(id)
        let command = CreateSession(timeoutMilliseconds: 5_000, password: [1, 2, 3])
        append(.createSession(command), session: id, model)
    }

    private mutating func close() {
        let place = Int.random(in: 0..<sessions.count, using: &random)
        let id = sessions.remove(at: place)
        var model = self.model
        for (path, znode) in model.znodes where znode.owner == id { model.znodes[path] = nil }
        append(.closeSession(CloseSession()), session: id, model)
    }
}

extension RandomHistory.Model {
    /// The keys and znodes of a state; not those that are there from the start.
    init(_ view: StateView) throws(StateError) {
        var keys: [ByteString: RandomHistory.Key] = [:]
        var znodes: [ByteString: RandomHistory.Znode] = [:]
        try view.forEachItem(.key) { item in
            guard case .key(let key) = item else { return false }
            keys[key.key] = .init(value: key.value, modifyIndex: key.modifyIndex)
            return true
        }
        try view.forEachItem(.znode) { item in
            guard case .znode(let znode) = item else { return false }
            let path = znode.path
            if path == "/" || path.text.hasPrefix("/zookeeper") { return true }
            znodes[path] = .init(
                data: znode.data ?? [],
                version: znode.stat.version,
                mzxid: znode.stat.mzxid,
                owner: znode.stat.ephemeralOwner
            )
            return true
        }
        self.init(keys: keys, znodes: znodes)
    }
}
