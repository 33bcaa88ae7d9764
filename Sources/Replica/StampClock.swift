/// What a leader stamps entries with: its wall clock, but never back, and never still, since
/// lock-delays end by it.
///
/// Where the wall clock was set back, or the leader before had a faster one, time goes on from the
/// newest stamp at half its speed, until the wall clock has caught up: a delay then takes twice as
/// long at most. A new leader whose clock is ahead ends delays early by as much: clocks that are
/// kept by NTP are assumed to differ by far less than a lock-delay.
struct StampClock {
    private var last: Int64 = 0
    private var heardAt: Int64 = 0
    private var isHalfDue = false

    /// The stamp for entries that are proposed now.
    /// - Parameters:
    ///   - now: monotonic milliseconds.
    ///   - wall: milliseconds since 1970.
    mutating func stamp(now: Int64, wall: Int64) -> Int64 {
        let passed = max(0, now - heardAt) + (isHalfDue ? 1 : 0)
        heardAt = max(heardAt, now)
        isHalfDue = passed % 2 == 1
        last = max(wall, last + passed / 2)
        return last
    }

    /// The stamp of an entry that was committed, of whichever leader.
    mutating func note(_ stamp: Int64, now: Int64) {
        guard stamp > last else { return }
        last = stamp
        heardAt = max(heardAt, now)
        isHalfDue = false
    }
}
