import Testing

@testable import Raft
@testable import Replica

@Suite struct ReplicaStatusTests {
    /// A lone node that had stepped down over a stalled disk told of 550 ms for the rest of a tick.
    @Test func `who leads again is in contact with itself at once`() {
        var status = ReplicaStatus(node: NodeID(1), name: "n1")
        status.lastContactMilliseconds = 550
        status.note(
            Leadership(role: .leader, term: Term(2), leader: NodeID(1)),
            leaderAddress: "n1:8300"
        )
        #expect(status.lastContactMilliseconds == 0)
        #expect(status.isLeader)
    }
}
