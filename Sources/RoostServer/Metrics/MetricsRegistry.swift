package import CoreMetrics
package import Measures
import Synchronization

/// The backend of swift-metrics: keeps what handlers are told until somebody asks.
///
/// It is not for hot paths, whose figures are collected from `NodeMeasures` and the event loops.
package final class MetricsRegistry: MetricsFactory {
    private struct Key: Hashable {
        var label: String
        var dimensions: [[String]]

        init(_ label: String, _ dimensions: [(String, String)]) {
            self.label = label
            self.dimensions = dimensions.map { [$0.0, $0.1] }
        }
    }

    private struct State {
        var series: [Key: Series] = [:]
        var helps: [String: String] = [:]
        var kinds: [String: Metric.Kind] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// What is said of a metric beside its values.
    package func describe(_ label: String, _ help: String) {
        state.withLock { $0.helps[label] = help }
    }

    // MARK: MetricsFactory

    package func makeCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any CounterHandler {
        series(label, dimensions, .counter)
    }

    package func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        series(label, dimensions, aggregate ? .histogram : .gauge)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, dimensions, .histogram, scale: .microsecondsAsSeconds)
    }

    package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    /// One that is the first with its name decides what kind the name is of; others, and what is
    /// over the bound, are taken and shown nowhere.
    private func series(
        _ label: String,
        _ dimensions: [(String, String)],
        _ kind: Metric.Kind,
        scale: Metric.Scale = .whole
    ) -> Series {
        state.withLock { state in
            let key = Key(label, dimensions)
            let fresh = Series(kind, scale)
            guard state.kinds[label, default: kind] == kind else { return fresh }
            if let known = state.series[key] { return known.scale == scale ? known : fresh }
            guard state.series.count < ServerLimits.metricSeriesMax else { return fresh }
            state.kinds[label] = kind
            state.series[key] = fresh
            return fresh
        }
    }

    private func remove(_ handler: AnyObject) {
        state.withLock { state in
            state.series = state.series.filter { $0.value !== handler }
        }
    }

    // MARK: Looking

    /// By name and labels.
    package func collect(beginsInterval: Bool = false) -> [Metric] {
        state.withLock { state in
            var metrics: [String: Metric] = [:]
            for (key, series) in state.series {
                let labels = key.dimensions.map { Metric.Label($0[0], $0[1]) }
                guard let value = series.value(beginsInterval: beginsInterval) else { continue }
                let help = state.helps[key.label] ?? "Told by a library."
                metrics[key.label, default: Metric(key.label, series.kind, help, [])].samples
                    .append(Metric.Sample(value, labels: labels))
            }
            return metrics.values.map { metric in
                var metric = metric
                metric.samples.sort {
                    PrometheusText.key("", $0.labels) < PrometheusText.key("", $1.labels)
                }
                return metric
            }.sorted { $0.name < $1.name }
        }
    }

    /// The values of a name without labels; nothing if there are none.
    package func distribution(_ label: String) -> Distribution {
        let series = state.withLock { $0.series[Key(label, [])] }
        guard case .distribution(let values, _)? = series?.value(beginsInterval: false) else {
            return Distribution()
        }
        return values
    }
}

/// The values of one handler.
private final class Series: CounterHandler, RecorderHandler, TimerHandler {
    let kind: Metric.Kind
    let scale: Metric.Scale

    private struct Values {
        var count: UInt64 = 0
        var number: Double?
        var distribution = Distribution()
    }

    private let values = Mutex(Values())

    init(_ kind: Metric.Kind, _ scale: Metric.Scale) {
        self.kind = kind
        self.scale = scale
    }

    func increment(by amount: Int64) {
        values.withLock { $0.count &+= UInt64(max(0, amount)) }
    }

    func reset() {
        values.withLock { $0.count = 0 }
    }

    func record(_ value: Int64) {
        values.withLock { values in
            values.number = Double(value)
            if kind != .gauge { values.distribution.add(UInt64(max(0, value))) }
        }
    }

    func record(_ value: Double) {
        values.withLock { values in
            values.number = value
            guard kind != .gauge, value.isFinite else { return }
            values.distribution.add(UInt64(min(max(0, value), 1e18)))
        }
    }

    func recordNanoseconds(_ duration: Int64) {
        values.withLock { $0.distribution.add(UInt64(max(0, duration)) / 1_000) }
    }

    /// Nil for a gauge that was never set.
    func value(beginsInterval: Bool) -> Metric.Value? {
        values.withLock { values in
            switch kind {
            case .counter: return .whole(values.count)
            case .gauge: return values.number.map { .real($0) }
            case .histogram, .summary:
                defer { if beginsInterval { values.distribution.beginInterval() } }
                return .distribution(values.distribution, scale)
            }
        }
    }
}
