// Changing the membership (thesis §4). A change of voters always goes through a joint
// membership; one of learners alone changes no majority and takes a single entry.

extension Membership {
    /// What the leader proposes for a list of changes to a membership that is not joint.
    func changed(by changes: [MembershipChange]) throws(RaftError) -> Membership {
        var voters = incoming
        var learners = self.learners
        for change in changes { try apply(change, &voters, &learners) }
        let target = Membership(voters: voters, learners: learners)
        if let last = changes.last,
            target == self || voters.isEmpty || target.members.count > Membership.membersMax
        {
            throw .membershipChangeInvalid(last)
        }
        return target.incoming == incoming ? target : joint(to: target)
    }

    /// Only who is a learner already may become a voter: it has been given the log.
    private func apply(
        _ change: MembershipChange,
        _ voters: inout [NodeID],
        _ learners: inout [NodeID]
    ) throws(RaftError) {
        let isPossible: Bool
        switch change {
        case .addLearner(let node):
            isPossible = node.rawValue != 0 && !voters.contains(node) && !learners.contains(node)
            learners.append(node)
        case .promote(let node):
            isPossible = learners.contains(node) && self.learners.contains(node)
            learners.removeAll { $0 == node }
            voters.append(node)
        case .demote(let node):
            isPossible = voters.contains(node)
            voters.removeAll { $0 == node }
            learners.append(node)
        case .remove(let node):
            isPossible = voters.contains(node) || learners.contains(node)
            voters.removeAll { $0 == node }
            learners.removeAll { $0 == node }
        }
        if !isPossible { throw .membershipChangeInvalid(change) }
    }

    private func joint(to target: Membership) -> Membership {
        Membership(
            incoming: target.incoming,
            outgoing: incoming,
            learners: target.learners.filter { !incoming.contains($0) },
            learnersNext: target.learners.filter { incoming.contains($0) },
            autoLeave: true
        )
    }

    func leavingJoint() -> Membership {
        Membership(voters: incoming, learners: learners + learnersNext)
    }
}

extension RaftNode {
    /// One change at a time, and none before the leader's own term has committed an entry: an
    /// older leader's uncommitted change might otherwise meet this one, with disjoint majorities.
    func requireChangeable() throws(RaftError) {
        guard isTermCommitted else { throw .termNotCommitted(term: term) }
        if memberships.currentIndex > log.commit {
            throw .membershipChangePending(index: memberships.currentIndex)
        }
    }

    func requireCaughtUp(_ change: MembershipChange) throws(RaftError) {
        guard case .promote(let node) = change, let peer = tracker.progress(of: node) else {
            return
        }
        if !isCaughtUp(peer) {
            throw .learnerBehind(node: node, match: peer.match, last: log.last)
        }
    }

    func isCaughtUp(_ peer: Progress) -> Bool {
        peer.state == .replicate && log.last.count(after: peer.match) <= limits.promotionLagMax
            && now - peer.contactTick < UInt64(limits.electionTicks)
    }

    mutating func proposeMembership(_ membership: Membership) -> Proposal {
        let index = log.last.next
        appendOwn(.configuration, membership.encoded())
        adoptMembership(membership, at: index)
        return Proposal(first: index, last: index, term: term)
    }

    /// A membership acts as soon as it is in the log, on every node (thesis §4.1).
    mutating func adoptMembership(of entry: Entry) {
        guard let membership = Membership(encoded: entry.payload[...]) else {
            preconditionFailure("entry \(entry.index.rawValue) was validated")
        }
        adoptMembership(membership, at: entry.index)
    }

    private mutating func adoptMembership(_ membership: Membership, at index: LogIndex) {
        memberships.append(MembershipRecord(index: index, membership: membership))
        guard role == .leader else { return }
        tracker.follow(membership, without: id, last: log.last, tick: now)
    }

    /// The second half of a change: once the joint membership is committed, by whichever leader
    /// began it, the old side is left.
    mutating func leaveJointIfDue() {
        let current = memberships.current
        guard current.isJoint, current.autoLeave, memberships.currentIndex <= log.commit else {
            return
        }
        _ = proposeMembership(current.leavingJoint())
        advanceCommit()
    }

    /// A leader that is no voter any more manages the cluster until that is committed, and not
    /// longer (thesis §4.2.2).
    mutating func leaveOfficeIfRemoved() {
        guard role == .leader, memberships.currentIndex <= log.commit,
            !memberships.current.isVoter(id)
        else { return }
        sendHeartbeats(beginningRound: false)
        abdicate()
    }
}
