/// One member of a Raft cluster as a pure state machine.
///
/// Not copyable: it owns the log's tail, and a copy would vote twice.
///
/// The shell's loop:
///
///     try node.step(message)                 // what arrived
///     let proposal = try node.propose(batch) // what clients want
///     node.tick()                            // when the clock says so
///     while let ready = try node.ready() {
///         send(ready.messages)
///         if let write = ready.write { store and sync; node.persisted(write.id) }
///         apply(ready.committed); node.applied(upTo: last index)
///         serve(ready.reads) ...
///     }
///
/// Storing, sending and applying may happen at the same time and in other threads; only the
/// reports come back to the thread that owns the node. Writes are stored in order.
package struct RaftNode: ~Copyable {
    /// - Throws: `restoredStateInvalid` or `storage`.
    package init(
        id: NodeID,
        restored: RestoredState,
        storage: any LogStorage,
        limits: RaftLimits = RaftLimits(),
        random: any RandomNumberGenerator
    ) throws(RaftError) { preconditionFailure("not written yet") }

    /// One unit of time passed.
    package mutating func tick() { preconditionFailure("not written yet") }

    /// Takes a message of a peer. A message that cannot be acted on is dropped, as the network
    /// might have done.
    /// - Throws: `messageInvalid` or `storage`; the message then had no effect.
    package mutating func step(_ message: Message) throws(RaftError) {
        preconditionFailure("not written yet")
    }

    /// Appends commands to the log, in order, all or none.
    /// - Throws: `notLeader`, `transferring`, `overloaded`, `payloadTooLong`.
    package mutating func propose(_ payloads: [[UInt8]]) throws(RaftError) -> Proposal {
        preconditionFailure("not written yet")
    }

    /// Starts a membership change; it is done when the Proposal's entry is committed and
    /// `status().membership.isJoint` is false again.
    package mutating func propose(
        _ changes: [MembershipChange]
    ) throws(RaftError) -> Proposal { preconditionFailure("not written yet") }

    /// Leaves a joint membership that does not leave by itself.
    package mutating func proposeLeavingJoint() throws(RaftError) -> Proposal {
        preconditionFailure("not written yet")
    }

    /// Asks from which index on a read is linearizable; on any node. A `ReadState` with this ID
    /// follows, unless messages are lost: the shell has a timeout of its own.
    package mutating func read(_ id: ReadID) throws(RaftError) {
        preconditionFailure("not written yet")
    }

    /// Hands leadership to another voter; given up after `transferTicks`.
    package mutating func transferLeadership(to target: NodeID) throws(RaftError) {
        preconditionFailure("not written yet")
    }

    /// Stands for election now, without waiting for the timeout (tests, and a cluster of one).
    package mutating func campaign() { preconditionFailure("not written yet") }

    /// Gives up leadership.
    package mutating func stepDown() { preconditionFailure("not written yet") }

    /// What there is to do; nil if nothing. What it returned it does not return again.
    /// - Throws: `storage`; call again later, nothing is lost.
    package mutating func ready() throws(RaftError) -> Ready? {
        preconditionFailure("not written yet")
    }

    /// The write with this ID, and every one before it, is durable.
    package mutating func persisted(_ id: WriteID) { preconditionFailure("not written yet") }

    /// The state machine has applied all entries up to this index.
    package mutating func applied(upTo index: LogIndex) { preconditionFailure("not written yet") }

    /// The storage refuses writes (disk full): step down, and neither lead nor campaign nor
    /// acknowledge until `storageRecovered()`. Writes that were handed out stay due, in order.
    package mutating func storageFailed() { preconditionFailure("not written yet") }
    package mutating func storageRecovered() { preconditionFailure("not written yet") }

    /// A snapshot's streaming ended. Success means that the receiver has it in full, verified
    /// it, and handed it to its core; it need not be installed yet.
    package mutating func snapshotSent(to peer: NodeID, succeeded: Bool) {
        preconditionFailure("not written yet")
    }

    /// The transport lost its connection to a peer: what was in flight may be lost.
    package mutating func unreachable(_ peer: NodeID) { preconditionFailure("not written yet") }

    /// The membership in force at an index that is not compacted, for a snapshot's descriptor.
    package func membership(at index: LogIndex) -> Membership {
        preconditionFailure("not written yet")
    }

    package func status() -> Status { preconditionFailure("not written yet") }
}
