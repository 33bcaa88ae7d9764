import CoreMetrics
import Measures
import RoostServer
import Testing

@Suite struct MetricsRegistryTests {
    private let registry = MetricsRegistry()

    private func text() -> String { PrometheusText.text(registry.collect()) }

    @Test func `a counter, a gauge, a recorder and a timer are shown by their kinds`() {
        registry.describe("jobs.done_total", "Jobs that ended.")
        Counter(label: "jobs.done_total", dimensions: [("kind", "a")], factory: registry)
            .increment(by: 3)
        Counter(label: "jobs.done_total", dimensions: [("kind", "a")], factory: registry)
            .increment()
        Gauge(label: "jobs.level", dimensions: [], factory: registry).record(2.5)
        Recorder(label: "jobs.size", dimensions: [], aggregate: true, factory: registry).record(5)
        Timer(
            label: "jobs.seconds",
            dimensions: [],
            preferredDisplayUnit: .seconds,
            factory: registry
        ).recordMilliseconds(2)
        let shown = text()
        #expect(shown.contains("# HELP jobs_done_total Jobs that ended.\n"))
        #expect(shown.contains("jobs_done_total{kind=\"a\"} 4\n"))
        #expect(shown.contains("# TYPE jobs_level gauge\njobs_level 2.5\n"))
        #expect(shown.contains("jobs_size_bucket{le=\"7\"} 1\n"))
        #expect(shown.contains("jobs_seconds_sum 0.002\njobs_seconds_count 1\n"))
    }

    @Test func `a name keeps the kind of its first handler`() {
        Counter(label: "x", dimensions: [], factory: registry).increment()
        Gauge(label: "x", dimensions: [("a", "b")], factory: registry).record(7)
        #expect(registry.collect().map(\.kind) == [.counter])
        #expect(!text().contains("7"))
    }

    @Test func `a gauge that was never set is not shown, and a destroyed handler is gone`() {
        let gauge = Gauge(label: "g", dimensions: [], factory: registry)
        #expect(text() == "")
        gauge.record(1)
        #expect(text() != "")
        gauge.destroy()
        #expect(text() == "")
    }

    @Test func `rows over the bound are taken and not shown`() {
        for number in 0..<1_200 {
            Counter(label: "n", dimensions: [("number", "\(number)")], factory: registry)
                .increment()
        }
        #expect(registry.collect().first?.samples.count == 1_000)
    }

    @Test func `values that no bucket takes do not trap`() {
        let recorder = Recorder(label: "r", dimensions: [], aggregate: true, factory: registry)
        for value in [Double.nan, .infinity, -.infinity, -1, 1e300] { recorder.record(value) }
        recorder.record(Int64.min)
        Timer(label: "t", dimensions: [], preferredDisplayUnit: .seconds, factory: registry)
            .recordNanoseconds(Int64.min)
        #expect(registry.distribution("r").count == 3)
        #expect(registry.distribution("t").greatest == 0)
    }
}
