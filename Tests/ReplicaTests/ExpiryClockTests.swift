import Testing

@testable import Replica

@Suite("The leader's clock of leases")
struct ExpiryClockTests {
    private func ended(_ clock: inout ExpiryClock<Int>, _ now: Int64) -> [Int] {
        clock.expired(now: now)
    }

    @Test("a lease that nobody renews ends after its time, and not before")
    func ends() {
        var clock = ExpiryClock<Int>()
        clock.start(1, duration: 1_000, now: 0)
        #expect(ended(&clock, 999) == [])
        #expect(ended(&clock, 1_000 + ExpiryClock<Int>.bucketMilliseconds) == [1])
    }

    @Test("a renewed lease gets its full time again")
    func renewed() {
        var clock = ExpiryClock<Int>()
        clock.start(1, duration: 1_000, now: 0)
        let isThere = clock.renew(1, now: 900)
        #expect(isThere)
        #expect(ended(&clock, 1_500) == [])
        #expect(ended(&clock, 1_899) == [])
        #expect(ended(&clock, 1_950) == [1])
    }

    @Test("renewing what is not there does nothing")
    func unknown() {
        var clock = ExpiryClock<Int>()
        let isThere = clock.renew(1, now: 0)
        #expect(!isThere)
        #expect(ended(&clock, 100_000) == [])
    }

    @Test("a stopped lease does not end")
    func stopped() {
        var clock = ExpiryClock<Int>()
        clock.start(1, duration: 1_000, now: 0)
        clock.stop(1)
        #expect(clock.count == 0)
        #expect(ended(&clock, 100_000) == [])
    }

    @Test("an ended lease that stays is told again after its full time")
    func toldAgain() {
        var clock = ExpiryClock<Int>()
        clock.start(1, duration: 1_000, now: 0)
        #expect(ended(&clock, 2_000) == [1])
        #expect(ended(&clock, 2_500) == [])
        #expect(ended(&clock, 3_100) == [1])
    }

    @Test("starting a lease again, shorter, ends it at the shorter time and once")
    func shorter() {
        var clock = ExpiryClock<Int>()
        clock.start(1, duration: 10_000, now: 0)
        clock.start(1, duration: 1_000, now: 0)
        #expect(ended(&clock, 1_100) == [1])
        clock.stop(1)
        #expect(ended(&clock, 20_000) == [])
    }

    @Test("thousands of leases each end in their time")
    func many() {
        var clock = ExpiryClock<Int>()
        for lease in 0..<5_000 { clock.start(lease, duration: Int64(1_000 + lease), now: 0) }
        var ended: [Int] = []
        for now in stride(from: Int64(0), through: 7_000, by: 100) {
            let now = clock.expired(now: now)
            for lease in now { clock.stop(lease) }
            ended.append(contentsOf: now)
        }
        #expect(ended.count == 5_000)
        #expect(Set(ended).count == 5_000)
    }

    @Test func `a lease that passes to another holder has its full time again`() {
        var clock = ExpiryClock<Int>()
        clock.start(1, duration: 1_000, holder: 7, now: 0)
        clock.start(1, duration: 1_000, holder: 7, now: 900)
        clock.start(1, duration: 1_000, holder: 8, now: 950)
        #expect(clock.expired(now: 1_900) == [])
        #expect(clock.expired(now: 2_050) == [1])
        #expect(clock.holder(of: 1) == 8)
    }

    @Test func `a lease that is begun anew over and over keeps one entry of a time`() {
        var clock = ExpiryClock<Int>()
        for number in 1...10_000 { clock.start(1, duration: Int64(10_000 + number % 2), now: 0) }
        #expect(clock.filed < 2_000)
        #expect(clock.expired(now: 10_100) == [1])
    }

    /// Sessions with a TTL of a day that are made and destroyed at once left an entry for the day.
    @Test func `leases that are stopped long before their time leave little behind`() {
        var clock = ExpiryClock<Int>()
        clock.start(0, duration: 5_000, now: 0)
        for number in 1...20_000 {
            clock.start(number, duration: 86_400_000 + Int64(number) * 60, now: 0)
            clock.stop(number)
        }
        for number in 1...20_000 { clock.start(1, duration: Int64(100_000 + number * 60), now: 0) }
        #expect(clock.filed < 2_000)
        #expect(clock.expired(now: 5_100) == [0])
        clock.stop(0)
        #expect(clock.expired(now: 1_299_000) == [])
        #expect(clock.expired(now: 1_300_100) == [1])
    }
}
