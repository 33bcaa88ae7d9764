import Synchronization

/// Values handed from one thread to another, a batch at a time.
///
/// The receiver takes all there is; the sender rings the bell only when the box was empty, so
/// that a busy receiver costs its senders one lock and no wake-up.
package final class Mailbox<Value: Sendable>: Sendable {
    private struct Contents {
        var values: [Value] = []
        var isRung = false
    }

    private let contents = Mutex(Contents())
    private let bell: @Sendable () -> Void

    /// - Parameter bell: wakes the receiver; called on the sender's thread.
    package init(bell: @escaping @Sendable () -> Void) {
        self.bell = bell
    }

    package func post(_ value: sending Value) {
        let mustRing = contents.withLock { contents in
            contents.values.append(value)
            if contents.isRung { return false }
            contents.isRung = true
            return true
        }
        if mustRing { bell() }
    }

    package var isEmpty: Bool { contents.withLock { $0.values.isEmpty } }

    /// Everything posted since the last call, in order.
    package func takeAll() -> [Value] {
        contents.withLock { contents in
            contents.isRung = false
            guard !contents.values.isEmpty else { return [] }
            let taken = contents.values
            contents.values = []
            return taken
        }
    }
}
