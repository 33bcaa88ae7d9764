import Foundation

/// A server and its cluster on one screen.
struct NodeScreen {
    private let report: NodeReport
    private let paint: Paint

    init(_ report: NodeReport, _ paint: Paint) {
        self.report = report
        self.paint = paint
    }

    var lines: [String] {
        var lines = [
            row("server", report.address), row("node", node), row("leader", leader),
        ]
        if let problems = report.problems { lines.append(row("ready", ready(problems))) }
        if report.members == nil {
            lines.append(row("peers", report.peers.joined(separator: ", ")))
        }
        if let figures = report.figures { lines += rows(figures) }
        if let rates = report.rates { lines.append(row("rates", text(rates))) }
        if let members = report.members { lines += [""] + rows(members) }
        return lines
    }

    private func row(_ name: String, _ text: String) -> String {
        let padding = String(repeating: " ", count: max(0, 11 - name.count))
        return paint(.dim, name) + padding + " " + text
    }

    private var node: String {
        var parts = [report.node, report.datacenter]
        if let role = report.figures?.role { parts.insert(role.replacing("_", with: "-"), at: 1) }
        if !report.version.isEmpty { parts.append("API \(report.version)") }
        if let up = report.figures?.upSeconds { parts.append("up \(Figure.duration(seconds: up))") }
        return parts.filter { !$0.isEmpty }.joined(separator: ", ")
    }

    private var leader: String {
        guard !report.leader.isEmpty else { return paint(.red, "none") }
        let name = report.members.flatMap { $0.leader.isEmpty ? nil : $0.leader + " at " } ?? ""
        let term = report.figures?.term.map { ", term \(Int($0))" } ?? ""
        return paint(.green, name + report.leader) + term
    }

    private func ready(_ problems: [String]) -> String {
        problems.isEmpty
            ? paint(.green, "yes") : paint(.red, "no: " + problems.joined(separator: "; "))
    }

    // MARK: Figures

    private func rows(_ figures: NodeReport.Figures) -> [String] {
        [
            row("log", log(figures)), row("state", state(figures)), row("disk", disk(figures)),
            row("clients", clients(figures)), row("process", process(figures)),
        ]
    }

    private func count(_ value: Double?) -> String { value.map { "\(Int($0))" } ?? "?" }

    /// "1 key", "2 keys"
    private func count(_ value: Double?, _ one: String, _ many: String) -> String {
        "\(count(value)) \(value == 1 ? one : many)"
    }

    private func bytes(_ value: Double?) -> String { value.map { Figure.bytes($0) } ?? "?" }

    private func log(_ figures: NodeReport.Figures) -> String {
        let behind = (figures.commitIndex ?? 0) - (figures.appliedIndex ?? 0)
        let lag = behind > 0 ? paint(.yellow, "\(Int(behind)) not applied") : "all applied"
        let flush = report.rates?.flushSeconds.map {
            ", a flush \(Figure.milliseconds(seconds: $0))"
        }
        return "index \(count(figures.commitIndex)), \(lag); \(bytes(figures.logBytes))"
            + (flush ?? "")
    }

    private func state(_ figures: NodeReport.Figures) -> String {
        count(figures.znodes, "znode", "znodes")
            + " (\(count(figures.ephemerals)) ephemeral), "
            + count(figures.keys, "key", "keys") + ", "
            + count(figures.services, "service", "services") + "; "
            + bytes(figures.stateBytes)
    }

    private func disk(_ figures: NodeReport.Figures) -> String {
        let text = "\(bytes(figures.diskFreeBytes)) free of \(bytes(figures.diskBytes))"
        guard let free = figures.diskFreeBytes, let all = figures.diskBytes, all > 0 else {
            return text
        }
        return free / all < 0.1 ? paint(.yellow, text) : text
    }

    private func clients(_ figures: NodeReport.Figures) -> String {
        "\(count(figures.zookeeperConnections)) zookeeper, "
            + "\(count(figures.consulConnections)) consul connections; sessions "
            + "\(count(figures.zookeeperSessions)) and \(count(figures.consulSessions)); "
            + count(figures.watches, "watch", "watches") + ", "
            + count(figures.blockedQueries, "blocked query", "blocked queries")
    }

    private func process(_ figures: NodeReport.Figures) -> String {
        "\(bytes(figures.residentBytes)) resident, "
            + count(figures.openFiles, "open file", "open files")
    }

    private func text(_ rates: Rates) -> String {
        let bad = rates.errors + rates.refused
        let errors = "\(Figure.rate(bad)) errors"
        return "\(Figure.rate(rates.reads)) reads, \(Figure.rate(rates.writes)) writes, "
            + "\(Figure.rate(rates.events)) events, "
            + (bad > 0 ? paint(.red, errors) : errors) + " a second"
    }

    private func rows(_ members: ClusterMembers) -> [String] {
        let lines = Terminal.lines(of: members.table)
        return lines.enumerated().map { place, line in
            guard place > 0 else { return paint(.bold, line) }
            let member = members.members[place - 1]
            if member.data == "wrong" { return paint(.red, line) }
            let isLate = member.lag > 1_000 || member.contact > 1_000
            return isLate ? paint(.yellow, line) : line
        }
    }
}
