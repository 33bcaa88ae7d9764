package import Raft

/// What arrives at the owner of `Consensus`.
package enum ReplicaInput: Sendable {
    case requests(LoopRequests)
    case report(ApplyReport)
    case message(Message)
    /// The state's disk is full (the reason), or has room again (nil).
    case stateRoom(String?)
    /// Entries up to here are covered by a verified, synced snapshot.
    case snapshotTaken(SnapshotDescriptor)
    case stop
}
