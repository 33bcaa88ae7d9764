import Synchronization

/// A `Distribution` that one thread adds to and others look at. An addition is a handful of
/// relaxed atomics; a look may see some of an addition's parts and not yet the others.
package final class SharedDistribution: Sendable {
    private let buckets = InlineArray<272, Atomic<UInt64>> { _ in Atomic<UInt64>(0) }
    private let sum = Atomic<UInt64>(0)
    /// The bits of a Double.
    private let squares = Atomic<UInt64>(0)
    /// Signed: `Atomic<UInt64>.min` and `.max` compare as if they were (Swift 6.3.1).
    private let least = Atomic<Int64>(.max)
    private let greatest = Atomic<Int64>(0)
    private let recentLeast = Atomic<Int64>(.max)
    private let recentGreatest = Atomic<Int64>(0)

    package init() {
        precondition(buckets.count == Buckets.count, "\(Buckets.count) buckets are needed")
    }

    /// By one thread at a time.
    package func add(_ value: UInt64, times: UInt64 = 1) {
        buckets[Buckets.index(of: value)].wrappingAdd(times, ordering: .relaxed)
        sum.wrappingAdd(value &* times, ordering: .relaxed)
        let square = Double(value) * Double(value) * Double(times)
        let before = Double(bitPattern: squares.load(ordering: .relaxed))
        squares.store((before + square).bitPattern, ordering: .relaxed)
        let signed = Int64(clamping: value)
        least.min(signed, ordering: .relaxed)
        greatest.max(signed, ordering: .relaxed)
        recentLeast.min(signed, ordering: .relaxed)
        recentGreatest.max(signed, ordering: .relaxed)
    }

    /// What was seen so far.
    /// - Parameter beginsInterval: the recent extremes count anew from here on.
    package func collect(beginsInterval: Bool = false) -> Distribution {
        var counts: [UInt64] = []
        counts.reserveCapacity(Buckets.count)
        for place in buckets.indices { counts.append(buckets[place].load(ordering: .relaxed)) }
        let extremes = Distribution.Extremes(
            least: least.load(ordering: .relaxed),
            greatest: greatest.load(ordering: .relaxed)
        )
        let recent = Distribution.Extremes(
            least: Self.take(recentLeast, leaving: beginsInterval ? .max : nil),
            greatest: Self.take(recentGreatest, leaving: beginsInterval ? 0 : nil)
        )
        return Distribution(
            buckets: counts,
            sum: sum.load(ordering: .relaxed),
            squares: Double(bitPattern: squares.load(ordering: .relaxed)),
            extremes: extremes,
            recent: recent
        )
    }

    private static func take(_ value: borrowing Atomic<Int64>, leaving next: Int64?) -> Int64 {
        guard let next else { return value.load(ordering: .relaxed) }
        return value.exchange(next, ordering: .relaxed)
    }
}

/// A number that one place adds to and others look at.
package final class SharedCount: Sendable {
    private let value = Atomic<UInt64>(0)

    package init() {}

    package func add(_ number: UInt64 = 1) { value.wrappingAdd(number, ordering: .relaxed) }

    package var current: UInt64 { value.load(ordering: .relaxed) }
}
