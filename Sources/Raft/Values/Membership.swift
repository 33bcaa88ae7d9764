/// Who belongs to the cluster, and who of them decides (Raft thesis §4.3, joint consensus).
///
/// While `outgoing` is not empty the membership is joint: every decision needs a majority of
/// `incoming` and a majority of `outgoing`. All lists are sorted and free of duplicates, so that
/// equal memberships have equal encodings.
package struct Membership: Hashable, Sendable {
    /// The voters; in a joint membership, those of the new side.
    package private(set) var incoming: [NodeID]
    /// The voters of the old side of a joint membership; empty otherwise.
    package private(set) var outgoing: [NodeID]
    /// Members that get the log and do not decide.
    package private(set) var learners: [NodeID]
    /// Voters of `outgoing` that become learners when the joint membership is left.
    package private(set) var learnersNext: [NodeID]
    /// Whether the leader leaves the joint membership by itself once it is committed.
    package private(set) var autoLeave: Bool

    package init(
        incoming: [NodeID] = [],
        outgoing: [NodeID] = [],
        learners: [NodeID] = [],
        learnersNext: [NodeID] = [],
        autoLeave: Bool = false
    ) {
        self.incoming = Membership.normalized(incoming)
        self.outgoing = Membership.normalized(outgoing)
        self.learners = Membership.normalized(learners)
        self.learnersNext = Membership.normalized(learnersNext)
        self.autoLeave = autoLeave
    }

    /// A membership that is not joint.
    package init(voters: [NodeID], learners: [NodeID] = []) {
        self.init(incoming: voters, learners: learners)
    }

    package var isJoint: Bool { !outgoing.isEmpty }
    package var isEmpty: Bool { incoming.isEmpty && outgoing.isEmpty && learners.isEmpty }

    package func isVoter(_ node: NodeID) -> Bool {
        incoming.contains(node) || outgoing.contains(node)
    }

    package func isLearner(_ node: NodeID) -> Bool { learners.contains(node) }

    package func contains(_ node: NodeID) -> Bool { isVoter(node) || isLearner(node) }

    /// Every member, sorted.
    package var members: [NodeID] { Membership.normalized(incoming + outgoing + learners) }

    private static func normalized(_ nodes: [NodeID]) -> [NodeID] {
        var result: [NodeID] = []
        for node in nodes.sorted() where result.last != node { result.append(node) }
        return result
    }
}

/// A membership and the index of the entry that brought it; index 0 is how the cluster began.
package struct MembershipRecord: Hashable, Sendable {
    package var index: LogIndex
    package var membership: Membership

    package init(index: LogIndex, membership: Membership) {
        self.index = index
        self.membership = membership
    }
}

/// One step of a membership change as an operator asks for it.
///
/// A node becomes a voter only by way of learner: so it has been given a disk full of log before
/// its vote counts, and a node with an emptied disk cannot come back as a voter by itself.
package enum MembershipChange: Hashable, Sendable {
    /// Adds a node that gets the log and does not vote.
    case addLearner(NodeID)
    /// Makes a learner that has caught up a voter.
    case promote(NodeID)
    /// Makes a voter a learner.
    case demote(NodeID)
    /// Removes a member.
    case remove(NodeID)
}
