import Foundation
import Logging
import NIOConcurrencyHelpers
import Raft
import RaftStore
import Replica
import Synchronization

/// The thread that owns Raft and the log: takes what gathered while the last commit ran, stores
/// it in one commit, and hands on what is committed.
///
/// `@unchecked Sendable`: `consensus` is touched only by `run`, which runs once, on its thread.
final class ReplicaThread: @unchecked Sendable {
    let inbox: Mailbox<ReplicaInput>
    private let bell: Bell
    private var consensus: Consensus
    private let applier: Mailbox<ApplyOrder>
    private let loops: [LoopInbox]
    private let board: StatusBoard
    private let compactor: LogCompactor
    private let logger: Logger
    private let onFailure: @Sendable (String) -> Never
    private let finished = ConditionLock<Bool>(value: false)
    private var nextTick: Int64 = 0
    private var isStopping = false

    init(
        consensus: consuming Consensus, bell: Bell, inbox: Mailbox<ReplicaInput>,
        applier: Mailbox<ApplyOrder>, loops: [LoopInbox], board: StatusBoard,
        compactor: LogCompactor, logger: Logger, onFailure: @escaping @Sendable (String) -> Never
    ) {
        self.consensus = consensus
        self.bell = bell
        self.inbox = inbox
        self.applier = applier
        self.loops = loops
        self.board = board
        self.compactor = compactor
        self.logger = logger
        self.onFailure = onFailure
    }

    func start() {
        let thread = Thread { self.run() }
        thread.name = "roost-replica"
        thread.start()
    }

    /// Stops after what has been taken is stored; returns when the thread is done.
    func stop() {
        inbox.post(.stop)
        finished.lock(whenValue: true)
        finished.unlock()
    }

    private func run() {
        do {
            consensus.standForElectionIfAlone()
            while !isStopping { try turn() }
        } catch {
            onFailure(FailureText.replica(error))
        }
        finished.lock()
        finished.unlock(withValue: true)
    }

    private func turn() throws(ReplicaError) {
        let now = HostClock.monotonic()
        var effects: [ConsensusEffect] = []
        try takeInputs(now: now, &effects)
        if now >= nextTick {
            nextTick = now + ServerLimits.tickMilliseconds
            try consensus.tick(now: now, wall: HostClock.wall(), &effects)
            try compactor.tick(log: consensus.log)
        }
        var write = try consensus.advance(&effects)
        perform(&effects)
        while let due = write {
            try consensus.store(due)
            write = try consensus.advance(&effects)
            perform(&effects)
        }
        bell.wait(milliseconds: nextTick - HostClock.monotonic())
    }

    private func takeInputs(
        now: Int64, _ effects: inout [ConsensusEffect]
    ) throws(ReplicaError) {
        let wall = HostClock.wall()
        for input in inbox.takeAll() {
            switch input {
            case .requests(let requests):
                try consensus.take(requests, now: now, wall: wall, &effects)
            case .report(let report):
                try consensus.take(report, now: now, wall: wall, &effects)
                publishProgress()
            case .message(let message): try consensus.take(message)
            case .stateRoom(let reason): consensus.setStateRoom(reason)
            case .snapshotTaken(let snapshot): try compactor.note(snapshot, log: consensus.log)
            case .stop: isStopping = true
            }
        }
    }

    private func perform(_ effects: inout [ConsensusEffect]) {
        for effect in effects {
            switch effect {
            case .order(let order): applier.post(order)
            case .refuse(let origins, let refusal): refuse(origins, refusal)
            case .leadership(let change): publish(change)
            case .send(let messages):
                precondition(messages.isEmpty, "a cluster of one has nobody to write to")
            }
        }
        effects.removeAll(keepingCapacity: true)
    }

    private func refuse(_ origins: [Origin], _ refusal: Refusal) {
        let notice = LoopNotice(transaction: 0, body: .refused(origins, refusal))
        for loop in loops { loop.post(notice) }
    }

    private func publish(_ change: Leadership) {
        logger.notice(
            "leadership changed",
            metadata: ["role": "\(change.role)", "term": "\(change.term.rawValue)"])
        board.update { status in
            status.role = change.role
            status.term = change.term.rawValue
            status.leader = change.leader
        }
    }

    private func publishProgress() {
        let status = consensus.status
        board.update { board in
            board.applied = status.applied.rawValue
            board.commit = status.commit.rawValue
        }
    }
}
