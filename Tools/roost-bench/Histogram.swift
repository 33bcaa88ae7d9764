/// Latencies in nanoseconds, counted in log-linear buckets: exact below 256, within 0.8% above.
struct Histogram: Sendable {
    private(set) var count: UInt64 = 0
    private(set) var maximum: UInt64 = 0
    private var sum: UInt64 = 0
    private var buckets = [UInt64](repeating: 0, count: Self.bucketCount)

    private static let precisionBits = 7
    private static let bucketCount = (64 - precisionBits + 1) << precisionBits

    mutating func record(_ nanoseconds: UInt64) {
        count += 1
        sum &+= nanoseconds
        maximum = max(maximum, nanoseconds)
        buckets[Self.bucket(of: nanoseconds)] += 1
    }

    mutating func merge(_ other: Histogram) {
        count += other.count
        sum &+= other.sum
        maximum = max(maximum, other.maximum)
        for index in buckets.indices { buckets[index] += other.buckets[index] }
    }

    var mean: Double { count == 0 ? 0 : Double(sum) / Double(count) }

    /// The value below which `fraction` of all recorded values lie.
    func quantile(_ fraction: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        let wanted = min(count - 1, UInt64(fraction * Double(count)))
        var seen: UInt64 = 0
        for (index, held) in buckets.enumerated() {
            seen += held
            if seen > wanted { return min(maximum, Self.middle(of: index)) }
        }
        return maximum
    }

    private static func bucket(of value: UInt64) -> Int {
        let shift = max(0, 63 - value.leadingZeroBitCount - precisionBits)
        return (shift << precisionBits) + Int(value >> UInt64(shift))
    }

    private static func middle(of bucket: Int) -> UInt64 {
        let shift = max(0, bucket >> precisionBits - 1)
        let lowest = UInt64(bucket - shift << precisionBits) << UInt64(shift)
        return lowest + (UInt64(1) << UInt64(shift)) >> 1
    }
}
