internal import Glibc
internal import Synchronization

/// A thread for work that blocks. Its body runs once; `join` waits for the end.
///
/// `@unchecked Sendable`: the handle is written before the value is shared, and `join` takes it
/// out under the mutex, so that it is used once.
@safe
public final class OwnThread: @unchecked Sendable {
    private let handle: Mutex<UInt?>

    /// Starts the thread under a name that `ps -L` and `top -H` show, its first 15 bytes.
    public init(named name: String, _ body: @escaping @Sendable () -> Void) throws(DiskError) {
        var thread = pthread_t()
        let start = unsafe Unmanaged.passRetained(ThreadStart(name: name, body: body))
        let code = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let start = unsafe Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
                start.showName()
                start.body()
                return nil
            },
            start.toOpaque()
        )
        guard code == 0 else {
            unsafe start.release()
            throw DiskError(.thread, name, code: code)
        }
        handle = Mutex(thread)
    }

    deinit {
        if let thread = handle.withLock({ $0.take() }) { pthread_detach(thread) }
    }

    /// Waits until the body has returned. The second caller does not wait.
    public func join() {
        if let thread = handle.withLock({ $0.take() }) { pthread_join(thread, nil) }
    }
}

private final class ThreadStart: Sendable {
    private let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }

    /// `pthread_setname_np` is not among what Swift imports; this is what it does. Where it cannot
    /// be done the thread goes by the process's name.
    func showName() {
        let descriptor = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        let bytes = Array(name.utf8)
        _ = unsafe write(descriptor, bytes, bytes.count)
        close(descriptor)
    }
}

/// The monotonic clock, in nanoseconds.
public func monotonicNanoseconds() -> UInt64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}

/// What the calling thread has used of its processor.
public func threadNanoseconds() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Sleeps the calling thread.
public func sleepThread(nanoseconds: UInt64) {
    var time = timespec(
        tv_sec: Int(nanoseconds / 1_000_000_000),
        tv_nsec: Int(nanoseconds % 1_000_000_000)
    )
    unsafe nanosleep(&time, nil)
}

/// The clock that goes on while the machine sleeps, in milliseconds (CLOCK_BOOTTIME).
public func bootMilliseconds() -> Int64 { milliseconds(of: CLOCK_BOOTTIME) }

/// The same clock, in microseconds.
public func bootMicroseconds() -> Int64 {
    let time = time(of: CLOCK_BOOTTIME)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
}

/// Milliseconds since 1970.
public func wallMilliseconds() -> Int64 { milliseconds(of: CLOCK_REALTIME) }

private func milliseconds(of clock: clockid_t) -> Int64 {
    let time = time(of: clock)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
}

private func time(of clock: clockid_t) -> timespec {
    var time = timespec()
    let result = unsafe clock_gettime(clock, &time)
    precondition(result == 0, "clock \(clock) cannot be read")
    return time
}
