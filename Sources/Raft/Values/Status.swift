/// A node's view of itself and its peers, for operators.
package struct Status: Hashable, Sendable {
    package var id: NodeID
    package var role: Role
    package var term: Term
    package var vote: NodeID?
    package var leader: NodeID?
    package var commit: LogIndex
    package var applied: LogIndex
    package var last: LogIndex
    package var durable: LogIndex
    package var membership: Membership
    /// The entry that brought `membership`; the change is pending while it is above `commit`.
    package var membershipIndex: LogIndex
    package var transferTarget: NodeID?
    package var isStorageFailed: Bool
    /// Ticks since the leader was heard from; 0 on the leader.
    package var ticksSinceLeader: Int
    /// Every other member, sorted; empty unless this node leads.
    package var peers: [PeerStatus]
}

package struct PeerStatus: Hashable, Sendable {
    package enum State: UInt8, Hashable, Sendable {
        /// Where the logs part is being sought, one message at a time.
        case probe
        /// Entries are streamed.
        case replicate
        /// A snapshot is being streamed or installed.
        case snapshot
    }

    package var id: NodeID
    package var isVoter: Bool
    package var state: State
    /// Durable on the peer up to here.
    package var match: LogIndex
    package var next: LogIndex
    /// Entries of the leader's log that are not known to be durable on the peer.
    package var lagCount: Int
    package var inflightCount: Int
    package var inflightBytes: Int
    package var pendingSnapshot: LogIndex?
    /// Ticks since the peer was heard from in this term.
    package var ticksSinceContact: Int
    package var isCaughtUp: Bool
}
