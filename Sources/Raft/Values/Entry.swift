/// One entry of the replicated log.
package struct Entry: Hashable, Sendable {
    /// What the payload is. The raw values are part of the log's format.
    package enum Kind: UInt8, Hashable, Sendable {
        /// A command for the state machine.
        case normal = 0
        /// A `Membership`, in its own encoding; it acts from the moment it is in the log.
        case configuration = 1
        /// Nothing: a new leader's first entry, which carries its predecessors' into the commit.
        case empty = 2
    }

    package var index: LogIndex
    package var term: Term
    package var kind: Kind
    package var payload: [UInt8]

    package init(index: LogIndex, term: Term, kind: Kind = .normal, payload: [UInt8] = []) {
        self.index = index
        self.term = term
        self.kind = kind
        self.payload = payload
    }

    /// What an entry costs beyond its payload, for every limit that counts bytes.
    package static let overheadBytes = 32

    /// The weight of this entry in every limit that counts bytes.
    package var weightBytes: Int { payload.count + Entry.overheadBytes }
}

/// What a node must remember over a restart besides its log.
package struct HardState: Hashable, Sendable {
    package var term: Term
    /// Whom the node voted for in `term`.
    package var vote: NodeID?
    /// A lower bound of what is committed: it is stored along with other writes, never for itself.
    package var commit: LogIndex

    package init(term: Term = .zero, vote: NodeID? = nil, commit: LogIndex = .zero) {
        self.term = term
        self.vote = vote
        self.commit = commit
    }
}

/// What a snapshot covers: everything up to `index`, whose entry has `term`.
package struct SnapshotDescriptor: Hashable, Sendable {
    package var index: LogIndex
    package var term: Term
    /// The membership in force at `index`.
    package var membership: Membership

    package init(index: LogIndex, term: Term, membership: Membership) {
        self.index = index
        self.term = term
        self.membership = membership
    }
}
