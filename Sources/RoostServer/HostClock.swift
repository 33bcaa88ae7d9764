import Disk
import Replica

/// The machine's clocks, in milliseconds.
enum HostClock {
    /// Goes on while the machine sleeps, so that leases end when they should (CLOCK_BOOTTIME).
    static func monotonic() -> Int64 { bootMilliseconds() }

    /// The same clock in microseconds, for measuring.
    static func microseconds() -> Int64 { bootMicroseconds() }

    /// What event loops have their time from.
    static var loopClock: LoopClock {
        LoopClock(monotonic: monotonic, wall: wall, microseconds: microseconds)
    }

    /// Since 1970.
    static func wall() -> Int64 { wallMilliseconds() }
}
