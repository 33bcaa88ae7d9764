/// Why the core refuses a request. None of these changes the core's state.
package enum RaftError: Error, Hashable, Sendable {
    /// Only the leader can do this; `leader` is who that may be.
    case notLeader(leader: NodeID?)
    /// Leadership is being handed to `target`; ask again shortly, there or here.
    case transferring(target: NodeID)
    /// Too much is proposed and not yet committed.
    case overloaded(uncommittedBytes: Int)
    /// The payload is longer than any one entry may be.
    case payloadTooLong(bytes: Int, bytesMax: Int)
    /// The membership entry at `index` is not committed yet, or the membership is still joint.
    case membershipChangePending(index: LogIndex)
    /// No entry of the leader's own term is committed yet (Raft thesis §4.1, and the bug report
    /// of 2015-07-10 on the raft-dev list).
    case termNotCommitted(term: Term)
    /// The change makes no sense for this membership.
    case membershipChangeInvalid(MembershipChange)
    /// A learner is too far behind to become a voter.
    case learnerBehind(node: NodeID, match: LogIndex, last: LogIndex)
    /// Leadership can go to another voter only.
    case transferTargetInvalid(NodeID)
    /// Too many reads wait.
    case tooManyReads(count: Int)
    /// What the node was started from contradicts itself.
    case restoredStateInvalid(String)
    /// A message that no correct peer sends.
    case messageInvalid(from: NodeID, String)
    /// The log could not be read.
    case storage(LogStorageError)
}

/// Why the log could not be read: an error of the world, to be acted on by the shell.
package enum LogStorageError: Error, Hashable, Sendable {
    /// The entry was dropped; a snapshot covers it. `first` is the first one held.
    case compacted(index: LogIndex, first: LogIndex)
    /// The entry was never there. `last` is the last one held.
    case unavailable(index: LogIndex, last: LogIndex)
    /// The stored record does not verify.
    case damaged(index: LogIndex, String)
    /// The operating system or the database refused.
    case failed(code: Int32, String)
    /// The log was compacted, and no snapshot that covers the gap is there.
    case snapshotMissing
}
