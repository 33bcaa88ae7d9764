import Bytes
import Commands
import StateMachine
import Testing

@Suite struct MemberTests {
    private func admit(
        _ state: StateFixture,
        _ name: ByteString,
        at address: ByteString = "h:8300",
        incarnation: ByteString = "directory one",
        least: UInt64 = 4
    ) throws -> Outcome {
        try state.apply(
            .admitMember(
                AdmitMember(
                    least: least,
                    name: name,
                    address: address,
                    incarnation: incarnation
                )
            )
        )
    }

    private func names(_ state: StateFixture) throws -> [String] {
        try state.read { view in try view.members.map { "\($0.node) \($0.name) \($0.address)" } }
    }

    @Test func `numbers are given once and asking again gives the same one`() throws {
        let state = try StateFixture()
        #expect(try admit(state, "n4") == .member(.admitted(4)))
        #expect(try admit(state, "n5") == .member(.admitted(5)))
        #expect(try admit(state, "n4", at: "moved:8300") == .member(.admitted(4)))
        #expect(try names(state) == ["4 n4 moved:8300", "5 n5 h:8300"])
        #expect(try state.apply(.dismissMember(DismissMember(node: 5))) == .member(.dismissed))
        #expect(try admit(state, "n6", least: 2) == .member(.admitted(6)))
        #expect(try admit(state, "n7", least: 20) == .member(.admitted(20)))
    }

    @Test func `a name belongs to one data directory until it is dismissed`() throws {
        let state = try StateFixture()
        #expect(try admit(state, "n4") == .member(.admitted(4)))
        let other = try admit(state, "n4", incarnation: "another")
        #expect(other == .member(.nameTaken(by: 4)))
        try state.apply(.dismissMember(DismissMember(node: 4)))
        #expect(try names(state) == ["4  "])
        #expect(try admit(state, "n4", incarnation: "another") == .member(.admitted(5)))
    }

    @Test func `a first voter that was removed is on record without a name`() throws {
        let state = try StateFixture()
        try state.apply(.dismissMember(DismissMember(node: 2)))
        #expect(try names(state) == ["2  "])
    }

    @Test func `the number of a first voter that was removed is spent`() throws {
        let state = try StateFixture()
        try state.apply(.dismissMember(DismissMember(node: 3)))
        #expect(try admit(state, "n4", least: 3) == .member(.admitted(4)))
        #expect(try names(state) == ["3  ", "4 n4 h:8300"])
    }
}
