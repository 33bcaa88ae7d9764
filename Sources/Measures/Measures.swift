/// What a node counts and how long things take: the values that hot paths add to, and the texts
/// that operators' tools read.
///
/// A count costs its path an addition: an event loop keeps plain integers and plain
/// `Distribution`s, a thread that others look at a `SharedDistribution` of relaxed atomics. Nobody
/// waits for anybody; who asks collects. The module reads no clock, takes no lock, and knows
/// neither what is counted nor who asks.
///
/// Map: `Distribution` (how often which values were seen), `SharedDistribution` (the same, read
/// from other threads), `Metric` (a name with its values, for both formats), `PrometheusText` (the
/// text that Prometheus scrapes).
package enum MeasuresLimits {
    /// Parts that every power of two is cut into: a value is known to an eighth of itself.
    package static let bucketsPerPower = 8
    /// Values from 2 to this power on fall into the last bucket: 19 hours of microseconds.
    package static let powersMax = 36
}
