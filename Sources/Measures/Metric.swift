/// A name with its values, as both formats show it.
package struct Metric: Equatable, Sendable {
    package enum Kind: String, Sendable {
        case gauge
        /// A number that only grows while the process runs.
        case counter
        /// Counts by size, with fixed bounds.
        case histogram
        /// Sum, count and quantiles of the last interval.
        case summary
    }

    /// With points between its words, as Consul writes it: "consul.raft.commitTime".
    package var name: String
    package var kind: Kind
    package var help: String
    /// Of a counter: whether it counts events, and not their bytes.
    package var countsOnes = true
    package var samples: [Sample]

    package struct Sample: Equatable, Sendable {
        package var labels: [Label] = []
        package var value: Value

        package init(_ value: Value, labels: [Label] = []) {
            self.labels = labels
            self.value = value
        }
    }

    package struct Label: Equatable, Sendable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package enum Value: Equatable, Sendable {
        case whole(UInt64)
        case real(Double)
        case distribution(Distribution, Scale)
    }

    /// What a distribution's values are shown as.
    package enum Scale: Equatable, Sendable {
        /// Counted things: entries, bytes.
        case whole
        case microsecondsAsSeconds
        case microsecondsAsMilliseconds

        package var divisor: Double {
            switch self {
            case .whole: 1
            case .microsecondsAsSeconds: 1_000_000
            case .microsecondsAsMilliseconds: 1_000
            }
        }
    }

    package init(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        self.name = name
        self.kind = kind
        self.help = help
        self.samples = samples
    }

    package static func real(_ name: String, _ value: Double, _ help: String) -> Metric {
        Metric(name, .gauge, help, [Sample(.real(value))])
    }

    /// 1 for true.
    package static func flag(_ name: String, _ value: Bool, _ help: String) -> Metric {
        gauge(name, value ? 1 : 0, help)
    }

    package static func gauge(_ name: String, _ value: UInt64, _ help: String) -> Metric {
        Metric(name, .gauge, help, [Sample(.whole(value))])
    }

    package static func counter(_ name: String, _ value: UInt64, _ help: String) -> Metric {
        Metric(name, .counter, help, [Sample(.whole(value))])
    }

    package static func bytes(_ name: String, _ value: UInt64, _ help: String) -> Metric {
        var metric = counter(name, value, help)
        metric.countsOnes = false
        return metric
    }

    /// Times in microseconds, shown in seconds.
    package static func times(_ name: String, _ value: Distribution, _ help: String) -> Metric {
        Metric(name, .histogram, help, [Sample(.distribution(value, .microsecondsAsSeconds))])
    }

    /// Counted things.
    package static func sizes(_ name: String, _ value: Distribution, _ help: String) -> Metric {
        Metric(name, .histogram, help, [Sample(.distribution(value, .whole))])
    }

    /// Times in microseconds, shown in milliseconds as Consul does.
    package static func summary(_ name: String, _ value: Distribution, _ help: String) -> Metric {
        Metric(name, .summary, help, [Sample(.distribution(value, .microsecondsAsMilliseconds))])
    }
}

extension Metric {
    /// What was added since an earlier look: counters and distributions only.
    package static func changes(of now: [Metric], since before: [Metric]) -> [Metric] {
        var known: [String: Value] = [:]
        for metric in before {
            for sample in metric.samples {
                known[PrometheusText.key(metric.name, sample.labels)] = sample.value
            }
        }
        return now.filter { $0.kind != .gauge }.map { metric in
            var metric = metric
            for place in metric.samples.indices {
                let key = PrometheusText.key(metric.name, metric.samples[place].labels)
                metric.samples[place].value = change(metric.samples[place].value, since: known[key])
            }
            return metric
        }
    }

    /// A counter that was set back counts from nothing.
    private static func change(_ now: Value, since before: Value?) -> Value {
        switch (now, before) {
        case (.whole(let now), .whole(let before)?) where now >= before: .whole(now - before)
        case (.real(let now), .real(let before)?) where now >= before: .real(now - before)
        case (.distribution(let now, let scale), .distribution(let before, _)?):
            .distribution(now.since(before), scale)
        case (.distribution(let now, let scale), nil):
            .distribution(now.since(Distribution()), scale)
        default: now
        }
    }
}
