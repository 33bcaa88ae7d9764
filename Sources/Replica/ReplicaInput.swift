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
    /// What a member says of its state, and what the leader says of this node's.
    case stateReport(StateReport, from: NodeID)
    case stateVerdict(StateVerdict, from: NodeID)
    /// A peer says that this node was removed from the cluster.
    case dismissed(by: NodeID)
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
        /// Sends a member whose state is wrong a snapshot of the leader's.
        case refill(NodeID)
    }

    package enum Result: Sendable {
        /// Where the change stands in the log.
        case proposed(LogIndex)
        case begun
        case status(Status, [NodeID: StateFinding])
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

extension Consensus {
    /// Takes whatever arrived. To stop is its owner's business.
    package mutating func take(
        _ input: ReplicaInput,
        now: Int64,
        wall: Int64,
        _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        switch input {
        case .requests(let requests): try take(requests, now: now, wall: wall, &effects)
        case .report(let report): try take(report, now: now, wall: wall, &effects)
        case .messages(let messages): for message in messages { try take(message, &effects) }
        case .forwarded(let requests, let peer):
            try take(requests, from: peer, now: now, wall: wall, &effects)
        case .forwardAnswers(let answers): try take(answers, &effects)
        case .lost(let peer): lost(peer, &effects)
        case .reached(let peer): try reach(peer, true, &effects)
        case .unreached(let peer): try reach(peer, false, &effects)
        case .died(let peer): died(peer)
        case .snapshotReceived(let manifest, let leader, let term):
            try take(received: manifest, from: leader, term: term, &effects)
        case .snapshotSent(let peer, let succeeded): snapshotSent(to: peer, succeeded: succeeded)
        case .operation(let operation): perform(operation)
        case .stateReport(let report, let peer): take(report, from: peer)
        case .stateVerdict(let verdict, let peer): take(verdict, from: peer, &effects)
        case .stateRoom(let reason): setStateRoom(reason)
        case .snapshotTaken(let manifest): try take(manifest)
        case .dismissed, .stop: break
        }
    }

    private mutating func perform(_ operation: ReplicaOperation) {
        do throws(RaftError) {
            switch operation.kind {
            case .change(let changes):
                operation.answer(.proposed(try change(changes).last))
            case .transfer(let target):
                try transferLeadership(to: target)
                operation.answer(.begun)
            case .describe: operation.answer(.status(status, findings))
            case .refill(let member):
                try refill(member)
                operation.answer(.begun)
            }
        } catch { operation.answer(.failed(error)) }
    }
}
