import Bytes
import Commands
import StateMachine
import Testing

@Suite struct ConsulSessionTests {
    let id: ByteString = "11111111-1111-1111-1111-111111111111"
    let next: ByteString = "22222222-2222-2222-2222-222222222222"

    func destroy(_ state: StateFixture) throws -> ConsulOutcome {
        try state.consul(.destroyConsulSession(DestroyConsulSession(id: id)))
    }

    @Test func `a session needs its node and its checks, none of them critical`() throws {
        let state = try StateFixture()
        #expect(try state.openConsulSession(id) == .failed(.missingNode))
        try state.register("n1", checks: [state.check("bad", .critical), state.check("good")])
        #expect(
            try state.openConsulSession(id, checks: ["serfHealth"])
                == .failed(.missingCheck("serfHealth"))
        )
        #expect(try state.openConsulSession(id, checks: ["bad"]) == .failed(.criticalCheck("bad")))
        #expect(try state.openConsulSession(id, checks: ["good"]) == .sessionCreated)
        #expect(state.changes == [.consulSession(id: id, node: "n1")])
        let session = try #require(try state.read { try $0.consulSession(id) })
        #expect(session.createIndex == state.index)
        #expect(try state.read { try $0.consulSessions(node: "n1") } == [session])
        #expect(try state.read { try $0.consulSessions(node: "n2") }.isEmpty)
    }

    @Test func `ending a session releases its keys and wakes them`() throws {
        let state = try StateFixture()
        try state.register("n1")
        try state.openConsulSession(id)
        try state.key(.lock, "k/1", "v", flags: 3, session: id)
        #expect(try destroy(state) == .sessionDestroyed)
        let entry = try #require(try state.entry("k/1"))
        #expect(entry.session == "" && entry.lockIndex == 1 && entry.flags == 3)
        #expect(entry.modifyIndex == state.index && entry.value == Array("v".utf8))
        #expect(state.changes == [.key("k/1"), .consulSession(id: id, node: "n1")])
        #expect(try destroy(state) == .sessionDestroyed)
        #expect(state.changes.isEmpty)
        #expect(try state.dump().allSatisfy { $0.table != "leases" && $0.table != "held" })
    }

    @Test func `behaviour delete removes the keys, with a tombstone`() throws {
        let state = try StateFixture()
        try state.register("n1")
        try state.openConsulSession(id, behavior: .delete)
        try state.key(.lock, "k/1", "v", session: id)
        try state.key(.set, "k/2", "v")
        _ = try destroy(state)
        #expect(try state.tree("k/") == (["k/2"], state.index))
    }

    @Test func `a key under lock-delay cannot be locked until the delay is over`() throws {
        let state = try StateFixture()
        try state.register("n1")
        try state.openConsulSession(id, lockDelayNanoseconds: 5_000_000_000)
        try state.openConsulSession(next)
        try state.key(.lock, "k", "v", session: id)
        _ = try destroy(state)
        state.time += 4_999
        #expect(try state.key(.lock, "k", "w", session: next) == .key(false))
        #expect(try state.key(.lock, "k", "w", session: id) == .key(false), "the delay is first")
        #expect(try state.key(.set, "k", "plain") == .key(true))
        state.time += 1
        #expect(try state.key(.lock, "k", "w", session: id) == .failed(.invalidSession(id)))
        #expect(try state.key(.lock, "k", "w", session: next) == .key(true))
        try state.consul(.reapTombstones(ReapTombstones(throughIndex: 0)))
        #expect(try state.dump().allSatisfy { $0.table != "delays" })
    }

    @Test func `a clean release has no lock-delay`() throws {
        let state = try StateFixture()
        try state.register("n1")
        try state.openConsulSession(id)
        try state.openConsulSession(next)
        try state.key(.lock, "k", "v", session: id)
        try state.key(.unlock, "k", "v", session: id)
        #expect(try state.key(.lock, "k", "w", session: next) == .key(true))
    }

    @Test func `a check that turns critical or goes ends the sessions that name it`() throws {
        let state = try StateFixture()
        try state.register("n1", checks: [state.check("c"), state.check("d")])
        try state.openConsulSession(id, checks: ["c"])
        try state.openConsulSession(next, checks: ["d"])
        try state.key(.lock, "k", "v", session: id)
        try state.register("n1", checks: [state.check("c", .critical)])
        #expect(try state.read { try $0.consulSession(id) } == nil)
        #expect(state.changes.contains(.key("k")))
        #expect(try state.entry("k")?.session == "")
        try state.consul(.deregister(Deregister(node: "n1", checkID: "d")))
        #expect(try state.read { try $0.consulSessions() }.isEmpty)
    }

    @Test func `a node's end ends its sessions`() throws {
        let state = try StateFixture()
        try state.register("n1")
        try state.openConsulSession(id)
        try state.key(.lock, "k", "v", session: id)
        try state.consul(.deregister(Deregister(node: "n1")))
        #expect(try state.read { try $0.consulSessions() }.isEmpty)
        #expect(try state.entry("k")?.session == "")
    }

    @Test func `an expiry found in another term does nothing`() throws {
        let state = try StateFixture()
        try state.register("n1")
        try state.openConsulSession(id)
        let command = DestroyConsulSession(id: id, expired: true, term: 99)
        #expect(try state.consul(.destroyConsulSession(command)) == .expiryOutdated)
        #expect(try state.read { try $0.consulSession(id) } != nil)
    }
}
