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

    @Test func `a leader that hands over has no word until leadership changes`() {
        var status = ReplicaStatus(node: NodeID(1), name: "n1")
        status.note(
            Leadership(role: .leader, term: Term(2), leader: NodeID(1)),
            leaderAddress: ""
        )
        status.servers = [1, 2].map { number in
            .init(node: NodeID(number), name: "", address: "", isVoter: true)
        }
        status.note(confirmedAt: 1_000)
        #expect(status.isRecent(now: 1_001))
        status.isHandingOver = true
        status.note(confirmedAt: 1_002)
        #expect(!status.isRecent(now: 1_003))
        status.note(
            Leadership(role: .leader, term: Term(4), leader: NodeID(1)),
            leaderAddress: ""
        )
        #expect(status.isRecent(now: 1_004))
    }

    /// A leader that is to leave a cluster of two took itself for one that has nobody to ask, and
    /// served what it had by a word of any age, also while the other one led already.
    @Test func `only a leader that is the one voter needs nobody's word`() {
        var status = ReplicaStatus(node: NodeID(1), name: "n1")
        status.role = .leader
        status.note(confirmedAt: 1_000)
        let late = 1_000 + ReplicaLimits.leaderWordMilliseconds
        let other = ReplicaStatus.Server(node: NodeID(2), name: "n2", address: "", isVoter: true)
        status.servers = [other]
        #expect(!status.isAlone)
        #expect(status.isRecent(now: late - 1) && !status.isRecent(now: late))
        status.servers = [.init(node: NodeID(1), name: "n1", address: "", isVoter: true)]
        #expect(status.isAlone && status.isRecent(now: late))
    }
}
