import NIOCore
import Raft
import Replica
import Watches

/// What the node itself asks of its replica, beside its clients: awaited, one thing at a time.
final class ReplicaDesk: Sendable {
    private let loops: ClientLoops
    private let inbox: Mailbox<ReplicaInput>
    private let patience: TimeAmount

    /// - Parameter patienceMilliseconds: how long the replica's thread may take for an answer.
    init(
        _ loops: ClientLoops,
        _ inbox: Mailbox<ReplicaInput>,
        patienceMilliseconds: Int64 = ServerLimits.operationMilliseconds
    ) {
        self.loops = loops
        self.inbox = inbox
        patience = .milliseconds(patienceMilliseconds)
    }

    /// Puts a command in the log; returns what it did when it is applied here, or why it is not
    /// known to have been.
    func propose(_ payload: [UInt8]) async throws -> Completion {
        let door = loops.doors[0]
        let loops = self.loops
        return try await door.loop.flatSubmit {
            let errand = Errand(port: loops.port(on: door.loop), loop: door.loop)
            return errand.propose(payload)
        }.get()
    }

    /// Returns when all that was committed is applied here.
    func catchUp() async throws {
        let door = loops.doors[0]
        let loops = self.loops
        let completion = try await door.loop.flatSubmit {
            let errand = Errand(port: loops.port(on: door.loop), loop: door.loop)
            return errand.barrier()
        }.get()
        switch completion {
        case .barrier: return
        case .refused(.noLeader): throw OperatorProblem(500, "No cluster leader")
        default: throw OperatorProblem(500, "the leader does not answer")
        }
    }

    func status() async throws -> Status { try await report().status }

    /// Nil if the replica's thread does not answer in time; who asks again and again goes on.
    func statusIfTold() async throws -> Status? {
        do { return try await status() } catch is OperatorProblem { return nil }
    }

    /// How the replica stands, and what is known of the members' states.
    func report() async throws -> (status: Status, findings: [NodeID: StateFinding]) {
        guard case .status(let status, let findings) = try await ask(.describe) else {
            throw OperatorProblem(500, "the replica does not say how it stands")
        }
        return (status, findings)
    }

    /// - Throws: `OperatorProblem` if the replica's thread says nothing in time, or before the
    ///   loops end: it waits for its disk, or has ended.
    func ask(_ kind: ReplicaOperation.Kind) async throws -> ReplicaOperation.Result {
        let loop = loops.doors[0].loop
        let answer = loop.makePromise(of: ReplicaOperation.Result.self)
        // Whoever comes second, the answer or the deadline, finds the promise kept. Both come on
        // the loop.
        let isOpen = NIOLoopBoundBox.makeBoxSendingValue(true, eventLoop: loop)
        let deadline = loop.scheduleTask(in: patience) {}
        deadline.futureResult.whenComplete { _ in
            guard isOpen.value else { return }
            isOpen.value = false
            let text = "the replica's thread does not answer; what was asked may still happen"
            answer.fail(OperatorProblem(500, text))
        }
        let operation = ReplicaOperation(kind) { result in
            loop.execute {
                guard isOpen.value else { return }
                isOpen.value = false
                deadline.cancel()
                answer.succeed(result)
            }
        }
        inbox.post(.operation(operation))
        return try await answer.futureResult.get()
    }
}

/// One request to the replica, of a client that goes when it is answered, or when it has waited
/// long enough: a barrier whose leader is lost waits for the next one's entries.
final class Errand: LoopClient {
    private let port: LoopPort
    private let loop: any EventLoop
    private let promise: EventLoopPromise<Completion>
    private var slot: ClientSlot?
    private var deadline: Scheduled<Void>?

    init(port: LoopPort, loop: any EventLoop) {
        self.port = port
        self.loop = loop
        promise = loop.makePromise(of: Completion.self)
    }

    func propose(_ payload: [UInt8]) -> EventLoopFuture<Completion> {
        port.propose(payload, from: attached(), tag: 0)
        return promise.futureResult
    }

    /// Completes when all that was committed is applied here.
    func barrier() -> EventLoopFuture<Completion> {
        port.barrier(from: attached(), tag: 0)
        return promise.futureResult
    }

    private func attached() -> ClientSlot {
        let slot = port.attach(self)
        self.slot = slot
        let patience = TimeAmount.milliseconds(ServerLimits.errandMilliseconds)
        let deadline = loop.scheduleTask(in: patience) {}
        self.deadline = deadline
        // Also when the loop ends before.
        deadline.futureResult.assumeIsolated().whenComplete { _ in self.giveUp() }
        return slot
    }

    /// What comes after this finds the slot empty.
    private func giveUp() {
        guard deadline != nil, let slot else { return }
        deadline = nil
        port.detach(slot)
        self.slot = nil
        promise.succeed(.refused(.timedOut))
    }

    func completed(tag: UInt32, _ completion: Completion) {
        let deadline = self.deadline
        self.deadline = nil
        deadline?.cancel()
        if let slot { port.wantsFlush(slot) }
        promise.succeed(completion)
    }

    func flush() {
        if let slot { port.detach(slot) }
        slot = nil
    }

    func watchFired(_ event: ZnodeWatchEvent) {}
    func sessionEnded(_ reason: SessionEnd) {}
}
