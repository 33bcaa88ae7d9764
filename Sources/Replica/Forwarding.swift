package import Raft

/// Names a proposal that a follower sent to the leader; unique on the follower while it runs.
package struct ForwardID: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static func < (left: ForwardID, right: ForwardID) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// A command that a client of another node wants in the log.
package struct ForwardedProposal: Hashable, Sendable {
    package var id: ForwardID
    package var payload: [UInt8]

    package init(id: ForwardID, payload: [UInt8]) {
        self.id = id
        self.payload = payload
    }
}

/// What a follower asks of the leader: its clients' commands, and their signs of life.
package struct ForwardedRequests: Sendable {
    package var proposals: [ForwardedProposal]
    package var heartbeats: Heartbeats

    package init(proposals: [ForwardedProposal] = [], heartbeats: Heartbeats = Heartbeats()) {
        self.proposals = proposals
        self.heartbeats = heartbeats
    }
}

/// What the leader says of a forwarded proposal. It leaves before the entry itself does, on the
/// same connection, so that the follower knows whom the entry answers when it applies it.
package struct ForwardAnswer: Hashable, Sendable {
    package enum Verdict: Hashable, Sendable {
        /// It is in the leader's log; it is committed if an entry of this index and term is.
        case placed(index: LogIndex, term: Term)
        /// The receiver does not lead, or is handing over; nothing happened.
        case notLeader
        /// Nothing happened.
        case refused(Refusal)
    }

    package var id: ForwardID
    package var verdict: Verdict

    package init(id: ForwardID, verdict: Verdict) {
        self.id = id
        self.verdict = verdict
    }
}
