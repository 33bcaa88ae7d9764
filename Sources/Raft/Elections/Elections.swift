// Roles, terms, votes and timeouts (thesis §3.4, §4.2.3, §6.2, §9.6).

extension RaftNode {
    /// Whether this node may stand for election.
    var mayCampaign: Bool {
        memberships.current.isVoter(id) && !isRemoved && !isStorageFailed
            && !isUnfitToLead && writes.stalledTicks(now: now) < limits.storageStallTicks
            && pendingSnapshot == nil
    }

    // MARK: Time

    mutating func tickFollower() {
        electionElapsed += 1
        expireForwardedReads()
        guard electionElapsed >= electionTimeout else { return }
        resetElectionTimer()
        leader = nil
        if mayCampaign {
            startElection()
        } else if role != .follower {
            become(.follower)
        }
    }

    mutating func tickLeader() {
        heartbeatElapsed += 1
        tickTransfer()
        if isStorageStalled || isStorageFailed || isUnfitToLead { return abdicate() }
        if !hasQuorumContact { return becomeFollower(term: term, leader: nil) }
        guard heartbeatElapsed >= limits.heartbeatTicks else { return }
        sendHeartbeats(beginningRound: reads.wantsRound || limits.leaseTicks != nil)
    }

    /// A leader whose disk stalls leaves to a healthy node, if there is any to leave to.
    private var isStorageStalled: Bool {
        !isOnlyVoter && writes.stalledTicks(now: now) >= limits.storageStallTicks
    }

    var isOnlyVoter: Bool {
        memberships.current.incoming == [id] && !memberships.current.isJoint
    }

    /// Check-quorum (thesis §6.2): a leader that is cut off stops claiming to lead.
    private var hasQuorumContact: Bool {
        memberships.current.isQuorum { node in
            if node == id { return true }
            guard let peer = tracker.progress(of: node) else { return false }
            return now - peer.contactTick < UInt64(limits.electionTicks)
        }
    }

    /// A new random timeout, so that split votes are rare and do not repeat (thesis §3.4).
    mutating func resetElectionTimer() {
        electionElapsed = 0
        let extra = Int.random(in: 0..<max(1, limits.electionTicks), using: &random)
        electionTimeout = limits.electionTicks + extra
    }

    // MARK: Standing

    mutating func startElection(isTransfer: Bool = false) {
        guard mayCampaign else { return }
        leaderSilence = max(leaderSilence, limits.electionTicks)
        if limits.isPreVoteEnabled, !isTransfer {
            become(.preCandidate)
            requestVotes(term: term.next, isPreVote: true, isTransfer: false)
            receiveVote(
                Message.VoteResponse(isPreVote: true, vote: .granted),
                from: id,
                term: term.next
            )
        } else {
            standForElection(isTransfer: isTransfer)
        }
    }

    private mutating func standForElection(isTransfer: Bool) {
        adopt(term.next)
        vote = id
        become(.candidate)
        requestVotes(term: term, isPreVote: false, isTransfer: isTransfer)
        send(to: id, .voteResponse(Message.VoteResponse(isPreVote: false, vote: .granted)))
    }

    private mutating func requestVotes(term: Term, isPreVote: Bool, isTransfer: Bool) {
        let request = Message.VoteRequest(
            isPreVote: isPreVote,
            isTransfer: isTransfer,
            lastIndex: log.last,
            lastTerm: log.lastTerm
        )
        for node in memberships.current.members
        where node != id && memberships.current.isVoter(node) {
            send(to: node, term: term, .voteRequest(request))
        }
    }

    /// Counts a vote. `term` is the message's: a grant bears the term that was asked for.
    mutating func receiveVote(_ response: Message.VoteResponse, from node: NodeID, term: Term) {
        let isAwaited =
            response.isPreVote
            ? role == .preCandidate && (response.vote == .refused || term == self.term.next)
            : role == .candidate && term == self.term
        guard isAwaited else { return }
        if response.vote == .notMember { return learnRemoval() }
        tally.record(node, isGranted: response.vote == .granted)
        switch memberships.current.result(ofVotes: { tally[$0] }) {
        case .undecided: return
        case .lost: becomeFollower(term: self.term, leader: nil)
        case .won: if response.isPreVote { standForElection(isTransfer: false) } else { lead() }
        }
    }

    /// Waits in silence; a leader's word shows that the node belongs to a cluster after all.
    private mutating func learnRemoval() {
        becomeFollower(term: term, leader: nil)
        isRemoved = true
    }

    // MARK: Voting

    mutating func receiveVoteRequest(
        _ request: Message.VoteRequest,
        from node: NodeID,
        term: Term
    ) {
        if isKnownAsRemoved(node, request) {
            return answer(request, of: node, .notMember, term: term)
        }
        if term > self.term {
            // Leader stickiness (thesis §4.2.3): who hears a leader does not help to depose it.
            if !request.isTransfer, role == .leader || leaderSilence < limits.electionTicks {
                return
            }
            if !request.isPreVote { becomeFollower(term: term, leader: nil) }
        }
        if term >= self.term, mayVote(for: node, request, term: term) {
            grant(request, to: node, term: term)
        } else {
            answer(request, of: node, .refused, term: self.term)
        }
    }

    private func mayVote(
        for node: NodeID,
        _ request: Message.VoteRequest,
        term: Term
    ) -> Bool {
        // A node without any membership has not got the log yet whose tail it would vote on.
        guard !memberships.current.isEmpty,
            log.isUpToDate(lastIndex: request.lastIndex, lastTerm: request.lastTerm)
        else { return false }
        if request.isPreVote { return term > self.term }
        if vote == node { return true }
        // A node may have come to the term by an answer, and still hear the older one's leader.
        let hearsLeader = leaderSilence < limits.electionTicks
        return vote == nil && leader == nil && (request.isTransfer || !hearsLeader)
    }

    private mutating func grant(
        _ request: Message.VoteRequest,
        to node: NodeID,
        term: Term
    ) {
        if !request.isPreVote {
            if vote != node {
                vote = node
                isTermUnwritten = true
            }
            resetElectionTimer()
        }
        answer(request, of: node, .granted, term: term)
    }

    private mutating func answer(
        _ request: Message.VoteRequest,
        of node: NodeID,
        _ vote: Message.Vote,
        term: Term
    ) {
        let response = Message.VoteResponse(isPreVote: request.isPreVote, vote: vote)
        send(to: node, term: term, .voteResponse(response))
    }

    /// Whether the candidate was removed and cannot know: this node's log is newer than its, and
    /// the memberships that are committed here, and act here, do not have it.
    private func isKnownAsRemoved(_ node: NodeID, _ request: Message.VoteRequest) -> Bool {
        guard !memberships.current.isEmpty, !memberships.current.contains(node),
            memberships.currentIndex <= log.commit
        else { return false }
        return !log.isUpToDate(lastIndex: request.lastIndex, lastTerm: request.lastTerm)
    }

    // MARK: Becoming

    /// Takes on a newer term, in which nothing was voted yet.
    private mutating func adopt(_ newer: Term) {
        precondition(newer > term, "terms only grow")
        term = newer
        vote = nil
        isTermUnwritten = true
    }

    mutating func becomeFollower(term newer: Term, leader newLeader: NodeID?) {
        if newer > term { adopt(newer) }
        become(.follower)
        leader = newLeader
        if newLeader != nil { noteLeaderContact() }
    }

    /// A leader of this term spoke.
    mutating func noteLeaderContact() {
        leaderSilence = 0
        electionElapsed = 0
        isRemoved = false
    }

    /// Changes the role, leaving behind all that belonged to the last one.
    mutating func become(_ newRole: Role) {
        if role == .leader {
            leaderSilence = limits.electionTicks
            failLedReads()
            tracker.removeAll()
            snapshotTransfers.removeAll()
            transfer = nil
        }
        failForwardedReads()
        role = newRole
        leader = nil
        tally.removeAll()
        resetElectionTimer()
    }

    /// Begins to lead (thesis §3.4): an empty entry of the own term carries the older ones
    /// into the commit.
    private mutating func lead() {
        become(.leader)
        leader = id
        leaderSilence = 0
        heartbeatElapsed = 0
        uncommittedBytes = 0
        termStart = log.last.next
        tracker.follow(memberships.current, without: id, last: log.last, tick: now)
        appendOwn(.empty, [])
    }
}
