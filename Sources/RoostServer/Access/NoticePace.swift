import Synchronization

/// Lets a message through that any client can cause, not more often than somebody can read it.
final class NoticePace: Sendable {
    private let toldAt = Mutex<Int64?>(nil)

    /// - Parameter now: in milliseconds of a monotonic clock.
    func isDue(now: Int64 = HostClock.monotonic()) -> Bool {
        toldAt.withLock { toldAt in
            if let last = toldAt, now - last < ServerLimits.noticeMilliseconds { return false }
            toldAt = now
            return true
        }
    }
}
