import Measures
import Testing

@Suite struct DistributionTests {
    @Test func `count, sum, mean and extremes are exact`() {
        var values = Distribution()
        for value: UInt64 in [0, 3, 7, 8, 1_000, 1_000_000] { values.add(value) }
        #expect(values.count == 6)
        #expect(values.sum == 1_001_018)
        #expect(values.least == 0)
        #expect(values.greatest == 1_000_000)
        #expect(values.mean == 1_001_018.0 / 6)
    }

    @Test func `an empty one shows zeros and has no quantile`() {
        let values = Distribution()
        #expect(values.least == 0 && values.greatest == 0 && values.mean == 0)
        #expect(values.quantile(0.5) == nil)
        #expect(values.count(belowPower: 10) == 0)
    }

    @Test func `a quantile is true to an eighth`() throws {
        var values = Distribution()
        var all: [UInt64] = []
        var seed: UInt64 = 0x9E37_79B9_7F4A_7C15
        for _ in 0..<20_000 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = (seed >> 40) >> (seed >> 33 & 15)
            values.add(value)
            all.append(value)
        }
        all.sort()
        for part in [0.01, 0.5, 0.9, 0.99, 0.999, 1] {
            let rank = max(1, Int((part * Double(all.count)).rounded(.up)))
            let exact = Double(all[rank - 1])
            let shown = try #require(values.quantile(part))
            #expect(abs(shown - exact) <= exact / 8, "\(part): \(shown), not \(exact)")
        }
    }

    /// What a Prometheus bucket says must be exact: powers of two begin buckets.
    @Test func `counts below powers of two are exact`() {
        var values = Distribution()
        for value: UInt64 in 0..<5_000 { values.add(value) }
        for power in 0...12 { #expect(values.count(belowPower: power) == 1 << UInt64(power)) }
        #expect(values.count(belowPower: 13) == 5_000)
    }

    @Test func `a huge value is counted, in the last bucket`() {
        var values = Distribution()
        values.add(.max >> 8)
        values.add(1 << 36)
        #expect(values.count == 2)
        #expect(values.count(belowPower: 35) == 0)
        #expect(values.greatest == .max >> 8)
    }

    @Test func `many at once are as many single ones`() {
        var once = Distribution()
        once.add(9, times: 3)
        var single = Distribution()
        for _ in 0..<3 { single.add(9) }
        #expect(once == single)
    }

    @Test func `the deviation is that of a sample`() {
        var values = Distribution()
        for value: UInt64 in [2, 4, 4, 4, 5, 5, 7, 9] { values.add(value) }
        #expect(abs(values.standardDeviation - 2.138_089_935_299_395) < 1e-12)
        var one = Distribution()
        one.add(5)
        #expect(one.standardDeviation == 0)
    }

    @Test func `an interval has what came in it, with its own extremes`() {
        var values = Distribution()
        values.add(1)
        values.add(900)
        let before = values
        values.beginInterval()
        values.add(10)
        values.add(20)
        let interval = values.since(before)
        #expect(interval.count == 2 && interval.sum == 30)
        #expect(interval.least == 10 && interval.greatest == 20)
        #expect(interval.mean == 15)
        #expect(values.least == 1 && values.greatest == 900)
        #expect(before.since(before).count == 0)
        #expect(values.since(Distribution()).count == 4)
    }

    @Test func `two loops' values are merged`() {
        var first = Distribution()
        first.add(3)
        var second = Distribution()
        second.add(100)
        second.add(5)
        first.merge(second)
        #expect(first.count == 3 && first.sum == 108)
        #expect(first.least == 3 && first.greatest == 100)
        var empty = Distribution()
        empty.merge(first)
        #expect(empty == first)
        empty.merge(Distribution())
        #expect(empty == first)
    }
}

@Suite struct SharedDistributionTests {
    @Test func `it collects what one thread added`() {
        let shared = SharedDistribution()
        var plain = Distribution()
        for value: UInt64 in [0, 1, 7, 8, 9, 1_000, 123_456, 1 << 40] {
            shared.add(value)
            plain.add(value)
        }
        #expect(shared.collect() == plain)
    }

    @Test func `a new interval forgets the extremes of the last one only`() {
        let shared = SharedDistribution()
        shared.add(5)
        shared.add(50)
        let before = shared.collect(beginsInterval: true)
        shared.add(7)
        let after = shared.collect()
        #expect(after.since(before).least == 7 && after.since(before).greatest == 7)
        #expect(after.least == 5 && after.greatest == 50)
    }

    @Test func `looks beside a writer see counts that only grow`() async {
        let shared = SharedDistribution()
        async let written: Void = {
            for value: UInt64 in 0..<200_000 { shared.add(value & 1_023) }
        }()
        var last: UInt64 = 0
        for _ in 0..<200 {
            let seen = shared.collect().count
            #expect(seen >= last)
            last = seen
        }
        await written
        #expect(shared.collect().count == 200_000)
    }
}

@Suite struct RequestWatchTests {
    @Test func `a sampler takes one of so many, and none where it is off`() {
        var sampler = Sampler(oneIn: 3)
        var taken: [Bool] = []
        for _ in 0..<7 { taken.append(sampler.takes()) }
        #expect(taken == [false, false, true, false, false, true, false])
        var off = Sampler(oneIn: 0)
        let isTaken = off.takes()
        #expect(!isTaken)
    }

    @Test func `nobody is told of anything by default`() {
        let watch = RequestWatch()
        #expect(!watch.isOn && !watch.isSlow(.max - 1))
    }
}
