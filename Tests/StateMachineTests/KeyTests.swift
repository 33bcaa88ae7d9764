import Bytes
import Commands
import StateMachine
import Testing

@Suite struct KeyTests {
    let s1: ByteString = "11111111-1111-1111-1111-111111111111"
    let s2: ByteString = "22222222-2222-2222-2222-222222222222"

    func withSessions() throws -> StateFixture {
        let state = try StateFixture()
        try state.register("n1")
        try state.openConsulSession(s1)
        try state.openConsulSession(s2)
        return state
    }

    @Test func `a new key has the entry's index and no lock`() throws {
        let state = try StateFixture()
        #expect(try state.key(.set, "k", "v", flags: UInt64.max) == .key(true))
        let entry = try #require(try state.entry("k"))
        #expect(entry.createIndex == 1 && entry.modifyIndex == 1 && entry.lockIndex == 0)
        #expect(entry.flags == UInt64.max && entry.value == Array("v".utf8))
        #expect(entry.session == "" && state.changes == [.key("k")])
        #expect(try state.read { try $0.summary.keyCount } == 1)
    }

    @Test(arguments: [5, 3_000])
    func `writing an equal value leaves the index and wakes nobody`(_ byteCount: Int) throws {
        let state = try StateFixture()
        let value = String(repeating: "v", count: byteCount)
        try state.key(.set, "k", value, flags: 7)
        #expect(try state.key(.set, "k", value, flags: 7) == .key(true))
        #expect(try state.entry("k")?.modifyIndex == 1 && state.changes.isEmpty)
        #expect(try state.read { try $0.missingKeyIndex } == 1)
        try state.key(.set, "k", value, flags: 8)
        #expect(try state.entry("k")?.modifyIndex == 3)
    }

    @Test func `cas compares ModifyIndex, and 0 only creates`() throws {
        let state = try StateFixture()
        #expect(try state.key(.setIfUnchanged, "k", "a", index: 5) == .key(false))
        #expect(try state.key(.setIfUnchanged, "k", "a", index: 0) == .key(true))
        #expect(try state.key(.setIfUnchanged, "k", "b", index: 0) == .key(false))
        #expect(try state.key(.setIfUnchanged, "k", "b", index: 2) == .key(true))
        #expect(try state.entry("k")?.modifyIndex == 4 && state.entry("k")?.createIndex == 2)
    }

    @Test func `delete-cas needs the index, and is content when nothing is there`() throws {
        let state = try StateFixture()
        #expect(try state.key(.deleteIfUnchanged, "k", index: 9) == .key(true))
        try state.key(.set, "k", "v")
        #expect(try state.key(.deleteIfUnchanged, "k", index: 0) == .key(false))
        #expect(try state.key(.deleteIfUnchanged, "k", index: 2) == .key(true))
        #expect(try state.entry("k") == nil)
    }

    @Test func `a lock counts its holders, not its writes`() throws {
        let state = try withSessions()
        #expect(try state.key(.lock, "k", "a", session: s1) == .key(true))
        #expect(try state.entry("k")?.lockIndex == 1 && state.entry("k")?.session == s1)
        #expect(try state.key(.lock, "k", "b", session: s1) == .key(true))
        #expect(try state.entry("k")?.lockIndex == 1)
        #expect(try state.key(.lock, "k", "c", session: s2) == .key(false))
        #expect(try state.key(.unlock, "k", "c", session: s2) == .key(false))
        #expect(try state.key(.unlock, "k", "d", session: s1) == .key(true))
        #expect(try state.entry("k")?.session == "" && state.entry("k")?.value == [100])
        #expect(try state.key(.lock, "k", "e", session: s2) == .key(true))
        #expect(try state.entry("k")?.lockIndex == 2)
    }

    @Test func `a plain set keeps the holder and, as in the real server, drops LockIndex`() throws {
        let state = try withSessions()
        try state.key(.lock, "k", "a", session: s1)
        try state.key(.set, "k", "b")
        let entry = try #require(try state.entry("k"))
        #expect(entry.session == s1 && entry.lockIndex == 0)
    }

    @Test func `a lock names the session that is not there`() throws {
        let state = try StateFixture()
        #expect(try state.key(.lock, "k", session: s1) == .failed(.invalidSession(s1)))
        #expect(try state.key(.lock, "k") == .failed(.missingSession))
        #expect(try state.key(.unlock, "k") == .failed(.missingSession))
    }

    @Test func `a list's index is the highest below its prefix, tombstones included`() throws {
        let state = try StateFixture()
        try state.key(.set, "a/1", "x")
        try state.key(.set, "a/2", "x")
        try state.key(.set, "b/1", "x")
        #expect(try state.tree("a/") == (["a/1", "a/2"], 2))
        try state.key(.delete, "a/2")
        #expect(try state.tree("a/") == (["a/1"], 4))
        #expect(try state.tree("b/") == (["b/1"], 3))
        try state.key(.delete, "b/1")
        #expect(try state.tree("a/").index == 4)
        #expect(try state.tree("none/").index == 5)
        #expect(try state.tree("") == (["a/1"], 5))
        #expect(try state.key(.delete, "none") == .key(true))
        #expect(state.changes.isEmpty)
    }

    @Test func `deleting a tree leaves one tombstone and one change`() throws {
        let state = try StateFixture()
        for name in ["t", "t/1", "t/2", "u"] { try state.key(.set, name, "x") }
        try state.key(.deleteTree, "t/")
        #expect(state.changes == [.keyTree(prefix: "t/")])
        #expect(try state.tree("") == (["t", "u"], 5))
        #expect(try state.tree("t") == (["t"], 5))
        try state.key(.deleteTree, "t/")
        #expect(state.changes.isEmpty)
        try state.key(.deleteTree, "")
        #expect(try state.read { try $0.summary.keyCount } == 0)
        #expect(try state.tree("").index == 7)
    }

    @Test func `reaping forgets old tombstones and keeps newer ones of the same key`() throws {
        let state = try StateFixture()
        try state.key(.set, "a/1", "x")
        try state.key(.set, "a/keep", "x")
        try state.key(.delete, "a/1")
        try state.key(.set, "a/1", "x")
        try state.key(.delete, "a/1")
        let reap = Command.reapTombstones(ReapTombstones(throughIndex: 3))
        #expect(try state.consul(reap) == .reaped(count: 0))
        #expect(try state.tree("a/").index == 5)
        let all = Command.reapTombstones(ReapTombstones(throughIndex: 5))
        #expect(try state.consul(all) == .reaped(count: 1))
        #expect(try state.tree("a/").index == 2)
        #expect(try state.dump().allSatisfy { $0.table != "tombstones" })
    }

    @Test func `long keys sort with the others and are told apart`() throws {
        let state = try StateFixture()
        let long = String(repeating: "k", count: 479)
        let names = [
            "a", long + "a", long + "b", long + "b/c", String(long.dropLast(1)), long,
            String(long.dropLast(2)) + "z", "z",
        ]
        for (position, name) in names.enumerated() { try state.key(.set, name, "\(position)") }
        #expect(try state.tree("").keys == names.sorted())
        #expect(try state.tree(long + "b").keys == [long + "b", long + "b/c"])
        #expect(try state.entry(long + "b")?.value == Array("2".utf8))
        try state.key(.delete, long + "b")
        #expect(try state.tree(long).keys == [long, long + "a", long + "b/c"])
        #expect(try state.tree(long).index == state.index)
        try state.key(.deleteTree, long)
        #expect(try state.tree("").keys.count == 4)
    }

    @Test func `a scan can skip what shares a prefix`() throws {
        let state = try StateFixture()
        for name in ["a", "b/1", "b/2", "b/3", "c/1", "d"] { try state.key(.set, name, "x") }
        var seen: [String] = []
        try state.read { view in
            try view.forEachKey(prefix: RawSpan()) { entry throws(StateError) in
                seen.append(ByteString(copying: entry.key).text)
                let slash = entry.key.firstOffset(of: UInt8(ascii: "/"))
                return slash.map { .skip(prefixBytes: $0 + 1) } ?? .next
            }
        }
        #expect(seen == ["a", "b/1", "c/1", "d"])
    }
}
