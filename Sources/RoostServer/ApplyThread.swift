import Foundation
import LMDB
import Logging
import NIOConcurrencyHelpers
import Replica
import StateMachine

/// The thread that applies committed entries to the state while the log's thread waits for the
/// disk.
///
/// `@unchecked Sendable`: `applier` is touched only by `run`, which runs once, on its thread.
final class ApplyThread: @unchecked Sendable {
    let orders: Mailbox<ApplyOrder>
    private let bell: Bell
    private let applier: Applier
    private let replica: Mailbox<ReplicaInput>
    private let room: StateRoom
    private let logger: Logger
    private let onFailure: @Sendable (String) -> Never
    private let stopping = NIOLockedValueBox(false)
    private let finished = ConditionLock<Bool>(value: false)

    init(
        applier: Applier, bell: Bell, orders: Mailbox<ApplyOrder>, replica: Mailbox<ReplicaInput>,
        room: StateRoom, logger: Logger, onFailure: @escaping @Sendable (String) -> Never
    ) {
        self.applier = applier
        self.bell = bell
        self.orders = orders
        self.replica = replica
        self.room = room
        self.logger = logger
        self.onFailure = onFailure
    }

    func start() {
        let thread = Thread { self.run() }
        thread.name = "roost-apply"
        thread.start()
    }

    /// Stops after what was ordered is applied; returns when the thread is done.
    func stop() {
        stopping.withLockedValue { $0 = true }
        bell.ring()
        finished.lock(whenValue: true)
        finished.unlock()
    }

    private func run() {
        do {
            while true {
                let isLast = stopping.withLockedValue { $0 }
                let joined = Applier.join(
                    orders.takeAll(), entriesMax: ServerLimits.appliedEntriesMax)
                for order in joined { try perform(order) }
                if isLast { break }
                bell.wait(milliseconds: 1_000)
            }
        } catch {
            onFailure(FailureText.replica(error))
        }
        finished.lock()
        finished.unlock(withValue: true)
    }

    /// A batch that finds no room waits for it: what is committed must be applied, and in order.
    private func perform(_ order: ApplyOrder) throws(ReplicaError) {
        var isShort = false
        while true {
            do throws(ReplicaError) {
                try room.ensure(for: order)
                if let report = try applier.perform(order) { replica.post(.report(report)) }
                if isShort {
                    logger.notice("the state has room again")
                    replica.post(.stateRoom(nil))
                }
                return
            } catch {
                guard let reason = error.roomReason,
                    !stopping.withLockedValue({ $0 })
                else { throw error }
                if !isShort {
                    logger.error("no room for the state; writes wait", metadata: ["why": "\(reason)"])
                    replica.post(.stateRoom(reason))
                }
                isShort = true
                bell.wait(milliseconds: ServerLimits.roomRetryMilliseconds)
            }
        }
    }
}
