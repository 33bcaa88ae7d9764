import Testing

@testable import Replica

@Suite struct StampClockTests {
    @Test func `it is the wall clock as long as that goes forward`() {
        var clock = StampClock()
        #expect(clock.stamp(now: 1_000, wall: 5_000_000) == 5_000_000)
        #expect(clock.stamp(now: 1_001, wall: 5_000_001) == 5_000_001)
        #expect(clock.stamp(now: 2_000, wall: 9_000_000) == 9_000_000)
    }

    /// It stood still for as long as the step was, and every lock-delay with it.
    @Test func `a step back of the wall clock slows it down to half, however often it is asked`() {
        var clock = StampClock()
        let hour: Int64 = 3_600_000
        _ = clock.stamp(now: 0, wall: 10 * hour)
        var stamp: Int64 = 0
        for now in 1...Int64(10_000) { stamp = clock.stamp(now: now, wall: 9 * hour + now) }
        #expect(stamp == 10 * hour + 5_000)
        #expect(clock.stamp(now: 2 * hour, wall: 11 * hour) == 11 * hour, "caught up")
        #expect(clock.stamp(now: 2 * hour + 7, wall: 11 * hour + 7) == 11 * hour + 7)
    }

    @Test func `a leader goes on from the stamps of a faster one before it`() {
        var clock = StampClock()
        clock.note(700_000, now: 50)
        clock.note(600_000, now: 60)
        #expect(clock.stamp(now: 50, wall: 100_000) == 700_000)
        #expect(clock.stamp(now: 30_050, wall: 130_000) == 715_000)
    }
}
