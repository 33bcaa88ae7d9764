import DequeModule
package import LMDB
package import StateMachine
import Synchronization

/// What the appliers' thread has for one event loop.
package struct LoopNotice: Sendable {
    package enum Body: Sendable {
        /// An applied batch, and which of its entries answer requests.
        case delivery(AppliedBatch, [EntryOrigin])
        case barrier(index: UInt64, [Origin])
        case refused([Origin], Refusal)
        /// The state is another one from here on, as of `index`. What follows counts its
        /// transactions.
        case replaced(Environment, StateTables, index: UInt64)
        /// Nobody is to be served by this node any more, for the reason that the status says.
        case unfit
    }

    /// The state transaction that must be visible to the loop before it may act on this.
    package var transaction: UInt64
    package var body: Body

    package init(transaction: UInt64, body: Body) {
        self.transaction = transaction
        self.body = body
    }
}

/// The notices of one event loop, in the order of the log.
///
/// A batch is announced before its transaction commits. A loop that opens a snapshot therefore
/// finds here everything that led to it, and can tell its clients of changes before it shows them.
/// A loop that nothing in a batch concerns is left asleep: it finds the batch when it next reads.
package final class LoopInbox: Sendable {
    private struct Contents {
        var notices = Deque<LoopNotice>()
        var isRung = false
        /// Whether the loop's clients wait for changes, and not only for answers.
        var isListening = false

        /// Whether the bell is still to be rung; it counts as rung from now on.
        mutating func mustRing() -> Bool {
            if isRung { return false }
            isRung = true
            return true
        }
    }

    private let contents = Mutex(Contents())
    private let bell: @Sendable () -> Void

    /// - Parameter bell: makes the loop call `LoopPort.deliver` soon.
    package init(bell: @escaping @Sendable () -> Void) {
        self.bell = bell
    }

    /// Puts a notice there without waking the loop.
    package func announce(_ notice: LoopNotice) {
        contents.withLock { $0.notices.append(notice) }
    }

    /// Takes back what was announced for a transaction that did not commit.
    package func withdraw(transaction: UInt64) {
        contents.withLock { contents in
            contents.notices.removeAll { notice in
                guard case .delivery = notice.body else { return false }
                return notice.transaction == transaction
            }
        }
    }

    package func post(_ notice: LoopNotice) {
        announce(notice)
        ring()
    }

    /// Wakes the loop, unless it was woken and has not looked yet.
    package func ring() {
        let mustRing = contents.withLock { $0.mustRing() }
        if mustRing { bell() }
    }

    /// Wakes the loop after a batch that holds no answer for it, if it listens, or if much has
    /// gathered for it.
    package func ringListener() {
        let mustRing = contents.withLock { contents in
            guard contents.isListening || contents.notices.count >= ReplicaLimits.quietNoticesMax
            else { return false }
            return contents.mustRing()
        }
        if mustRing { bell() }
    }

    /// To be called by the loop with every change of what its clients wait for. What was announced
    /// meanwhile, and was perhaps not rung for, wakes it now.
    func listen(_ isListening: Bool) {
        let mustRing = contents.withLock { contents in
            contents.isListening = isListening
            return isListening && !contents.notices.isEmpty && contents.mustRing()
        }
        if mustRing { bell() }
    }

    /// All notices that a snapshot of this transaction includes; the state's replacement is the
    /// last one, if it is among them.
    func take(upTo transaction: UInt64) -> Deque<LoopNotice> {
        contents.withLock { contents in
            contents.isRung = false
            var count = 0
            for notice in contents.notices {
                guard notice.transaction <= transaction else { break }
                count += 1
                if case .replaced = notice.body { break }
            }
            if count == contents.notices.count {
                defer { contents.notices = [] }
                return contents.notices
            }
            defer { contents.notices.removeFirst(count) }
            return Deque(contents.notices.prefix(count))
        }
    }
}
