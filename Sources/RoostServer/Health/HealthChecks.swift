import ConsulServer
import Raft
import Replica

/// What the checks look at, as of one time.
struct Vitals {
    /// Monotonic milliseconds, as all times here.
    var now: Int64
    /// When the replica's thread last turned; nil: it has not begun.
    var replicaTurnedAt: Int64?
    /// When the slowest event loop last turned.
    var loopsTurnedAt: Int64
    var status: ReplicaStatus
    var isLogFull = false
    var isStateFull = false
    /// The node was told to stop, and is handing over.
    var isLeaving = false
}

/// One thing that must be so for a node to be alive, or to be sent clients.
enum HealthCheck: String, CaseIterable {
    /// An answer is an answer.
    case ping
    case replica
    case eventLoops = "event-loops"
    case shutdown
    case member
    case state
    case leader
    case caughtUp = "caught-up"
    case disk

    /// A node that is not alive is to be started again, so only what a new start may help is
    /// looked at; and slowly, since it may be the disk that stalls.
    static let live: [HealthCheck] = [.ping, .replica, .eventLoops]
    static let ready = allCases

    /// What is wrong; nil: all is well.
    func problem(_ vitals: Vitals, _ kind: HealthInquiry.Kind) -> String? {
        let patience =
            kind == .live
            ? ServerLimits.lifelessMilliseconds : ServerLimits.unreadyMilliseconds
        switch self {
        case .ping: return nil
        case .replica:
            // Where it has not begun, the start is under way; that is not for `livez` to judge.
            guard let turned = vitals.replicaTurnedAt else {
                return kind == .live ? nil : "the node is starting"
            }
            let text = "the thread of log and agreement (it may wait for its disk)"
            return Self.silence(text, since: turned, vitals.now, patience)
        case .eventLoops:
            return Self.silence("an event loop", since: vitals.loopsTurnedAt, vitals.now, patience)
        case .shutdown: return vitals.isLeaving ? "the node is about to stop" : nil
        case .member: return vitals.status.isDismissed ? "removed from the cluster" : nil
        case .state: return vitals.status.divergence?.text
        case .leader: return vitals.status.knowsLeader ? nil : "no leader is known"
        case .caughtUp: return Self.lag(vitals.status)
        case .disk: return Self.shortage(vitals)
        }
    }

    private static func silence(
        _ what: String,
        since: Int64,
        _ now: Int64,
        _ patience: Int64
    ) -> String? {
        let silence = now - since
        return silence < patience ? nil : "\(what) has not turned for \(silence / 1_000) s"
    }

    private static func lag(_ status: ReplicaStatus) -> String? {
        guard status.commit > status.applied + ServerLimits.unreadyEntries else { return nil }
        return "\(status.commit - status.applied) entries are agreed on and not applied yet"
    }

    private static func shortage(_ vitals: Vitals) -> String? {
        if vitals.isLogFull { return "the log's disk is full" }
        return vitals.isStateFull ? "the state's disk is full" : nil
    }
}

/// The answer to /livez and /readyz, in the words of Kubernetes' API server: "ok", or a line for
/// each check. Unlike there the reasons are told: they are what the operator needs, and no secret.
enum HealthReport {
    static func answer(_ inquiry: HealthInquiry, _ vitals: Vitals) -> OperatorAnswer {
        let all = inquiry.kind == .live ? HealthCheck.live : HealthCheck.ready
        guard inquiry.check.isEmpty else { return one(inquiry, all, vitals) }
        let names = Set(all.map(\.rawValue))
        var lines: [String] = []
        var hasFailed = false
        for check in all {
            if inquiry.excluded.contains(check.rawValue) {
                lines.append("[+]\(check.rawValue) excluded: ok")
            } else if let problem = check.problem(vitals, inquiry.kind) {
                lines.append("[-]\(check.rawValue) failed: \(problem)")
                hasFailed = true
            } else {
                lines.append("[+]\(check.rawValue) ok")
            }
        }
        let unknown = inquiry.excluded.filter { !names.contains($0) }.map { "\"\($0)\"" }
        if !unknown.isEmpty {
            let text = unknown.joined(separator: ",")
            lines.append("warn: some health checks cannot be excluded: no matches for \(text)")
        }
        let kind = inquiry.kind.rawValue
        if hasFailed { return text(500, lines + ["\(kind) check failed"]) }
        return inquiry.isVerbose ? text(200, lines + ["\(kind) check passed"]) : .ok
    }

    private static func one(
        _ inquiry: HealthInquiry,
        _ all: [HealthCheck],
        _ vitals: Vitals
    ) -> OperatorAnswer {
        guard let check = all.first(where: { $0.rawValue == inquiry.check }) else {
            let names = all.map(\.rawValue).joined(separator: ", ")
            return text(404, ["there is no such check; there are \(names)"])
        }
        guard let problem = check.problem(vitals, inquiry.kind) else { return .ok }
        return text(500, ["[-]\(check.rawValue) failed: \(problem)"])
    }

    private static func text(_ status: Int, _ lines: [String]) -> OperatorAnswer {
        let text = lines.map { $0 + "\n" }.joined()
        return OperatorAnswer(status: status, body: Array(text.utf8))
    }
}

extension OperatorAnswer {
    fileprivate static var ok: OperatorAnswer {
        OperatorAnswer(status: 200, body: Array("ok".utf8))
    }
}
