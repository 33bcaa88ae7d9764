/// What nodes say to each other. The transport may lose, delay, double and reorder messages.
package struct Message: Hashable, Sendable {
    package var from: NodeID
    package var to: NodeID
    /// The sender's term, except in a pre-vote and in the grant that answers it: there it is the
    /// term that the candidate would stand in.
    package var term: Term
    package var body: Body

    package init(from: NodeID, to: NodeID, term: Term, body: Body) {
        self.from = from
        self.to = to
        self.term = term
        self.body = body
    }

    package enum Body: Hashable, Sendable {
        case voteRequest(VoteRequest)
        case voteResponse(VoteResponse)
        case append(Append)
        case appendResponse(AppendResponse)
        case heartbeat(Heartbeat)
        /// Answers a heartbeat; `round` is the heartbeat's.
        case heartbeatResponse(round: UInt64)
        /// A snapshot has arrived in full and was verified. The transport's receiving side hands
        /// this to its own core, in the sending leader's name, after the last chunk.
        case snapshot(SnapshotDescriptor)
        /// The leader asks the receiver to stand for election at once (thesis §3.10).
        case timeoutNow
        /// A follower asks the leader from which applied index on a read may be served.
        case readRequest(ReadID)
        /// The answer to `readRequest`; nil: the receiver cannot say (it does not lead).
        case readResponse(ReadID, index: LogIndex?)
        /// "My term is higher than yours": makes a deposed leader step down.
        case staleTerm
    }

    package struct VoteRequest: Hashable, Sendable {
        /// A pre-vote asks without raising anyone's term (thesis §9.6).
        package var isPreVote: Bool
        /// Set when the leader itself asked for this election: then a live leader is no reason
        /// to refuse (thesis §4.2.3).
        package var isTransfer: Bool
        package var lastIndex: LogIndex
        package var lastTerm: Term

        package init(isPreVote: Bool, isTransfer: Bool, lastIndex: LogIndex, lastTerm: Term) {
            self.isPreVote = isPreVote
            self.isTransfer = isTransfer
            self.lastIndex = lastIndex
            self.lastTerm = lastTerm
        }
    }

    package enum Vote: UInt8, Hashable, Sendable {
        case granted = 0
        case refused = 1
        /// Refused, and the sender's newer committed membership does not list the candidate.
        case notMember = 2
    }

    package struct VoteResponse: Hashable, Sendable {
        package var isPreVote: Bool
        package var vote: Vote

        package init(isPreVote: Bool, vote: Vote) {
            self.isPreVote = isPreVote
            self.vote = vote
        }
    }

    package struct Append: Hashable, Sendable {
        package var previousIndex: LogIndex
        package var previousTerm: Term
        package var commit: LogIndex
        /// Entries with consecutive indices from `previousIndex` + 1; may be empty.
        package var entries: [Entry]

        package init(
            previousIndex: LogIndex,
            previousTerm: Term,
            commit: LogIndex,
            entries: [Entry]
        ) {
            self.previousIndex = previousIndex
            self.previousTerm = previousTerm
            self.commit = commit
            self.entries = entries
        }
    }

    package enum AppendResponse: Hashable, Sendable {
        /// The sender's log is durable and equal to the leader's up to `match`.
        case accepted(match: LogIndex)
        /// The sender has no entry `previousIndex` with the leader's term. The greatest index at
        /// which the logs may agree is `hintIndex`, where the sender's entry has `hintTerm`.
        case rejected(previousIndex: LogIndex, hintIndex: LogIndex, hintTerm: Term)
    }

    package struct Heartbeat: Hashable, Sendable {
        /// Never beyond what the receiver is known to hold.
        package var commit: LogIndex
        /// The newest read round; a response confirms this round and all before it.
        package var round: UInt64

        package init(commit: LogIndex, round: UInt64) {
            self.commit = commit
            self.round = round
        }
    }
}
