package import Raft
package import RaftStore

/// What arrives at the owner of `Consensus`.
package enum ReplicaInput: Sendable {
    case requests(LoopRequests)
    case report(ApplyReport)
    case messages([Message])
    /// What another node's clients want.
    case forwarded(ForwardedRequests, from: NodeID)
    /// What the leader says of requests that this node sent.
    case forwardAnswers([ForwardAnswer])
    /// A connection with a peer was lost.
    case lost(NodeID)
    /// What is sent to the peer arrives from now on, or does not.
    case reached(NodeID)
    case unreached(NodeID)
    /// The peer's process is gone, says its machine.
    case died(NodeID)
    /// A snapshot of a leader has arrived and is on the disk.
    case snapshotReceived(SnapshotManifest, from: NodeID, term: Term)
    case snapshotSent(to: NodeID, succeeded: Bool)
    case operation(ReplicaOperation)
    /// The state's disk is full (the reason), or has room again (nil).
    case stateRoom(String?)
    /// A snapshot is on the disk and verified.
    case snapshotTaken(SnapshotManifest)
    case stop
}

/// What an operator asks of the cluster.
package struct ReplicaOperation: Sendable {
    package enum Kind: Sendable {
        case change([MembershipChange])
        case transfer(to: NodeID)
        case describe
    }

    package enum Result: Sendable {
        /// Where the change stands in the log.
        case proposed(LogIndex)
        case begun
        case status(Status)
        case failed(RaftError)
    }

    package var kind: Kind
    /// Called once, on the replica's thread.
    package var answer: @Sendable (Result) -> Void

    package init(_ kind: Kind, answer: @escaping @Sendable (Result) -> Void) {
        self.kind = kind
        self.answer = answer
    }
}
