/// Metrics in Prometheus' text format 0.0.4.
///
/// ```
/// # HELP roost_raft_commit_index The last entry that is agreed on.
/// # TYPE roost_raft_commit_index gauge
/// roost_raft_commit_index{name="value"} 17
/// ```
package struct PrometheusText {
    package private(set) var text = ""
    /// What each summary saw in the last interval, by name and labels: its quantiles.
    private let recent: [String: Distribution]
    /// Between the bounds of a histogram of times lie these powers of two of microseconds: 64 us
    /// to 16.8 s.
    private static let timePowers = 6...24
    /// And of one of counted things: 1 to 16,383.
    private static let countPowers = 1...14

    /// - Parameter recent: by `key`.
    package init(recent: [String: Distribution] = [:]) {
        self.recent = recent
    }

    package static func text(_ metrics: [Metric], recent: [String: Distribution] = [:]) -> String {
        var writer = PrometheusText(recent: recent)
        for metric in metrics { writer.append(metric) }
        return writer.text
    }

    /// What tells one row of values from all others.
    package static func key(_ name: String, _ labels: [Metric.Label]) -> String {
        name + labels.map { "|\($0.name)=\($0.value)" }.joined()
    }

    package mutating func append(_ metric: Metric) {
        guard !metric.samples.isEmpty else { return }
        let name = Self.name(metric.name)
        text += "# HELP \(name) \(Self.escaped(metric.help, quotes: false))\n"
        text += "# TYPE \(name) \(metric.kind.rawValue)\n"
        for sample in metric.samples {
            switch sample.value {
            case .whole(let value): line(name, sample.labels, "\(value)")
            case .real(let value): line(name, sample.labels, Self.number(value))
            case .distribution(let values, let scale) where metric.kind == .summary:
                let key = Self.key(metric.name, sample.labels)
                summary(name, sample.labels, values, recent[key] ?? Distribution(), scale)
            case .distribution(let values, let scale):
                histogram(name, sample.labels, values, scale)
            }
        }
    }

    private mutating func summary(
        _ name: String,
        _ labels: [Metric.Label],
        _ values: Distribution,
        _ recent: Distribution,
        _ scale: Metric.Scale
    ) {
        for part in ["0.5", "0.9", "0.99"] {
            let value = recent.quantile(Double(part) ?? 0).map { $0 / scale.divisor } ?? .nan
            line(name, labels + [Metric.Label("quantile", part)], Self.number(value))
        }
        total(name, labels, values, scale)
    }

    private mutating func histogram(
        _ name: String,
        _ labels: [Metric.Label],
        _ values: Distribution,
        _ scale: Metric.Scale
    ) {
        for power in scale == .whole ? Self.countPowers : Self.timePowers {
            // Whole numbers below a power are at most one less; a time is cut off, and was less.
            let bound = UInt64(1) << UInt64(power)
            let shown = scale == .whole ? Double(bound - 1) : Double(bound) / scale.divisor
            let labels = labels + [Metric.Label("le", Self.number(shown))]
            line("\(name)_bucket", labels, "\(values.count(belowPower: power))")
        }
        line("\(name)_bucket", labels + [Metric.Label("le", "+Inf")], "\(values.count)")
        total(name, labels, values, scale)
    }

    private mutating func total(
        _ name: String,
        _ labels: [Metric.Label],
        _ values: Distribution,
        _ scale: Metric.Scale
    ) {
        line("\(name)_sum", labels, Self.number(Double(values.sum) / scale.divisor))
        line("\(name)_count", labels, "\(values.count)")
    }

    private mutating func line(_ name: String, _ labels: [Metric.Label], _ value: String) {
        text += name
        if !labels.isEmpty {
            let pairs = labels.map {
                "\(Self.name($0.name))=\"\(Self.escaped($0.value, quotes: true))\""
            }
            text += "{\(pairs.joined(separator: ","))}"
        }
        text += " \(value)\n"
    }

    /// Points and all else that a name may not have become underscores.
    package static func name(_ name: String) -> String {
        let begins = name.unicodeScalars.first.map { !("0"..."9").contains($0) } ?? false
        return name.unicodeScalars.reduce(into: begins ? "" : "_") { text, scalar in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9": text.unicodeScalars.append(scalar)
            default: text += "_"
            }
        }
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return "\(Int64(value))" }
        return "\(value)"
    }
}
