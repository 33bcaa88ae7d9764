package import Measures

/// /v1/agent/metrics as go-metrics writes it: gauges as they are, counters and samples as they were
/// in one interval; by name, and without those that did not move.
package enum MetricsBody {
    /// - Parameters:
    ///   - began: when the interval began, in seconds since 1970.
    ///   - changes: counters and distributions of the interval alone.
    package static func json(
        began: Int64,
        seconds: Double,
        gauges: [Metric],
        changes: [Metric]
    ) -> [UInt8] {
        var json = JSONWriter(reserving: 16_384)
        json.beginObject()
        json.name("Timestamp")
        json.string(HTTPDate.metricsText(seconds: began))
        list("Gauges", gauges.filter { $0.kind == .gauge }, &json) { value, json in
            guard let number = number(value), number.isFinite else { return false }
            json.name("Value")
            json.number(number)
            return true
        }
        json.name("Points")
        json.beginArray()
        json.endArray()
        list("Counters", changes.filter { $0.kind == .counter && $0.countsOnes }, &json) {
            value,
            json in
            guard let count = number(value), count > 0 else { return false }
            let ones = Aggregate(count: count, sum: count, least: 1, greatest: 1, deviation: 0)
            ones.write(seconds, &json)
            return true
        }
        let samples = changes.filter { $0.kind == .histogram || $0.kind == .summary }
        list("Samples", samples, &json) { value, json in
            guard case .distribution(let values, let scale) = value, values.count > 0 else {
                return false
            }
            Aggregate(values, scale).write(seconds, &json)
            return true
        }
        json.endObject()
        return json.bytes
    }

    private static func number(_ value: Metric.Value) -> Double? {
        switch value {
        case .whole(let value): Double(value)
        case .real(let value): value
        case .distribution: nil
        }
    }

    private static func list(
        _ title: String,
        _ metrics: [Metric],
        _ json: inout JSONWriter,
        _ write: (Metric.Value, inout JSONWriter) -> Bool
    ) {
        json.name(title)
        json.beginArray()
        for metric in metrics.sorted(by: { $0.name < $1.name }) {
            for sample in metric.samples {
                var element = JSONWriter()
                element.beginObject()
                element.name("Name")
                element.string(metric.name)
                guard write(sample.value, &element) else { continue }
                element.name("Labels")
                element.beginObject()
                for label in sample.labels {
                    element.name(label.name)
                    element.string(label.value)
                }
                element.endObject()
                element.endObject()
                json.raw(element.bytes)
            }
        }
        json.endArray()
    }

    /// What go-metrics says of many values.
    private struct Aggregate {
        var count: Double
        var sum: Double
        var least: Double
        var greatest: Double
        var deviation: Double

        init(count: Double, sum: Double, least: Double, greatest: Double, deviation: Double) {
            self.count = count
            self.sum = sum
            self.least = least
            self.greatest = greatest
            self.deviation = deviation
        }

        init(_ values: Distribution, _ scale: Metric.Scale) {
            count = Double(values.count)
            sum = Double(values.sum) / scale.divisor
            least = Double(values.least) / scale.divisor
            greatest = Double(values.greatest) / scale.divisor
            deviation = values.standardDeviation / scale.divisor
        }

        func write(_ seconds: Double, _ json: inout JSONWriter) {
            for (name, value) in [
                ("Count", count), ("Rate", seconds > 0 ? sum / seconds : 0), ("Sum", sum),
                ("Min", least), ("Max", greatest), ("Mean", sum / count), ("Stddev", deviation),
            ] {
                json.name(name)
                json.number(value)
            }
        }
    }
}
