/// What the core wants done. The shell does all of it; the parts are independent of each other,
/// so it may send and apply while it writes.
package struct Ready: Sendable {
    /// To be stored and synced, in the order of the writes' IDs; then `persisted(_:)`.
    package var write: LogWrite?
    /// To be sent now. Whatever depends on a write is kept back by the core until that write is
    /// reported durable, so the shell never has to hold a message.
    package var messages: [Message] = []
    /// Committed and locally durable entries in order, to be applied; then `applied(upTo:)`.
    /// They come once. Every kind is here, so that the applied index has no gaps.
    package var committed: [Entry] = []
    /// Reads that may be served as soon as their index is applied, or that failed.
    package var reads: [ReadState] = []
    /// Followers to stream a snapshot to; then `snapshotSent(to:succeeded:)` for each.
    package var snapshotTransfers: [SnapshotTransfer] = []
    /// Present when role, leader or term changed since the last Ready.
    package var leadership: Leadership?
}

/// What must become durable, as one atomic step.
///
/// The order within: install `snapshot` if present (it replaces the whole log), then remove every
/// stored entry from `entries.first.index` on, then append `entries`, then replace hard state and
/// membership records. All in one transaction and one sync.
package struct LogWrite: Sendable {
    package var id: WriteID
    /// The state as it is now; it is part of every write, changed or not.
    package var hardState: HardState
    /// A received and verified snapshot, to become the state and the log's new beginning. It may
    /// take long: the core answers nobody in its name until this write is reported. It may
    /// overtake committed entries that were handed out before: they are part of it.
    package var snapshot: SnapshotDescriptor?
    package var entries: [Entry] = []
    /// Replaces all stored membership records when present.
    package var memberships: [MembershipRecord]?

    package init(
        id: WriteID,
        hardState: HardState,
        snapshot: SnapshotDescriptor? = nil,
        entries: [Entry] = [],
        memberships: [MembershipRecord]? = nil
    ) {
        self.id = id
        self.hardState = hardState
        self.snapshot = snapshot
        self.entries = entries
        self.memberships = memberships
    }
}

/// The answer to `read(_:)`.
package struct ReadState: Hashable, Sendable {
    package var id: ReadID
    /// The read may be served once this index is applied; nil: the leadership was lost or
    /// unknown, and the read must be asked again.
    package var index: LogIndex?
}

/// A follower that needs what the log no longer holds.
package struct SnapshotTransfer: Hashable, Sendable {
    package var to: NodeID
    /// The leader's term, which the receiver's `Message.Body.snapshot` must carry.
    package var term: Term
    package var snapshot: SnapshotDescriptor

    package init(to: NodeID, term: Term, snapshot: SnapshotDescriptor) {
        self.to = to
        self.term = term
        self.snapshot = snapshot
    }
}

package enum Role: UInt8, Hashable, Sendable {
    case follower
    /// Asks whether it would be elected, without raising its term.
    case preCandidate
    case candidate
    case leader
}

/// Who leads, as this node sees it.
package struct Leadership: Hashable, Sendable {
    package var role: Role
    package var term: Term
    package var leader: NodeID?
}

/// Where the payloads of one `propose` went. They are committed if, and only if, entries with
/// these indices and this term are handed out to be applied.
package struct Proposal: Hashable, Sendable {
    package var first: LogIndex
    package var last: LogIndex
    package var term: Term
}

/// What a node starts from: all that its storage remembers.
package struct RestoredState: Sendable {
    package var hardState: HardState
    /// As stored from `LogWrite.memberships`; after a snapshot was installed by other means, one
    /// record with the snapshot's index.
    package var memberships: [MembershipRecord]
    /// What the state machine has applied.
    package var applied: LogIndex

    package init(
        hardState: HardState,
        memberships: [MembershipRecord],
        applied: LogIndex
    ) {
        self.hardState = hardState
        self.memberships = memberships
        self.applied = applied
    }

    /// The first start of a cluster: the same membership on every node. The shell stores it
    /// before the node takes part in anything. A node that joins later starts with no members.
    package static func bootstrap(_ membership: Membership) -> RestoredState {
        RestoredState(
            hardState: HardState(),
            memberships: membership.isEmpty
                ? [] : [MembershipRecord(index: .zero, membership: membership)],
            applied: .zero
        )
    }
}
