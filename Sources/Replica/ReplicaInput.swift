package import Raft
package import RaftStore

/// What arrives at the owner of `Consensus`.
package enum ReplicaInput: Sendable {
    case requests(LoopRequests)
    case report(ApplyReport)
    case message(Message)
    /// The state's disk is full (the reason), or has room again (nil).
    case stateRoom(String?)
    /// A snapshot is on the disk and verified.
    case snapshotTaken(SnapshotManifest)
    case stop
}
