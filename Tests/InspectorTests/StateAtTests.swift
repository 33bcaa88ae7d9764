import ArgumentParser
import Backup
import Bytes
import Commands
import Disk
import LMDB
import SeededRandom
import StateMachine
import Testing

@testable import Raft
@testable import RaftStore
@testable import roost_log

@Suite struct StateAtTests {
    private func source(
        _ node: ScratchNode,
        _ at: UInt64?,
        usesState: Bool = true
    ) throws -> StateSource {
        let replay = try Replay(InspectedDirectory(node.path), scratch: "/tmp")
        return try StateSource(replay, at: at.map { .index($0) }, usesState: usesState)
    }

    private func model(_ source: StateSource) throws -> RandomHistory.Model {
        try source.read { try RandomHistory.Model($0) }
    }

    @Test func `the state at every index is the model's`() throws {
        let history = RandomHistory(70, SeededGenerator(suite: "StateAtTests"))
        let node = ScratchNode()
        try node.fill(history.entries, snapshotAt: 30)
        let before = try node.print()
        for index in 1...70 {
            let found = try source(node, UInt64(index))
            #expect(found.index == LogIndex(UInt64(index)))
            #expect(try model(found) == history.models[index], "after entry \(index)")
        }
        #expect(try model(source(node, nil)) == history.models[70])
        #expect(try model(source(node, nil, usesState: false)) == history.models[70])
        #expect(try node.print() == before)
    }

    @Test func `a dropped past begins with its snapshot`() throws {
        let history = RandomHistory(60, SeededGenerator(suite: "StateAtTests"))
        let node = ScratchNode()
        try node.fill(history.entries, snapshotAt: 25, isCompacted: true)
        for index in 25...60 {
            let found = try source(node, UInt64(index), usesState: index % 2 == 0)
            #expect(try model(found) == history.models[index], "after entry \(index)")
        }
        #expect(throws: InspectionFailure.self) { _ = try source(node, 24) }
        #expect(throws: InspectionFailure.self) { _ = try source(node, 61) }
    }

    @Test func `a time is before the first entry that is stamped later`() throws {
        let history = RandomHistory(20, SeededGenerator(suite: "StateAtTests"))
        let node = ScratchNode()
        try node.fill(history.entries)
        let replay = try Replay(InspectedDirectory(node.path), scratch: "/tmp")
        let time = ScratchNode.firstTime
        #expect(try replay.index(of: .time(time + 7_000)) == LogIndex(7))
        #expect(try replay.index(of: .time(time + 7_999)) == LogIndex(7))
        #expect(try replay.index(of: .time(time + 100_000)) == LogIndex(20))
        #expect(try replay.index(of: .time(time)) == LogIndex(1))
    }

    @Test func `a new cluster begins from the past, with the old state`() throws {
        let history = RandomHistory(50, SeededGenerator(suite: "StateAtTests"))
        let node = ScratchNode()
        try node.fill(history.entries)
        let target = "\(node.path)-before"
        defer { ScratchNode.remove(target) }
        let beginning = try NewBeginning(source(node, 33))
        let manifest = try beginning.writeDirectory(target, name: "n7")
        #expect(manifest.index == LogIndex(33))
        let made = try InspectedDirectory(target)
        let contents = try made.log.contents()
        #expect(contents.identity?.name == "n7")
        #expect(contents.identity?.clusterID != [UInt8](repeating: 7, count: 16))
        #expect(contents.commit?.firstIndex == LogIndex(34))
        #expect(contents.memberships.last?.membership == Membership(voters: [NodeID(1)]))
        var check = DirectoryCheck(made)
        try check.run()
        #expect(check.findings.isEmpty)
        let replay = try Replay(made, scratch: "/tmp")
        let whole = try StateSource(replay, at: .index(33), usesState: true)
        #expect(try model(whole) == history.models[33])
        #expect(throws: BackupError.self) {
            _ = try NewBeginning(source(node, 40)).writeDirectory(target, name: "n7")
        }
    }
}

/// A snapshot was written through the door that a server opens its own snapshots by, which sweeps:
/// it removed what other people had in the directory, every `.tmp` and every `.mdb` alone.
@Suite struct WriteSnapshotTests {
    @Test func `a snapshot that is written out leaves what lies beside it`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...30))
        let target = "\(node.path)-shelf"
        try FileSystem.makeDirectory(target)
        defer { ScratchNode.remove(target) }
        let others = ["mail.mdb", "copy.tmp", "thesis.tmp"]
        for name in others { try File("\(target)/\(name)", .new).write([7].rawSpan, at: 0) }
        let words = [
            "--data-dir", node.path, "--scratch", "/tmp", "--at", "20", "--write-snapshot", target,
        ]
        try StateCommand.parse(words).run()
        #expect(try FileSystem.list(target) == (others + ["20-1.manifest", "20-1.mdb"]).sorted())
        for name in others { #expect(try FileSystem.contents("\(target)/\(name)") == [7]) }
        let made = try #require(try InspectedSnapshot(at: "\(target)/20-1.mdb"))
        #expect(try made.verify().isEmpty)
    }
}

@Suite struct HistoryTests {
    private func rows(
        _ node: ScratchNode,
        _ subject: Subject,
        isExact: Bool
    ) throws -> [HistoryRow] {
        let replay = try Replay(InspectedDirectory(node.path), scratch: "/tmp")
        var search = HistorySearch(replay, subject)
        var rows: [HistoryRow] = []
        let add = { (row: HistoryRow) in
            rows.append(row)
            return true
        }
        if isExact { try search.replayAll(add) } else { try search.scan(add) }
        return rows
    }

    /// A value of a key or a znode in a model.
    private func value(_ subject: Subject, _ model: RandomHistory.Model) -> [UInt8]? {
        switch subject {
        case .key(let key): model.keys[key]?.value
        case .znode(let path): model.znodes[path]?.data
        default: nil
        }
    }

    private func check(
        _ history: RandomHistory,
        _ node: ScratchNode,
        from first: Int
    ) throws {
        let subjects =
            RandomHistory.keys.map(Subject.key) + RandomHistory.paths.map(Subject.znode)
        for subject in subjects {
            let exact = try rows(node, subject, isExact: true)
            var changed: [Int] = []
            for index in first..<history.models.count {
                let models = (history.models[index - 1], history.models[index])
                let isChanged =
                    switch subject {
                    case .key(let key): models.0.keys[key] != models.1.keys[key]
                    case .znode(let path): models.0.znodes[path] != models.1.znodes[path]
                    default: false
                    }
                if isChanged { changed.append(index) }
            }
            let done = exact.filter { $0.result == .done }
            #expect(done.map { Int($0.entry.index.rawValue) } == changed, "\(subject)")
            for row in exact {
                let index = Int(row.entry.index.rawValue)
                #expect(row.before?.value == value(subject, history.models[index - 1]))
                #expect(row.after?.value == value(subject, history.models[index]))
            }
            try compare(exact, rows(node, subject, isExact: false), subject)
        }
    }

    /// What the quick way is certain of is so; a key without locks it is certain of throughout.
    private func compare(_ exact: [HistoryRow], _ quick: [HistoryRow], _ subject: Subject) throws {
        let known = Dictionary(
            exact.map { ($0.entry.index.rawValue, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        let indexes = Set(quick.map(\.entry.index.rawValue))
        #expect(
            Set(exact.filter { $0.result == .done }.map(\.entry.index.rawValue)).isSubset(
                of: indexes
            )
        )
        for row in quick {
            let index = row.entry.index.rawValue
            switch row.result {
            case .done:
                #expect(known[index]?.result == .done, "\(subject) \(index)")
                #expect(known[index]?.before == row.before && known[index]?.after == row.after)
            case .refused, .unchanged: #expect(known[index]?.result != .done)
            case .likely:
                if case .key = subject { Issue.record("\(subject) \(index) is not certain") }
            }
        }
    }

    @Test func `every change is found, with the values before and after`() throws {
        let history = RandomHistory(150, SeededGenerator(suite: "HistoryTests"))
        let node = ScratchNode()
        try node.fill(history.entries)
        try check(history, node, from: 1)
    }

    @Test func `a past that begins with a snapshot is found from there on`() throws {
        let history = RandomHistory(120, SeededGenerator(suite: "HistoryTests"))
        let node = ScratchNode()
        try node.fill(history.entries, snapshotAt: 40, isCompacted: true)
        try check(history, node, from: 41)
    }

    @Test func `a picker passes nothing over that names its subject`() {
        let picker = EntryPicker(.key("app/mode"))
        let header = CommandHeader()
        func wants(_ verb: KeyVerb, _ key: ByteString) -> Bool {
            let payload = Command.key(KeyOperation(verb: verb, key: key)).encode(header)
            return picker.wants(payload.rawSpan)
        }
        #expect(wants(.set, "app/mode"))
        #expect(!wants(.set, "app/mood"))
        #expect(wants(.deleteTree, "a"))
        let numbered = EntryPicker(.znode("/q/n-0000000007"))
        let create = CreateOperation(path: "/q/n-", data: nil, flags: 2)
        let payload = Command.createZnode(create, .none).encode(header)
        let isWanted = numbered.wants(payload.rawSpan)
        #expect(isWanted)
    }

    @Test func `a text says what it is the history of`() {
        #expect(Subject("/a", nil) == .znode("/a"))
        #expect(Subject("a/b", nil) == .key("a/b"))
        #expect(Subject("0x1f", nil) == .zooKeeperSession(SessionID(0x1f)))
        let id = "d33fbe19-3f5a-927e-eb31-792f5fb43b78"
        #expect(Subject(id, nil) == .consulSession(ByteString(id)))
        #expect(Subject("web", .service) == .service("web"))
        #expect(Subject("/odd", .key) == .key("/odd"))
        #expect(Subject("web", .session) == nil)
    }
}
