import Foundation

/// A report for people.
struct ReportTable {
    private var lines: [String] = []

    init(_ report: Report) {
        addTitle(report)
        addThroughput(report)
        addLatencies(report)
        addFan(report)
        addIdle(report)
        addResources(report)
        addFaults(report.faults)
    }

    var text: String { lines.joined(separator: "\n") }

    private mutating func addTitle(_ report: Report) {
        let depth = report.depth.map { " x \($0)" } ?? ""
        let label = report.label.isEmpty ? "" : "\(report.label): "
        let addresses = report.addresses.joined(separator: ",")
        lines.append(
            "\(label)\(report.proto) \(report.workload) at \(addresses), "
                + "\(report.connections)\(depth) connections, "
                + "\(report.keys) keys of \(report.valueBytes) bytes"
        )
    }

    private mutating func addThroughput(_ report: Report) {
        guard let operations = report.operations, let rate = report.operationsPerSecond else {
            return
        }
        let seconds = report.seconds.map { " in \(Self.fixed($0, 1)) s" } ?? ""
        lines.append("  \(operations) operations\(seconds): \(Self.fixed(rate, 0))/s")
        if let gap = report.longestGapMilliseconds {
            lines.append("  longest silence \(Self.fixed(gap, 1)) ms")
        }
    }

    private mutating func addLatencies(_ report: Report) {
        let rows = [
            ("all", report.latency), ("reads", report.readLatency), ("writes", report.writeLatency),
        ].compactMap { name, latency in latency.map { (name, $0) } }
        guard !rows.isEmpty else { return }
        let names = ["us", "count", "mean", "p50", "p90", "p99", "p99.9", "max"]
        lines.append(Self.row(names))
        for (name, latency) in rows {
            let figures = [
                latency.mean, latency.p50, latency.p90, latency.p99, latency.p999, latency.max,
            ]
            lines.append(Self.row([name, "\(latency.n)"] + figures.map { Self.fixed($0, 1) }))
        }
    }

    private mutating func addFan(_ report: Report) {
        guard let fan = report.fan else { return }
        let round = fan.roundMilliseconds
        let write = fan.writeMilliseconds
        lines.append(
            "  \(fan.fullRounds) of \(fan.rounds) rounds reached all \(fan.watchers) watchers; "
                + "missed \(fan.missed), spurious \(fan.spurious)"
        )
        lines.append(
            "  write to last notification: p50 \(Self.fixed(round.p50, 2)) ms, "
                + "max \(Self.fixed(round.max, 2)) ms; write answered: "
                + "p50 \(Self.fixed(write.p50, 2)) ms"
        )
    }

    private mutating func addIdle(_ report: Report) {
        guard let idle = report.idle else { return }
        lines.append(
            "  \(idle.opened) opened in \(Self.fixed(idle.openSeconds, 2)) s, "
                + "\(idle.aliveAtEnd) alive at the end, \(idle.pongs) of \(idle.pings) pings "
                + "answered, \(idle.earlyReturns) early returns"
        )
        guard idle.residentEndKiB > 0 else { return }
        lines.append(
            "  server memory \(idle.residentBeforeKiB) KiB before, \(idle.residentEndKiB) KiB "
                + "after: \(Self.fixed(idle.residentPerConnectionKiB, 2)) KiB a connection"
        )
    }

    private mutating func addResources(_ report: Report) {
        var line = "  CPU: client \(Self.fixed(report.clientSeconds, 2)) s"
        if report.serverResidentKiB > 0 {
            line += ", server \(Self.fixed(report.serverSeconds, 2)) s"
            line += ", \(report.serverResidentKiB) KiB resident"
        }
        lines.append(line)
    }

    private mutating func addFaults(_ faults: Faults) {
        guard faults.total > 0 else { return }
        lines.append(
            "  ERRORS: \(faults.code) refused, \(faults.length) wrong, "
                + "\(faults.protocolErrors) malformed, \(faults.connection) connections, "
                + "\(faults.lost) never answered; first: \(faults.first ?? "unknown")"
        )
    }

    private static func row(_ cells: [String]) -> String {
        "  "
            + cells.enumerated().map { column, cell in
                let width = column == 0 ? 7 : 10
                let pad = String(repeating: " ", count: max(0, width - cell.count))
                return column == 0 ? cell + pad : pad + cell
            }.joined(separator: " ")
    }

    private static func fixed(_ value: Double, _ places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = Int64((value * scale).rounded())
        guard places > 0 else { return "\(scaled)" }
        let digits = String(abs(scaled))
        let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
        return (scaled < 0 ? "-" : "") + padded.dropLast(places) + "." + padded.suffix(places)
    }
}
