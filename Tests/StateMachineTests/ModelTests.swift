import Bytes
import Commands
import Glibc
import SeededRandom
import StateMachine
import Testing

/// Random operations against the simplest model that can be right.
@Suite struct ModelTests {
    /// ZooKeeper's tree as a dictionary by path.
    struct ZnodeModel {
        struct Node {
            var data: String
            var version: Int32 = 0
            var creates: Int32 = 0
            var czxid: UInt64
            var mzxid: UInt64
            var pzxid: UInt64
            var owner: Int64 = 0
        }

        var nodes: [String: Node] = [:]

        func parent(_ path: String) -> String {
            let end = path.lastIndex(of: "/") ?? path.startIndex
            return end == path.startIndex ? "" : String(path[..<end])
        }

        func children(_ path: String) -> [String] {
            nodes.keys.filter { $0 != "" && parent($0) == path }
                .map { String($0.dropFirst(path.count + 1)) }.sorted()
        }

        mutating func create(
            _ path: String,
            _ data: String,
            sequential: Bool,
            owner: Int64,
            _ zxid: UInt64
        ) -> (path: String, error: ZnodeError?) {
            let above = parent(path)
            guard let node = nodes[above] else { return (path, .noNode) }
            let digits = String(node.creates)
            let padding = String(repeating: "0", count: 10 - digits.count)
            let name = sequential ? path + padding + digits : path
            if nodes[name] != nil { return (path, .nodeExists) }
            if node.owner != 0 { return (path, .noChildrenForEphemerals) }
            nodes[name] = Node(data: data, czxid: zxid, mzxid: zxid, pzxid: zxid, owner: owner)
            nodes[above]?.creates += 1
            nodes[above]?.pzxid = zxid
            return (name, nil)
        }

        mutating func delete(_ path: String, version: Int32, _ zxid: UInt64) -> ZnodeError? {
            guard let node = nodes[path] else { return .noNode }
            if version != -1 && version != node.version { return .badVersion }
            if !children(path).isEmpty { return .notEmpty }
            nodes[path] = nil
            nodes[parent(path)]?.pzxid = zxid
            return nil
        }

        mutating func setData(
            _ path: String,
            _ data: String,
            version: Int32,
            _ zxid: UInt64
        ) -> ZnodeError? {
            guard let node = nodes[path] else { return .noNode }
            if version != -1 && version != node.version { return .badVersion }
            nodes[path]?.data = data
            nodes[path]?.version += 1
            nodes[path]?.mzxid = zxid
            return nil
        }
    }

    @Test func `znodes behave as a dictionary of paths would`() throws {
        var random = SeededGenerator(suite: "ModelTests")
        let state = try StateFixture()
        try state.openSession()
        var model = ZnodeModel()
        model.nodes[""] = .init(data: "", czxid: 0, mzxid: 0, pzxid: 0)
        for _ in 0..<1_500 { try step(state, &model, &random) }
        try compare(state, model)
        try state.znode(.closeSession(CloseSession()), session: StateFixture.session)
        for path in model.nodes.filter({ $0.value.owner != 0 }).keys {
            #expect(model.delete(path, version: -1, state.index) == nil)
        }
        try compare(state, model)
    }

    func step(
        _ state: StateFixture,
        _ model: inout ZnodeModel,
        _ random: inout SeededGenerator
    ) throws {
        let long = String(repeating: "l", count: 470)
        let depth = Int.random(in: 1...3, using: &random)
        let names = ["a", "b", "c", long, long + "z"]
        let path = (0..<depth).map { _ in "/" + (names.randomElement(using: &random) ?? "a") }
            .joined()
        let size = [0, 3, 1_500, 4_100].randomElement(using: &random) ?? 0
        let data = String(repeating: "d", count: size) + "\(state.index)"
        let version = Int32.random(in: -1...1, using: &random)
        let zxid = state.index + 1
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5:
            let flags = Int32.random(in: 0...3, using: &random)
            let session = flags % 2 == 1 ? StateFixture.session : .none
            let (name, error) = model.create(
                path,
                data,
                sequential: flags >= 2,
                owner: session.value,
                zxid
            )
            let outcome = try state.create(path, data, flags: flags, session: session)
            #expect(outcome.error == error)
            if case .created(let made, _) = outcome { #expect(made.text == name) }
        case 5..<8:
            let error = model.setData(path, data, version: version, zxid)
            #expect(try state.setData(path, data, version: version).error == error)
        default:
            let error = model.delete(path, version: version, zxid)
            #expect(try state.delete(path, version: version).error == error)
        }
    }

    func compare(_ state: StateFixture, _ model: ZnodeModel) throws {
        for (path, node) in model.nodes where path != "" {
            let stat = try #require(try state.stat(path))
            let children = model.children(path)
            #expect(stat.version == node.version && stat.czxid == node.czxid)
            #expect(stat.mzxid == node.mzxid && stat.pzxid == node.pzxid)
            #expect(stat.cversion == node.creates * 2 - Int32(children.count))
            #expect(stat.childCount == children.count && stat.ephemeralOwner == node.owner)
            #expect(try state.data(path) == Array(node.data.utf8))
            #expect(try state.children(path) == children)
        }
        let summary = try state.read { try $0.summary }
        #expect(summary.znodeCount == UInt64(model.nodes.count) + 3)
        let ephemerals = model.nodes.values.filter { $0.owner != 0 }.count
        #expect(summary.ephemeralCount == UInt64(ephemerals))
        let paths = model.nodes.map { $0.key.utf8.count + $0.value.data.utf8.count }.reduce(0, +)
        let first = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"]
        let fixed = first.map(\.utf8.count).reduce(0, +)
        #expect(summary.znodeBytes == UInt64(paths + fixed))
    }

    // MARK: - Keys

    struct KeyModel {
        struct Entry: Equatable {
            var value: String
            var flags: UInt64
            var create: UInt64
            var modify: UInt64
        }

        var entries: [String: Entry] = [:]
        var buried: [String: UInt64] = [:]

        mutating func set(_ key: String, _ value: String, _ flags: UInt64, _ index: UInt64) {
            if let old = entries[key], old.value == value, old.flags == flags { return }
            let create = entries[key]?.create ?? index
            entries[key] = Entry(value: value, flags: flags, create: create, modify: index)
        }

        mutating func deleteTree(_ prefix: String, _ index: UInt64) {
            let gone = entries.keys.filter { $0.hasPrefix(prefix) }
            if gone.isEmpty { return }
            for key in gone { entries[key] = nil }
            buried[prefix] = index
        }

        func index(_ prefix: String) -> UInt64? {
            let there = entries.filter { $0.key.hasPrefix(prefix) }.map(\.value.modify)
            return (there + buried.filter { $0.key.hasPrefix(prefix) }.map(\.value)).max()
        }
    }

    @Test func `keys behave as a sorted dictionary would`() throws {
        var random = SeededGenerator(suite: "ModelTests")
        let state = try StateFixture()
        var model = KeyModel()
        let long = String(repeating: "k", count: 478)
        let names = ["a", "a/b", "a/b/c", "b", "bb", long, long + "1", long + "12", long + "2"]
        for _ in 0..<1_500 {
            let key = names.randomElement(using: &random) ?? "a"
            let size = [0, 3, 2_500].randomElement(using: &random) ?? 0
            let value = String(repeating: "v", count: size)
            let flags = UInt64.random(in: 0...1, using: &random)
            let index = state.index + 1
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                model.set(key, value, flags, index)
                try state.key(.set, key, value, flags: flags)
            case 6:
                let given = UInt64.random(in: 0...1, using: &random) * (index / 2)
                let wanted = model.entries[key]?.modify ?? 0
                let fits = given == wanted
                if fits { model.set(key, value, flags, index) }
                let outcome = try state.key(
                    .setIfUnchanged,
                    key,
                    value,
                    flags: flags,
                    index: given
                )
                #expect(outcome == .key(fits))
            case 7..<9:
                if model.entries.removeValue(forKey: key) != nil { model.buried[key] = index }
                try state.key(.delete, key)
            default:
                model.deleteTree(key, index)
                try state.key(.deleteTree, key)
            }
        }
        try compare(state, model, names)
    }

    func compare(_ state: StateFixture, _ model: KeyModel, _ names: [String]) throws {
        #expect(try state.tree("").keys == model.entries.keys.sorted())
        for name in names {
            let list = try state.tree(name)
            let below = model.entries.keys.filter { $0.hasPrefix(name) }.sorted()
            #expect(list.keys == below)
            if let index = model.index(name) { #expect(list.index == index) }
            let entry = try state.entry(name)
            let found = entry.map { entry in
                KeyModel.Entry(
                    value: String(decoding: entry.value, as: UTF8.self),
                    flags: entry.flags,
                    create: entry.createIndex,
                    modify: entry.modifyIndex
                )
            }
            #expect(found == model.entries[name])
        }
        #expect(try state.read { try $0.summary.keyCount } == UInt64(model.entries.count))
    }
}
