/// Majorities of a membership; in a joint one, of both sides (thesis §4.3).
extension Membership {
    enum VoteResult: Hashable, Sendable {
        case won
        case lost
        case undecided
    }

    /// The greatest value that a quorum has reached, where `value` tells how far a voter is: a
    /// match index gives the index that may commit, a round the one that is confirmed.
    /// Zero without voters: nothing is ever decided by nobody.
    func quorumValue(_ value: (NodeID) -> UInt64) -> UInt64 {
        let decided = Membership.majorityValue(of: incoming, value)
        guard isJoint else { return decided }
        return min(decided, Membership.majorityValue(of: outgoing, value))
    }

    /// Whether a quorum of the voters satisfies a condition.
    func isQuorum(_ condition: (NodeID) -> Bool) -> Bool {
        quorumValue { condition($0) ? 1 : 0 } == 1
    }

    /// How an election stands; nil is a vote not yet received.
    func result(ofVotes vote: (NodeID) -> Bool?) -> VoteResult {
        if isQuorum({ vote($0) == true }) { return .won }
        return isQuorum { vote($0) != false } ? .undecided : .lost
    }

    private static func majorityValue(
        of voters: [NodeID],
        _ value: (NodeID) -> UInt64
    ) -> UInt64 {
        switch voters.count {
        case 0: return 0
        case 1: return value(voters[0])
        default:
            let ascending = voters.map(value).sorted()
            return ascending[(voters.count - 1) / 2]
        }
    }
}
