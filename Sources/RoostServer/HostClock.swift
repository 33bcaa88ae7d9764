import Disk

/// The machine's clocks, in milliseconds.
enum HostClock {
    /// Goes on while the machine sleeps, so that leases end when they should (CLOCK_BOOTTIME).
    static func monotonic() -> Int64 { bootMilliseconds() }

    /// Since 1970.
    static func wall() -> Int64 { wallMilliseconds() }
}
