import Foundation

/// A server's metrics, as of one time: the values of Prometheus' text by name and labels.
struct Scrape {
    let taken: Date
    private let values: [String: Double]

    init(_ text: String, taken: Date) {
        self.taken = taken
        var values: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " "),
                let value = Double(line[line.index(after: space)...])
            else { continue }
            values[String(line[..<space])] = value
        }
        self.values = values
    }

    subscript(_ name: String) -> Double? { values[name] }

    /// Of all rows with this name.
    func sum(_ name: String) -> Double? {
        let rows = values.filter { $0.key == name || $0.key.hasPrefix(name + "{") }
        return rows.isEmpty ? nil : rows.values.reduce(0, +)
    }
}

/// What happened between two looks at a server, by the second.
struct Rates: Encodable {
    var seconds: Double
    var reads: Double
    var writes: Double
    var events: Double
    var errors: Double
    var refused: Double
    var entriesApplied: Double
    /// How long a flush of the log took; nil: there was none.
    var flushSeconds: Double?

    init?(_ earlier: Scrape?, _ later: Scrape?) {
        guard let earlier, let later else { return nil }
        let passed = later.taken.timeIntervalSince(earlier.taken)
        guard passed > 0 else { return nil }
        func rate(_ names: String...) -> Double {
            // A server that was started anew begins at 0.
            let changes = names.map { (later.sum($0) ?? 0) - (earlier.sum($0) ?? 0) }
            return changes.reduce(0) { $0 + max(0, $1) } / passed
        }
        func requests(_ kind: String) -> Double {
            let name = "roost_request_seconds_count"
            return rate(
                "\(name){protocol=\"zookeeper\",kind=\"\(kind)\"}",
                "\(name){protocol=\"consul\",kind=\"\(kind)\"}"
            )
        }
        seconds = passed
        reads = requests("read")
        writes = requests("write")
        events = rate("roost_zookeeper_events_total", "roost_consul_answered_queries_total")
        errors = rate("roost_consul_errors_total")
        refused = rate("roost_requests_refused_total")
        entriesApplied = rate("roost_raft_applied_index")
        let flushes = rate("roost_log_flush_seconds_count")
        flushSeconds = flushes > 0 ? rate("roost_log_flush_seconds_sum") / flushes : nil
    }
}

extension ConsulClient {
    /// Nil where the server has none for Prometheus, as a Consul may not, or does not show them.
    func scrape() async throws(CommandFailure) -> Scrape? {
        do throws(CommandFailure) {
            let answer = try await send(
                .get,
                "/v1/agent/metrics",
                [("format", "prometheus")],
                what: "reading the metrics"
            )
            return Scrape(String(decoding: answer.body, as: UTF8.self), taken: Date())
        } catch {
            guard case .refused = error else { throw error }
            return nil
        }
    }
}
