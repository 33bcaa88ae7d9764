// # Raft
//
// Purpose: the consensus of a Roost cluster, as a pure core. Messages, ticks and proposals go in;
// a `Ready` comes out: what to store, to send, to apply. It follows Diego Ongaro's thesis
// "Consensus: Bridging Theory and Practice" (2014), cited here by section.
//
// What it must never do:
// - import anything; read a clock; make a random number that did not come from the given
//   generator; iterate a Dictionary or Set. Equal inputs give equal outputs.
// - tell anyone a vote, a term or a match before it is durable, its own leader included.
// - commit by counting copies of an older term's entry.
// - trap on what a peer, a client or the disk does. Traps are for bugs of the shell or the core.
//
// Map:
// - RaftNode.swift      the node: its state, and everything that a shell calls
// - Values/             what goes in and out, and the bytes of a membership
// - Storage/            the seam to the stored log
// - Log/                the log with its marks, its tail in memory, writes under way
// - Elections/          roles, terms, votes, timeouts, leadership transfer
// - Replication/        the leader's sending and committing, the follower's accepting, Ready
// - Tracker/            what a leader knows of each follower
// - Quorum/             majorities, also joint ones
// - Members/            memberships in the log, and their changes
// - Reads/              linearizable reads

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
    package let id: NodeID
    package let limits: RaftLimits
    var random: any RandomNumberGenerator

    var log: RaftLog
    var memberships: MembershipHistory
    var writes = WriteQueue()

    var term: Term
    var vote: NodeID?
    var isTermUnwritten = false
    var role = Role.follower
    var leader: NodeID?
    /// What `Ready.leadership` last told.
    var toldLeadership: Leadership?

    /// Ticks since the node was started.
    var now: UInt64 = 0
    /// Ticks since the election timer was last reset, and when it runs out.
    var electionElapsed = 0
    var electionTimeout = 0
    /// Ticks since the leader was heard from.
    var leaderSilence: Int
    var heartbeatElapsed = 0
    var tally = VoteTally()

    /// A peer with a newer log said that this node was removed: do not disturb the others.
    var isRemoved = false
    var isStorageFailed = false
    /// Its state is not the others': see `setUnfitToLead`.
    var isUnfitToLead = false

    /// The leader's part.
    var tracker = Tracker()
    var reads = ReadQueue()
    var transfer: Transfer?
    /// The first entry of this leader's term.
    var termStart = LogIndex.zero
    var uncommittedBytes = 0

    var forwarded = ForwardedReads()
    var handedOut = HandedOut()

    /// What the next Ready will have.
    var outbox: [Message] = []
    var readStates: [ReadState] = []
    var snapshotTransfers: [SnapshotTransfer] = []
    package internal(set) var pendingSnapshot: SnapshotDescriptor?

    /// - Throws: `restoredStateInvalid` or `storage`.
    package init(
        id: NodeID,
        restored: RestoredState,
        storage: any LogStorage,
        limits: RaftLimits = RaftLimits(),
        random: any RandomNumberGenerator
    ) throws(RaftError) {
        log = try RaftNode.openLog(restored, storage)
        self.id = id
        self.limits = limits
        self.random = random
        memberships = MembershipHistory(restored.memberships)
        term = restored.hardState.term
        vote = restored.hardState.vote
        // With leases a node that has just started may have promised its silence to a leader.
        leaderSilence = limits.leaseTicks == nil ? limits.electionTicks : 0
        resetElectionTimer()
    }

    // MARK: Time

    /// One unit of time passed.
    package mutating func tick() {
        now += 1
        leaderSilence = role == .leader ? 0 : leaderSilence + 1
        if role == .leader { tickLeader() } else { tickFollower() }
    }

    // MARK: Requests

    /// Takes a message of a peer. A message that cannot be acted on is dropped, as the network
    /// might have done.
    /// - Throws: `messageInvalid` or `storage`; the message then had no effect, save perhaps for
    ///   a newer term.
    package mutating func step(_ message: Message) throws(RaftError) {
        try validate(message)
        do {
            try receive(message)
        } catch {
            throw RaftError.storage(error)
        }
    }

    /// Appends commands to the log, in order, all or none.
    /// - Throws: `notLeader`, `transferring`, `overloaded`, `payloadTooLong`.
    package mutating func propose(_ payloads: [[UInt8]]) throws(RaftError) -> Proposal {
        try requireProposable()
        try requireRoom(for: payloads)
        let first = log.last.next
        log.reserve(payloads.count)
        for payload in payloads { appendOwn(.normal, payload) }
        return Proposal(first: first, last: log.last, term: term)
    }

    /// Starts a membership change; it is done when the Proposal's entry is committed and
    /// `status().membership.isJoint` is false again.
    /// - Throws: as `propose` of commands, `termNotCommitted`, `membershipChangePending`,
    ///   `membershipChangeInvalid`, `learnerBehind`.
    package mutating func propose(
        _ changes: [MembershipChange]
    ) throws(RaftError) -> Proposal {
        try requireProposable()
        try requireChangeable()
        let current = memberships.current
        if current.isJoint { throw .membershipChangePending(index: memberships.currentIndex) }
        for change in changes { try requireCaughtUp(change) }
        return proposeMembership(try current.changed(by: changes))
    }

    /// Asks from which index on a read is linearizable; on any node. A `ReadState` with this ID
    /// always follows, though it may say that the read must be asked again.
    /// - Throws: `tooManyReads`.
    package mutating func read(_ id: ReadID) throws(RaftError) {
        let count = reads.count + forwarded.count
        if count >= limits.waitingReadsMax { throw .tooManyReads(count: count) }
        if role == .leader { return leadRead(id, from: self.id) }
        guard let leader else { return readStates.append(ReadState(id: id, index: nil)) }
        forwarded.add(id, tick: now)
        send(to: leader, .readRequest(id))
    }

    /// Hands leadership to another voter; given up after `transferTicks`.
    /// - Throws: `notLeader`, `transferTargetInvalid`, `transferring` (to another one).
    package mutating func transferLeadership(to target: NodeID) throws(RaftError) {
        guard role == .leader else { throw .notLeader(leader: leader) }
        if let transfer, transfer.target != target { throw .transferring(target: transfer.target) }
        guard target != id, memberships.current.isVoter(target) else {
            throw .transferTargetInvalid(target)
        }
        if transfer == nil { transfer = Transfer(target: target, elapsedTicks: 0) }
        reads.forgoLease()
        pushTransfer()
    }

    /// Stands for election now, without waiting for the timeout (tests, and a cluster of one).
    package mutating func campaign() {
        guard role != .leader else { return }
        startElection()
    }

    /// Gives up leadership, and asks the most advanced voter to take over.
    package mutating func stepDown() {
        guard role == .leader else { return }
        abdicate()
    }

    // MARK: Reports

    /// What there is to do; nil if nothing. What it returned it does not return again.
    /// - Throws: `storage`; call again later, nothing is lost.
    package mutating func ready() throws(RaftError) -> Ready? {
        do {
            return try collectReady()
        } catch {
            throw RaftError.storage(error)
        }
    }

    /// The write with this ID, and every one before it, is durable.
    package mutating func persisted(_ id: WriteID) {
        let released = writes.release(id)
        if let durable = released.durable { log.markDurable(durable) }
        if let installed = released.installed { log.markApplied(installed) }
        for message in released.messages { deliver(message) }
        advanceCommit()
    }

    /// The state machine has applied all entries up to this index.
    package mutating func applied(upTo index: LogIndex) {
        log.markApplied(index)
        handedOut.release(upTo: index)
    }

    /// The log was compacted up to this index: forget the memberships before it.
    package mutating func compacted(upTo index: LogIndex) {
        precondition(index <= log.applied, "compacted what is not applied")
        memberships.prune(before: index)
    }

    /// The storage refuses writes (disk full): step down, and neither lead nor campaign until
    /// `storageRecovered()`. Writes that were handed out stay due, in order.
    package mutating func storageFailed() {
        isStorageFailed = true
        if role == .leader { abdicate() }
    }

    package mutating func storageRecovered() { isStorageFailed = false }

    /// What the state machine made of the log is wrong: step down, and neither lead nor campaign
    /// as long as it is. The log itself is as good as ever, and the node goes on voting.
    package mutating func setUnfitToLead(_ isUnfit: Bool) {
        isUnfitToLead = isUnfit
        if isUnfit, role == .leader { abdicate() }
    }

    /// The state machine was replaced by one that has applied all entries up to this index, which
    /// may be less than the old one had: what follows is handed out again.
    /// - Precondition: the index is committed and durable here, and what follows it is in the log.
    package mutating func replaced(appliedUpTo index: LogIndex) {
        log.rewind(to: index)
        handedOut.removeAll()
    }

    /// What was handed out up to this index is not applied and never will be by the present state
    /// machine: it need not be waited for.
    package mutating func dropped(upTo index: LogIndex) { handedOut.release(upTo: index) }

    /// Up to where everything is agreed on and stored here.
    package var settled: LogIndex { min(log.commit, log.durable) }

    /// A snapshot's streaming ended. Success means that the receiver has it in full, verified
    /// it, and handed it to its core; it need not be installed yet.
    package mutating func snapshotSent(to peer: NodeID, succeeded: Bool) {
        guard role == .leader, let position = tracker.position(of: peer) else { return }
        tracker[position].snapshotEnded(succeeded: succeeded)
    }

    /// The transport lost its connection to a peer: what was in flight may be lost.
    package mutating func unreachable(_ peer: NodeID) {
        guard role == .leader, let position = tracker.position(of: peer) else { return }
        tracker[position].becameUnreachable()
    }

    /// The leader's machine says that nobody listens at its address any more: its process is gone,
    /// and to wait for its silence would be idle. The voters stand one after the other, so that
    /// they do not split the votes. Without effect where leases promise the leader silence.
    package mutating func leaderDied(_ peer: NodeID) {
        guard role == .follower, leader == peer, limits.leaseTicks == nil else { return }
        let others = memberships.current.incoming.filter { $0 != peer }
        guard let rank = others.firstIndex(of: id) else { return }
        leaderSilence = limits.electionTicks
        electionElapsed = electionTimeout - 1 - rank * limits.successionTicks
    }

    // MARK: Looking

    /// Everything up to here is agreed on.
    package var commit: LogIndex { log.commit }

    /// The membership in force at an index that is not compacted, for a snapshot's descriptor.
    /// Empty on a node that joined and has not come to its first membership yet: it must not
    /// take a snapshot at such an index.
    package func membership(at index: LogIndex) -> Membership { memberships.membership(at: index) }

    package func status() -> Status {
        Status(
            id: id,
            role: role,
            term: term,
            vote: vote,
            leader: leader,
            commit: log.commit,
            applied: log.applied,
            last: log.last,
            durable: log.durable,
            membership: memberships.current,
            membershipIndex: memberships.currentIndex,
            transferTarget: transfer?.target,
            isStorageFailed: isStorageFailed,
            ticksSinceLeader: leaderSilence,
            peers: tracker.peers.map { peerStatus($0) }
        )
    }

    /// Who leads, as far as this node knows; cheaper than `status()`.
    package var leadership: Leadership { Leadership(role: role, term: term, leader: leader) }
}
