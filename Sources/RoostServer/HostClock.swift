#if canImport(Glibc)
    import Glibc
#endif

/// The machine's clocks, in milliseconds.
enum HostClock {
    /// Goes on while the machine sleeps, so that leases end when they should (CLOCK_BOOTTIME).
    static func monotonic() -> Int64 { read(CLOCK_BOOTTIME) }

    /// Since 1970.
    static func wall() -> Int64 { read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        let result = unsafe clock_gettime(clock, &time)
        precondition(result == 0, "clock \(clock) cannot be read")
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
