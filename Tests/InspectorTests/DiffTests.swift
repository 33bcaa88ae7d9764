import ArgumentParser
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

@Suite struct DiffTests {
    private func differences(_ left: StateSource, _ right: StateSource) throws -> [StateDifference]
    {
        var found: [StateDifference] = []
        try left.read { left in
            try right.read { right in
                try StateView.forEachDifference(left, right) { difference in
                    found.append(difference)
                    return true
                }
            }
        }
        return found
    }

    private func set(_ index: UInt64, _ key: ByteString, _ value: String) -> Entry {
        let operation = KeyOperation(verb: .set, key: key, value: Array(value.utf8))
        let header = CommandHeader(timeMilliseconds: ScratchNode.firstTime + Int64(index))
        let payload = Command.key(operation).encode(header)
        return Entry(index: LogIndex(index), term: Term(1), payload: payload)
    }

    @Test func `two points differ in what was changed between them, and in nothing else`() throws {
        let history = RandomHistory(60, SeededGenerator(suite: "DiffTests"))
        let node = ScratchNode()
        try node.fill(history.entries)
        let replay = try Replay(InspectedDirectory(node.path), scratch: "/tmp")
        for (first, second) in [(10, 60), (25, 26), (40, 40), (59, 20)] {
            let sources = try (
                StateSource(replay, at: .index(UInt64(first)), usesState: true),
                StateSource(replay, at: .index(UInt64(second)), usesState: true)
            )
            var keys: Set<ByteString> = []
            for difference in try differences(sources.0, sources.1) {
                for side in [difference.left, difference.right] {
                    if case .item(.key(let key)) = side { keys.insert(key.key) }
                }
            }
            let models = (history.models[first], history.models[second])
            let wanted = RandomHistory.keys.filter { models.0.keys[$0] != models.1.keys[$0] }
            #expect(keys == Set(wanted), "\(first) to \(second)")
        }
    }

    @Test func `the first entry that differs between two logs is named`() throws {
        let entries = ScratchNode.entries(1...100)
        let other = entries.prefix(66) + [set(67, "other", "x")] + entries.suffix(33)
        let nodes = (ScratchNode(), ScratchNode())
        try nodes.0.fill(entries)
        try nodes.1.fill(Array(other))
        let pair = try DirectoryPair(nodes.0.path, nodes.1.path, scratch: "/tmp")
        let first = try #require(try pair.log.first())
        #expect(first.index == LogIndex(67))
        #expect(first.right.summary?.paths == ["other"])
        let same = try DirectoryPair(nodes.0.path, nodes.0.path, scratch: "/tmp")
        #expect(try same.log.first() == nil)
    }

    @Test func `a state that went wrong is found where the logs agree`() throws {
        let entries = ScratchNode.entries(1...100)
        let nodes = (ScratchNode(), ScratchNode())
        try nodes.0.fill(Array(entries.prefix(80)), snapshotAt: 40)
        // Its state has applied something else than its log says, and is ahead.
        try nodes.1.fill(
            entries,
            snapshotAt: 40,
            applying: { entry in
                entry.index == LogIndex(55) ? set(55, "app/55", "wrong") : entry
            }
        )
        let pair = try DirectoryPair(nodes.0.path, nodes.1.path, scratch: "/tmp")
        #expect(try pair.log.first() == nil)
        let states = try pair.states()
        #expect(states.left.index == LogIndex(100) || states.right.index == LogIndex(100))
        let found = try differences(states.left, states.right)
        #expect(found.map(\.newestIndex) == [55])
        #expect(try pair.lastAgreement() == LogIndex(40))
        #expect(try pair.isFaithful(pair.left, states.left) == true)
        #expect(try pair.isFaithful(pair.right, states.right) == false)
    }

    @Test func `verify finds it too, by a replay`() throws {
        let node = ScratchNode()
        try node.fill(
            ScratchNode.entries(1...100),
            snapshotAt: 40,
            applying: { entry in
                entry.index == LogIndex(55) ? set(55, "app/55", "wrong") : entry
            }
        )
        var check = DirectoryCheck(try InspectedDirectory(node.path))
        try check.run()
        #expect(check.findings.isEmpty, "\(check.findings)")
        try check.replay(scratch: "/tmp")
        #expect(check.worst == .stateMismatch)
        #expect(check.findings.contains { $0.damage.text.contains("app/55") })
        let good = ScratchNode()
        try good.fill(ScratchNode.entries(1...100), snapshotAt: 40)
        var clean = DirectoryCheck(try InspectedDirectory(good.path))
        try clean.run()
        try clean.replay(scratch: "/tmp")
        #expect(clean.findings.isEmpty, "\(clean.findings)")
        #expect(clean.report.last?.text.contains("2 states compared") == true)
    }
}

@Suite struct RepairTests {
    @Test func `a torn tail is shown, cut only when asked, and nothing else with it`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100))
        try node.spoilRecords(of: "app/100", in: node.logFile)
        try node.forgetTrust("wal")
        try node.forgetTrust("state")
        let before = try node.print()
        let preview = try TornTail.look(at: node.path)
        guard case .torn(let left, let lost) = preview.verdict else {
            Issue.record("\(preview.text)")
            return
        }
        #expect(left.lastIndex == LogIndex(90) && lost?.lastIndex == LogIndex(100))
        #expect(preview.exitCode.rawValue == 2)
        #expect(try node.print() == before)
        try TornTail.cut(node.path)
        #expect(try TornTail.look(at: node.path).word == "whole")
        #expect(try node.dump(1...100) == Array(1...90))
        #expect(try node.check().worst == nil)
    }

    @Test func `older damage, and damage that no crash made, is not touched`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100))
        try node.spoilRecords(of: "app/100", in: node.logFile)
        #expect(try TornTail.look(at: node.path).word == "damaged")
        try node.spoilRecords(of: "app/50", in: node.logFile)
        try node.forgetTrust("wal")
        let before = try node.print()
        #expect(try TornTail.look(at: node.path).word == "damaged")
        #expect(throws: StoreError.self) { try TornTail.cut(node.path) }
        #expect(try node.print().filter { !$0.contains("LOCK") } == before)
    }

    @Test func `a directory that is served is not touched`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...20))
        let server = try DataDirectory(node.path)
        #expect(throws: StoreError.self) { _ = try TornTail.look(at: node.path) }
        extendLifetime(server)
    }
}

@Suite struct StatTests {
    @Test func `what comes often is counted in bounded memory`() {
        var busiest = BusiestNames(slotsMax: 100)
        for number in 0..<10_000 {
            busiest.add(ByteString("rare/\(number)"))
            if number % 3 == 0 { busiest.add("often") }
        }
        let top = busiest.top(1)
        #expect(top.first?.name == "often")
        let count = top.first?.count ?? 0
        let error = top.first?.error ?? 0
        #expect(count >= 3_334 && count - error <= 3_334)
    }

    @Test func `the largest stay`() {
        var largest = LargestValues(3)
        for bytes in [5, 1, 9, 7, 9, 2] { largest.add("key", ByteString("\(bytes)"), bytes) }
        #expect(largest.all.map(\.bytes) == [9, 9, 7])
    }

    @Test func `names are grouped by their first levels`() {
        func group(_ name: String, _ depth: Int) -> String {
            let bytes = Array(name.utf8)
            return GroupedSizes.group(bytes.rawSpan, depth: depth).text
        }
        #expect(group("/a/b/c", 1) == "/a")
        #expect(group("/a/b/c", 2) == "/a/b")
        #expect(group("/a", 2) == "/a")
        #expect(group("/", 1) == "/")
        #expect(group("app/x/y", 1) == "app")
        #expect(group("", 1) == "")
    }

    @Test func `entries are counted by kind and minute`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100))
        var tally = EntryTally()
        try InspectedDirectory(node.path).log.forEachEntry(LogIndex(1)...LogIndex(100)) { item in
            tally.add(item, EntryFilter())
            return true
        }
        #expect(tally.kinds["setKey"]?.entries == 99 && tally.kinds["empty"]?.entries == 1)
        #expect(tally.minutes.values.map(\.entries).reduce(0, +) == 99)
        #expect(tally.minutes.count == 2)
    }
}
