import Bytes
import Commands
import StateMachine
import Testing

@Suite struct MultiTests {
    @Test func `the operations of a multi see each other and share one zxid`() throws {
        let state = try StateFixture()
        let outcome = try state.multi([
            .create(CreateOperation(path: "/a", data: [1])),
            .create(CreateOperation(path: "/a/s", data: nil, flags: 2)),
            .create(CreateOperation(path: "/a/s", data: nil, flags: 2)),
            .setData(SetDataOperation(path: "/a", data: [2])),
            .check(CheckOperation(path: "/a", version: 1)),
            .delete(DeleteOperation(path: "/a/s0000000000")),
        ])
        guard case .multi(let outcomes) = outcome else { throw Unexpected(outcome) }
        #expect(outcomes.count == 6 && outcomes.allSatisfy { $0.error == nil })
        let stat = try #require(try state.stat("/a"))
        #expect(stat.czxid == 1 && stat.mzxid == 1 && stat.pzxid == 1 && stat.version == 1)
        #expect(try state.children("/a") == ["s0000000001"])
        #expect(state.changes.count == 5)
    }

    @Test func `a failed multi does nothing and says which operation failed`() throws {
        let state = try StateFixture()
        try state.create("/old", "old")
        let before = try state.dump()
        let big = [UInt8](repeating: 9, count: 5_000)
        let mine = [ACLEntry(permissions: .read, identity: .anyone)]
        let outcome = try state.multi([
            .setData(SetDataOperation(path: "/old", data: big)),
            .create(CreateOperation(path: "/new", data: big, acl: mine)),
            .delete(DeleteOperation(path: "/old")),
            .check(CheckOperation(path: "/old")),
            .create(CreateOperation(path: "/after", data: nil)),
        ])
        #expect(
            outcome
                == .multi([
                    .checked, .checked, .checked, .failed(.noNode),
                    .failed(.runtimeInconsistency),
                ])
        )
        #expect(state.changes.isEmpty)
        let after = try state.dump()
        #expect(after.filter { $0.table != "meta" } == before.filter { $0.table != "meta" })
        #expect(try state.read { try $0.summary.appliedIndex } == 2)
        #expect(try state.read { try $0.summary.znodeCount } == 5)
        #expect(try state.create("/next", acl: mine).error == nil)
    }

    @Test func `an empty multi succeeds`() throws {
        let state = try StateFixture()
        #expect(try state.multi([]) == .multi([]))
    }
}
