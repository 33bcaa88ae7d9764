internal import Glibc

/// Wakes one sleeping thread. It sleeps by the monotonic clock: where the wall clock is set back by
/// an hour, nobody may sleep an hour longer.
///
/// `@unchecked Sendable`: `isRung` is touched only while `mutex` is held; mutex and condition are
/// made before the value is shared, stay where they are, and go with it.
@safe
public final class Bell: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var isRung = false

    public init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        var attributes = pthread_condattr_t()
        let codes = unsafe [
            pthread_mutex_init(mutex, nil),
            pthread_condattr_init(&attributes),
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC),
            pthread_cond_init(condition, &attributes),
            pthread_condattr_destroy(&attributes),
        ]
        precondition(codes.allSatisfy { $0 == 0 }, "a mutex and a condition: \(codes)")
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    public func ring() {
        unsafe pthread_mutex_lock(mutex)
        isRung = true
        unsafe pthread_cond_signal(condition)
        unsafe pthread_mutex_unlock(mutex)
    }

    /// Sleeps until the bell was rung or the time has passed.
    public func wait(milliseconds: Int64) {
        let end = monotonicNanoseconds() + UInt64(max(milliseconds, 0)) * 1_000_000
        var until = timespec(
            tv_sec: Int(end / 1_000_000_000),
            tv_nsec: Int(end % 1_000_000_000)
        )
        unsafe pthread_mutex_lock(mutex)
        var code: Int32 = 0
        while !isRung, code == 0 {
            code = unsafe pthread_cond_timedwait(condition, mutex, &until)
        }
        isRung = false
        unsafe pthread_mutex_unlock(mutex)
    }
}
