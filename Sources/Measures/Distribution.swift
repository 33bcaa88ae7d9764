/// How often which values were seen: counts by size, with sum, squares and extremes. Values are
/// whole numbers: microseconds, bytes, entries.
///
/// It has one owner, and costs an addition to each of its parts. Its buckets take memory with the
/// first value.
package struct Distribution: Equatable, Sendable {
    /// The smallest and the largest value of some time.
    package struct Extremes: Equatable, Sendable {
        package var least = UInt64.max
        package var greatest: UInt64 = 0

        package init() {}

        /// - Parameter least: `.max`: there was none.
        init(least: Int64, greatest: Int64) {
            self.least = least == .max ? .max : UInt64(max(0, least))
            self.greatest = UInt64(max(0, greatest))
        }

        mutating func note(_ value: UInt64) {
            if value < least { least = value }
            if value > greatest { greatest = value }
        }

        mutating func merge(_ other: Extremes) {
            least = min(least, other.least)
            greatest = max(greatest, other.greatest)
        }
    }

    package private(set) var count: UInt64 = 0
    package private(set) var sum: UInt64 = 0
    /// The sum of the values' squares.
    package private(set) var squares: Double = 0
    /// Since the beginning.
    package private(set) var extremes = Extremes()
    /// Since `beginInterval`.
    package private(set) var recent = Extremes()
    private var buckets: [UInt64] = []

    package init() {}

    init(buckets: [UInt64], sum: UInt64, squares: Double, extremes: Extremes, recent: Extremes) {
        count = buckets.reduce(0, &+)
        self.sum = sum
        self.squares = squares
        self.extremes = extremes
        self.recent = recent
        self.buckets = buckets
    }

    package mutating func add(_ value: UInt64, times: UInt64 = 1) {
        if buckets.isEmpty { buckets = [UInt64](repeating: 0, count: Buckets.count) }
        buckets[Buckets.index(of: value)] &+= times
        count &+= times
        sum &+= value &* times
        squares += Double(value) * Double(value) * Double(times)
        extremes.note(value)
        recent.note(value)
    }

    /// From here on `recent` counts anew.
    package mutating func beginInterval() { recent = Extremes() }

    package mutating func merge(_ other: Distribution) {
        guard other.count > 0 else { return }
        if buckets.isEmpty { buckets = [UInt64](repeating: 0, count: Buckets.count) }
        for place in other.buckets.indices { buckets[place] &+= other.buckets[place] }
        count &+= other.count
        sum &+= other.sum
        squares += other.squares
        extremes.merge(other.extremes)
        recent.merge(other.recent)
    }

    /// What came after an earlier look at the same values; its extremes are the recent ones.
    package func since(_ earlier: Distribution) -> Distribution {
        guard earlier.count > 0 else {
            var all = self
            all.extremes = count == 0 ? Extremes() : recent
            return all
        }
        guard count > earlier.count else { return Distribution() }
        var difference = self
        for place in earlier.buckets.indices {
            difference.buckets[place] &-= earlier.buckets[place]
        }
        difference.count &-= earlier.count
        difference.sum &-= earlier.sum
        difference.squares = max(0, squares - earlier.squares)
        difference.extremes = recent
        return difference
    }

    // MARK: Looking

    package var mean: Double { count == 0 ? 0 : Double(sum) / Double(count) }

    /// Of a sample, as go-metrics computes it.
    package var standardDeviation: Double {
        guard count > 1 else { return 0 }
        let number = Double(count)
        let total = Double(sum)
        let spread = number * squares - total * total
        return spread > 0 ? (spread / (number * (number - 1))).squareRoot() : 0
    }

    /// 0 where nothing was seen.
    package var least: UInt64 { count == 0 || extremes.least == .max ? 0 : extremes.least }
    package var greatest: UInt64 { extremes.greatest }

    /// The value that this part (0 to 1) of all do not exceed, to an eighth of itself; nil where
    /// nothing was seen.
    package func quantile(_ part: Double) -> Double? {
        guard count > 0 else { return nil }
        let rank = max(1, (part * Double(count)).rounded(.up))
        var seen: UInt64 = 0
        for (place, number) in buckets.enumerated() where number > 0 {
            seen &+= number
            guard Double(seen) >= rank else { continue }
            return min(max(Buckets.middle(place), Double(least)), Double(greatest))
        }
        return Double(greatest)
    }

    /// How many values are below 2 to this power; exact, since buckets begin there.
    package func count(belowPower power: Int) -> UInt64 {
        guard !buckets.isEmpty else { return 0 }
        return buckets[..<Buckets.index(of: 1 << UInt64(power))].reduce(0, &+)
    }
}

/// The buckets: eight values of their own, then eight to each power of two.
///
/// ```
/// value   0 1 ... 7   8 9 ... 15   16 18 ... 30   32 36 ... 60   ...
/// bucket  0 1 ... 7   8 9 ... 15   16 17 ... 23   24 25 ... 31   ...
/// ```
enum Buckets {
    private static let parts = MeasuresLimits.bucketsPerPower
    private static let shift = 3
    static let count = parts * (MeasuresLimits.powersMax - shift + 1)

    static func index(of value: UInt64) -> Int {
        guard value >= UInt64(parts) else { return Int(value) }
        let power = 63 - value.leadingZeroBitCount
        guard power < MeasuresLimits.powersMax else { return count - 1 }
        let part = Int(truncatingIfNeeded: value >> UInt64(power - shift)) & (parts - 1)
        return parts * (power - shift + 1) + part
    }

    /// The middle of the values that fall into a bucket.
    static func middle(_ index: Int) -> Double {
        guard index >= parts else { return Double(index) }
        let power = index / parts + shift - 1
        let width = UInt64(1) << UInt64(power - shift)
        let low = (UInt64(parts) + UInt64(index % parts)) * width
        return Double(low) + Double(width - 1) / 2
    }
}
