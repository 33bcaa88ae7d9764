package import Raft
package import RaftStore
package import StateMachine

/// Why a replica cannot go on.
package enum ReplicaError: Error {
    /// The log could not be written; nothing that depended on it was acknowledged.
    case log(StoreError)
    /// The core could not read its log.
    case raft(RaftError)
    /// A committed entry could not be applied.
    case state(StateError)
}
