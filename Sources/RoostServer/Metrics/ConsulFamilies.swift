import ConsulServer
import DNSServer
import Measures
import Raft
import Replica

/// Metrics under Consul's own names (of 1.8.7), for its dashboards; times in milliseconds. What has
/// no true counterpart here is left out (see Operating.md).
enum ConsulFamilies {
    static func metrics(_ figures: NodeFigures) -> [Metric] {
        gauges(figures) + counters(figures) + raft(figures) + endpoints(figures)
    }

    private static func gauges(_ figures: NodeFigures) -> [Metric] {
        var metrics: [Metric] = [
            .gauge(
                "consul.raft.applied_index",
                figures.applied,
                "The last entry applied here."
            ),
            .gauge(
                "consul.rpc.queries_blocking",
                UInt64(figures.loops.blockedQueries),
                "Queries that wait for news."
            ),
        ]
        guard let raft = figures.raft else { return metrics }
        metrics.append(
            .gauge("consul.raft.last_index", raft.status.last.rawValue, "The log's last entry.")
        )
        guard raft.status.role == .leader else { return metrics }
        let health = VoterHealth(raft.status)
        metrics += [
            .gauge(
                "consul.raft.leader.dispatchNumLogs",
                UInt64(figures.node.lastDispatchEntries),
                "Entries of the last commit."
            ),
            .flag(
                "consul.autopilot.healthy",
                health.areAllHeard,
                "1: every voter was heard from within an election timeout."
            ),
            .gauge(
                "consul.autopilot.failure_tolerance",
                UInt64(health.tolerance),
                "Voters that may fail without the cluster's standing still."
            ),
        ]
        return metrics
    }

    private static func counters(_ figures: NodeFigures) -> [Metric] {
        var metrics: [Metric] = [
            .counter(
                "consul.raft.apply",
                figures.node.proposalBytes.count,
                "Commands that this node appended as the leader."
            ),
            .counter("consul.rpc.query", figures.loops.consul.queries, "Reads of the state."),
        ]
        for (role, count) in figures.node.roleTerms where role != "pre_candidate" {
            metrics.append(
                .counter("consul.raft.state.\(role)", count, "Times that this node became one.")
            )
        }
        return metrics
    }

    private static func raft(_ figures: NodeFigures) -> [Metric] {
        let node = figures.node
        var metrics: [Metric] = [
            .summary(
                "consul.raft.commitTime",
                node.agreements,
                "A leader's entries: until a majority had them."
            ),
            .summary(
                "consul.raft.leader.dispatchLog",
                node.dispatches,
                "How long writing a commit took, as the leader."
            ),
            .summary(
                "consul.raft.rpc.appendEntries.storeLogs",
                node.stores,
                "How long writing a commit took, as a follower."
            ),
            .summary(
                "consul.raft.leader.lastContact",
                node.followerSilences,
                "How long ago each voter was heard from, at each tick of the leader."
            ),
        ]
        for (own, name) in [
            (RareFigures.takeTimeName, "consul.raft.snapshot.takeSnapshot"),
            (RareFigures.installTimeName, "consul.raft.fsm.restore"),
        ] {
            guard let found = figures.rare.first(where: { $0.name == own }),
                case .distribution(let values, _)? = found.samples.first?.value
            else { continue }
            metrics.append(.summary(name, values, found.help))
        }
        return metrics
    }

    private static func endpoints(_ figures: NodeFigures) -> [Metric] {
        let consul = figures.loops.consul
        let commands: [Metric] = [
            .summary("consul.kvs.apply", consul.keyWrites, "Writes of keys."),
            .summary("consul.txn.apply", consul.transactions, "Transactions."),
            .summary("consul.session.apply", consul.sessionWrites, "Sessions begun and ended."),
            .summary("consul.session.renew", consul.sessionRenewals, "Renewals of sessions."),
            .summary("consul.catalog.register", consul.registrations, "Registrations."),
            .summary("consul.catalog.deregister", consul.deregistrations, "Deregistrations."),
            .summary(
                "consul.rpc.consistentRead",
                consul.consistentTimes,
                "From a consistent read's coming to the leader's word for it."
            ),
            .summary(
                "consul.dns.domain_query",
                figures.loops.names.names,
                "Answers for names of the domain, and refusals of others."
            ),
            .summary(
                "consul.dns.ptr_query",
                figures.loops.names.addresses,
                "Answers for the names of addresses."
            ),
        ]
        let routes = consul.routes.sorted { $0.name < $1.name }.map {
            Metric.summary("consul.http.\($0.name)", $0.times, "Requests, with their waiting.")
        }
        return commands + routes
    }
}

/// Which voters the leader has heard from lately.
struct VoterHealth {
    let areAllHeard: Bool
    let tolerance: Int

    init(_ status: Status) {
        let voters = status.membership.incoming
        let heard = voters.filter { voter in
            if voter == status.id { return true }
            let peer = status.peers.first { $0.id == voter }
            return peer.map { $0.ticksSinceContact < RaftLimits().electionTicks } ?? false
        }
        areAllHeard = heard.count == voters.count
        tolerance = max(0, heard.count - (voters.count / 2 + 1))
    }
}
