package import Bytes
package import Commands
import DequeModule
package import LMDB
package import StateMachine
package import Watches

/// A client's connection, as the replica sees it. All calls come on the connection's own loop.
///
/// `completed`, `watchFired` and `sessionEnded` only record: they may neither read the state nor
/// propose. What follows from them happens in `flush`.
package protocol LoopClient: AnyObject {
    /// The answer to a proposal or a barrier.
    func completed(tag: UInt32, _ completion: Completion)
    /// An event of one of the connection's watches; it comes before the answer to the write that
    /// caused it, and before anything can be read that the write changed.
    func watchFired(_ event: ZnodeWatchEvent)
    func sessionEnded(_ reason: SessionEnd)
    /// Once after a batch of the above, if it was asked for by `LoopPort.wantsFlush`.
    func flush()
    /// At the end of the loop's turn, if it was asked for by `LoopPort.wantsTurnEnd`: the time to
    /// write to the socket. Writes of one turn then follow each other, and a client that waits for
    /// several connections is woken once, not once for each.
    func turnEnded()
}

extension LoopClient {
    package func turnEnded() {}
}

/// One event loop's door to the replica: proposals go out by it, answers and changes come in, and
/// the state is read through it, straight from the map. Used on its loop only.
///
/// What a read shows is never newer than the events already delivered: opening a snapshot first
/// delivers everything that led to it (see `LoopInbox`).
package final class LoopPort {
    /// The loop's number.
    package let loop: UInt8
    package let clock: LoopClock
    package var watches = ZnodeWatches()
    package var topics = Topics()
    /// What this loop has counted.
    package var counts = PortCounts()
    /// When the newest answers and changes reached this loop (`LoopClock.microseconds`).
    package private(set) var deliveredAt: Int64 = 0
    /// Told once a batch which questions are to be asked again; may read.
    package var onTopics: (([QuestionID]) -> Void)?

    /// The last entry that connections were told of: the newest that a snapshot shows. 0 until
    /// the first batch after the start.
    package private(set) var deliveredIndex: UInt64 = 0

    /// Raised when another state takes the place of the one that was read until then.
    package private(set) var stateGeneration: UInt64 = 0

    private let inbox: LoopInbox
    private let outbox: Mailbox<ReplicaInput>
    private let board: StatusBoard
    private let limits: ReplicaLimits
    private let scheduleFlush: () -> Void
    private var reading: StateReading
    private var openDepth = 0
    private var slots: [Tenancy] = []
    private var freeSlots: [ClientSlot] = []
    private var sessions: [SessionID: SessionBinding] = [:]
    private var outgoing = LoopRequests()
    private var isFlushScheduled = false
    private var turnEnders: [ClientSlot] = []
    private var dirty: [ClientSlot] = []
    private var woken: Set<QuestionID> = []
    private var fired: [(ClientSlot, ZnodeWatchEvent)] = []
    private var isStopped = false
    /// Whether the inbox was told that clients of this loop wait for changes. Watches and questions
    /// begin only between `begin` and `end`.
    private var isListening = false

    private struct Tenancy {
        var client: (any LoopClient)?
        var generation: UInt32 = 0
        var isDirty = false
        var awaitsTurnEnd = false
    }

    private struct SessionBinding {
        var slot: ClientSlot
        var connection: UInt64
    }

    /// - Parameter scheduleFlush: makes the loop call `flushOutgoing` at the end of its turn.
    package init(
        loop: UInt8,
        environment: Environment,
        tables: StateTables,
        inbox: LoopInbox,
        outbox: Mailbox<ReplicaInput>,
        board: StatusBoard,
        clock: LoopClock,
        limits: ReplicaLimits,
        scheduleFlush: @escaping () -> Void
    ) throws(LMDBError) {
        self.loop = loop
        self.inbox = inbox
        self.outbox = outbox
        self.board = board
        self.clock = clock
        self.limits = limits
        self.scheduleFlush = scheduleFlush
        reading = try StateReading(environment, tables)
    }

    package var status: ReplicaStatus { board.current }

    // MARK: Connections

    /// Gives a connection its slot; answers to an earlier tenant do not reach it.
    package func attach(_ client: any LoopClient) -> ClientSlot {
        if let slot = freeSlots.popLast() {
            slots[Int(slot.rawValue)].client = client
            return slot
        }
        slots.append(Tenancy(client: client))
        return ClientSlot(rawValue: UInt32(slots.count - 1))
    }

    /// Forgets a connection: its watches, and answers under way. Its binding to a session, if it
    /// has one, is taken back first (`unbind`).
    package func detach(_ slot: ClientSlot) {
        slots[Int(slot.rawValue)].client = nil
        slots[Int(slot.rawValue)].generation &+= 1
        watches.removeAll(slot: slot)
        freeSlots.append(slot)
    }

    /// From now on the end of this session is told to this connection.
    /// A connection of this loop that had it until now is told that it moved.
    package func bind(session: SessionID, connection: UInt64, to slot: ClientSlot) {
        if let old = sessions[session], old.slot != slot {
            slots[Int(old.slot.rawValue)].client?.sessionEnded(.moved)
        }
        sessions[session] = SessionBinding(slot: slot, connection: connection)
    }

    /// Undoes `bind`, unless another connection has been bound since.
    package func unbind(session: SessionID, from slot: ClientSlot) {
        if sessions[session]?.slot == slot { sessions[session] = nil }
    }

    /// Tells the connection that holds a session on this loop that it is no longer wanted.
    package func dropHolder(of session: SessionID, otherThan slot: ClientSlot) {
        guard let binding = sessions[session], binding.slot != slot else { return }
        sessions[session] = nil
        slots[Int(binding.slot.rawValue)].client?.sessionEnded(.moved)
    }

    /// Has `flush` called on the connection after the current batch.
    package func wantsFlush(_ slot: ClientSlot) {
        guard !slots[Int(slot.rawValue)].isDirty else { return }
        slots[Int(slot.rawValue)].isDirty = true
        dirty.append(slot)
    }

    /// Has `turnEnded` called on the connection at the end of this turn of the loop, after what was
    /// asked of the log in it was handed over.
    package func wantsTurnEnd(_ slot: ClientSlot) {
        guard !slots[Int(slot.rawValue)].awaitsTurnEnd else { return }
        slots[Int(slot.rawValue)].awaitsTurnEnd = true
        turnEnders.append(slot)
        scheduleFlushIfNeeded()
    }

    // MARK: Requests

    /// Sends a command towards the log. The answer comes by `LoopClient.completed`.
    package func propose(_ payload: [UInt8], from slot: ClientSlot, tag: UInt32) {
        let origin = origin(slot, tag)
        guard !isStopped, outgoing.proposals.count < limits.outgoingProposalsMax else {
            refuse(origin, isStopped ? .stopping : .overloaded)
            return
        }
        guard payload.count <= limits.commandBytesMax else {
            let bound = limits.commandBytesMax
            return refuse(origin, .tooLarge(bytes: payload.count, bound: bound))
        }
        outgoing.proposals.append(PendingProposal(payload: payload, origin: origin))
        scheduleFlushIfNeeded()
    }

    /// Answers when this node has applied everything that was committed when it was called.
    package func barrier(from slot: ClientSlot, tag: UInt32) {
        let origin = origin(slot, tag)
        guard !isStopped else { return refuse(origin, .stopping) }
        outgoing.barriers.append(origin)
        scheduleFlushIfNeeded()
    }

    /// As `barrier`, for a leader whose word that it leads is recent: it need not ask the others.
    package func catchUp(from slot: ClientSlot, tag: UInt32) {
        let origin = origin(slot, tag)
        guard !isStopped else { return refuse(origin, .stopping) }
        outgoing.catchUps.append(origin)
        scheduleFlushIfNeeded()
    }

    package func touch(_ session: SessionID) {
        outgoing.heartbeats.zooKeeper.insert(session)
    }

    package func touch(consulSession session: ByteString) {
        outgoing.heartbeats.consul.insert(session)
    }

    package func touch(check: CheckKey) {
        outgoing.heartbeats.checks.insert(check)
    }

    /// Hands over what has gathered; called by the shell at the end of a turn, and now and then
    /// for the heartbeats.
    package func flushOutgoing() {
        isFlushScheduled = false
        if !outgoing.isEmpty {
            let requests = outgoing
            outgoing = LoopRequests()
            outbox.post(.requests(requests))
        }
        if !turnEnders.isEmpty { endTurn() }
    }

    private func endTurn() {
        var ended: [ClientSlot] = []
        swap(&ended, &turnEnders)
        for slot in ended {
            slots[Int(slot.rawValue)].awaitsTurnEnd = false
            slots[Int(slot.rawValue)].client?.turnEnded()
        }
        guard turnEnders.isEmpty else { return }
        ended.removeAll(keepingCapacity: true)
        turnEnders = ended
    }

    /// Refuses everything from now on; the replica is going away.
    package func stop() {
        isStopped = true
    }

    private func origin(_ slot: ClientSlot, _ tag: UInt32) -> Origin {
        Origin(
            loop: loop,
            slot: slot,
            generation: slots[Int(slot.rawValue)].generation,
            tag: tag
        )
    }

    private func refuse(_ origin: Origin, _ refusal: Refusal) {
        inbox.post(LoopNotice(transaction: 0, body: .refused([origin], refusal)))
    }

    private func scheduleFlushIfNeeded() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        scheduleFlush()
    }

    // MARK: Reading

    /// Opens the newest snapshot, after telling everyone what led to it. Close it by `end`.
    /// Whoever answers a request, or a burst of them, opens it before it looks at its own state.
    package func begin() throws(LMDBError) {
        openDepth += 1
        guard openDepth == 1 else { return }
        do {
            try reading.open()
            try deliverAll()
        } catch {
            openDepth = 0
            throw error
        }
    }

    package func end() {
        precondition(openDepth > 0, "end without begin")
        openDepth -= 1
        guard openDepth == 0 else { return }
        reading.close()
        let listens = watches.count > 0 || !topics.isEmpty
        if listens != isListening {
            isListening = listens
            inbox.listen(listens)
        }
    }

    /// Reads the state as it was when the snapshot was opened.
    package func read<Result, Failure: Error>(
        _ body: (borrowing StateView) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(openDepth > 0, "read without begin")
        return try reading.view(body)
    }

    /// Delivers what has come in, and hands over what follows from it; called by the shell when the
    /// inbox rings.
    package func deliver() throws(LMDBError) {
        isFlushScheduled = true
        defer { flushOutgoing() }
        try begin()
        end()
    }

    private func deliverAll() throws(LMDBError) {
        var notices = inbox.take(upTo: reading.id)
        if !notices.isEmpty { deliveredAt = clock.microseconds() }
        while let last = notices.last {
            for notice in notices { deliver(notice) }
            guard case .replaced(let environment, let tables, let index) = last.body else { break }
            try replaceState(environment, tables, index: index)
            notices = inbox.take(upTo: reading.id)
        }
        if !woken.isEmpty {
            let questions = woken.sorted()
            woken.removeAll(keepingCapacity: true)
            onTopics?(questions)
        }
        var position = 0
        while position < dirty.count {
            let slot = Int(dirty[position].rawValue)
            slots[slot].isDirty = false
            slots[slot].client?.flush()
            position += 1
        }
        dirty.removeAll(keepingCapacity: true)
    }

    private func deliver(_ notice: LoopNotice) {
        switch notice.body {
        case .delivery(let batch, let origins): deliver(batch, origins)
        case .barrier(let index, let origins):
            for origin in origins { complete(origin, .barrier(index: index)) }
        case .refused(let origins, let refusal):
            counts.refusals.add(refusal, times: origins.count { $0.loop == loop })
            for origin in origins { complete(origin, .refused(refusal)) }
        case .replaced: return
        case .unfit: sendAway()
        }
    }

    /// Another state, with changes in between that nobody was told of, as after a server's restart.
    private func replaceState(
        _ environment: Environment,
        _ tables: StateTables,
        index: UInt64
    ) throws(LMDBError) {
        reading = try StateReading(environment, tables)
        stateGeneration += 1
        try reading.open()
        deliveredIndex = index
        sendAway()
    }

    /// Whoever holds a session must come back, and every blocked question is asked again.
    private func sendAway() {
        for binding in sessions.values.sorted(by: { $0.slot.rawValue < $1.slot.rawValue }) {
            slots[Int(binding.slot.rawValue)].client?.sessionEnded(.moved)
        }
        sessions.removeAll()
        topics.collectAll(into: &woken)
    }

    /// Entry by entry: the events of its changes, then its answer, then sessions that it ended.
    private func deliver(_ batch: AppliedBatch, _ origins: [EntryOrigin]) {
        var next = 0
        for (offset, entry) in batch.entries.enumerated() {
            deliveredIndex = entry.index
            for change in batch.changes[entry.changes] { tell(change, zxid: entry.index) }
            while next < origins.count, origins[next].offset == offset {
                complete(origins[next].origin, .applied(index: entry.index, entry.outcome))
                next += 1
            }
            for change in batch.changes[entry.changes] { endSession(by: change) }
        }
    }

    private func tell(_ change: Change, zxid: UInt64) {
        guard case .znode(let znode) = change else {
            topics.collect(change, into: &woken)
            return
        }
        guard watches.count > 0 else { return }
        watches.fire(znode, zxid: zxid) { slot, event in fired.append((slot, event)) }
        counts.events &+= UInt64(fired.count)
        for (slot, event) in fired { slots[Int(slot.rawValue)].client?.watchFired(event) }
        fired.removeAll(keepingCapacity: true)
    }

    private func complete(_ origin: Origin, _ completion: Completion) {
        guard origin.loop == loop else { return }
        let tenancy = slots[Int(origin.slot.rawValue)]
        guard tenancy.generation == origin.generation else { return }
        tenancy.client?.completed(tag: origin.tag, completion)
    }

    private func endSession(by change: Change) {
        switch change {
        case .zooKeeperSessionClosed(let session):
            guard let binding = sessions.removeValue(forKey: session) else { return }
            slots[Int(binding.slot.rawValue)].client?.sessionEnded(.closed)
        case .zooKeeperSessionAttached(let session, let connection):
            guard let binding = sessions[session], binding.connection != connection else { return }
            sessions[session] = nil
            slots[Int(binding.slot.rawValue)].client?.sessionEnded(.moved)
        default: return
        }
    }
}

/// Where a loop has its time from.
package struct LoopClock {
    /// Milliseconds that only go forward.
    package var monotonic: () -> Int64
    /// Milliseconds since 1970.
    package var wall: () -> Int64
    /// The monotonic clock in microseconds, for measuring.
    package var microseconds: () -> Int64

    /// - Parameter microseconds: nil: what `monotonic` says, in its own steps.
    package init(
        monotonic: @escaping () -> Int64,
        wall: @escaping () -> Int64,
        microseconds: (() -> Int64)? = nil
    ) {
        self.monotonic = monotonic
        self.wall = wall
        self.microseconds = microseconds ?? { monotonic() * 1_000 }
    }
}
