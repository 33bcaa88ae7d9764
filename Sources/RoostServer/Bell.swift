import NIOConcurrencyHelpers

/// Wakes one sleeping thread.
package final class Bell: Sendable {
    private let lock = ConditionLock<Bool>(value: false)

    package init() {}

    package func ring() {
        lock.lock()
        lock.unlock(withValue: true)
    }

    /// Sleeps until the bell was rung or the time has passed.
    package func wait(milliseconds: Int64) {
        if lock.lock(whenValue: true, timeoutSeconds: Double(max(milliseconds, 0)) / 1_000) {
            lock.unlock(withValue: false)
        }
    }
}
