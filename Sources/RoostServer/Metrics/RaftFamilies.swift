import Measures
import Raft
import RaftStore
import Replica

/// Metrics of agreement and of the log.
enum RaftFamilies {
    static func metrics(_ figures: NodeFigures) -> [Metric] {
        standing(figures) + elections(figures.node) + peers(figures) + log(figures)
            + entries(figures.node) + applying(figures.node)
    }

    private static func standing(_ figures: NodeFigures) -> [Metric] {
        let status = figures.status
        var metrics: [Metric] = [
            Metric(
                "roost.raft.role",
                .gauge,
                "1 for the role that this node has.",
                ["follower", "pre_candidate", "candidate", "leader"].map { role in
                    Metric.Sample(
                        .whole(role == name(status.role) ? 1 : 0),
                        labels: [Metric.Label("role", role)]
                    )
                }
            ),
            .flag("roost.raft.has_leader", status.knowsLeader, "1: a leader is known."),
            .gauge("roost.raft.term", status.term, "Raft's term."),
            .gauge("roost.raft.commit_index", status.commit, "The last entry agreed on."),
            .gauge("roost.raft.applied_index", figures.applied, "The last entry applied here."),
            .flag(
                "roost.state.is_wrong",
                status.divergence != nil,
                "1: the state is not the cluster's, and serves nobody until it is refilled."
            ),
        ]
        guard let raft = figures.raft else { return metrics }
        let age = Double(max(0, figures.now - raft.asOf)) / 1_000
        let membership = raft.status.membership
        metrics += [
            .gauge("roost.raft.last_index", raft.status.last.rawValue, "The log's last entry."),
            .gauge(
                "roost.raft.durable_index",
                raft.status.durable.rawValue,
                "The last entry that is on this node's disk."
            ),
            .real("roost.raft.tick_age_seconds", age, "Since Raft's thread last ran its clock."),
            .gauge("roost.raft.voters", UInt64(membership.incoming.count), "Members that vote."),
            .gauge(
                "roost.raft.members",
                UInt64(membership.members.count),
                "Members, learners included."
            ),
            .gauge(
                "roost.raft.held_requests",
                UInt64(raft.held),
                "Requests that wait for a leader."
            ),
        ]
        if raft.status.role == .leader {
            metrics.append(
                .gauge(
                    "roost.raft.leases",
                    UInt64(raft.leases),
                    "Sessions and checks that the leader ends when nobody renews them."
                )
            )
        } else if status.knowsLeader {
            metrics.append(
                .real(
                    "roost.raft.leader_contact_age_seconds",
                    Double(status.lastContactMilliseconds) / 1_000,
                    "Since the leader was heard from; in steps of a tick."
                )
            )
        }
        return metrics
    }

    static func name(_ role: Role) -> String {
        switch role {
        case .follower: "follower"
        case .preCandidate: "pre_candidate"
        case .candidate: "candidate"
        case .leader: "leader"
        }
    }

    private static func elections(_ node: ThreadFigures) -> [Metric] {
        [
            .counter(
                "roost.raft.leader_changes_total",
                node.leaderChanges,
                "Leaders that this node has seen come."
            ),
            .counter(
                "roost.raft.leaderless_total",
                node.leaderlessCount,
                "Times that this node knew no leader, its start included."
            ),
            .times(
                "roost.raft.leaderless_seconds",
                node.leaderless,
                "How long this node knew no leader, each time that has ended."
            ),
            Metric(
                "roost.raft.role_changes_total",
                .counter,
                "Times that this node took a role.",
                node.roleTerms.map {
                    Metric.Sample(.whole($0.count), labels: [Metric.Label("role", $0.role)])
                }
            ),
        ]
    }

    /// Only the leader knows the others.
    private static func peers(_ figures: NodeFigures) -> [Metric] {
        guard let raft = figures.raft, raft.status.role == .leader else { return [] }
        func metric(_ name: String, _ help: String, _ value: (PeerStatus) -> Metric.Value) -> Metric
        {
            Metric(
                "roost.raft.peer.\(name)",
                .gauge,
                help,
                raft.status.peers.map { peer in
                    let label = Metric.Label("peer", figures.names(peer.id.rawValue))
                    return Metric.Sample(value(peer), labels: [label])
                }
            )
        }
        return [
            metric("match_index", "The last entry on the peer's disk.") {
                .whole($0.match.rawValue)
            },
            metric("lag_entries", "Entries that are not known to be on the peer's disk.") {
                .whole(UInt64(max(0, $0.lagCount)))
            },
            metric("inflight_messages", "Messages with entries that are under way.") {
                .whole(UInt64(max(0, $0.inflightCount)))
            },
            metric("contact_age_seconds", "Since the peer was heard from; in steps of a tick.") {
                let ticks = Int64(max(0, $0.ticksSinceContact))
                return .real(Double(ticks * ServerLimits.tickMilliseconds) / 1_000)
            },
            metric("is_voter", "1: it votes; 0: it learns.") { .whole($0.isVoter ? 1 : 0) },
            metric("is_streaming", "1: entries are streamed; 0: sought, or a snapshot is sent.") {
                .whole($0.state == .replicate ? 1 : 0)
            },
        ]
    }

    private static func log(_ figures: NodeFigures) -> [Metric] {
        let storage = figures.storage
        var metrics: [Metric] = [
            .times(
                "roost.log.flush_seconds",
                figures.node.flushes,
                "How long making a commit of the log durable took."
            ),
            .gauge("roost.log.used_bytes", UInt64(storage.log.usedBytes), "The log in its file."),
            .gauge("roost.log.file_bytes", UInt64(storage.log.fileBytes), "The log's file."),
            .gauge(
                "roost.log.reusable_bytes",
                UInt64(storage.log.reusableBytes),
                "What is free inside of what the log uses."
            ),
            .flag(
                "roost.log.is_disk_full",
                storage.log.isDiskFull,
                "1: the log could not grow when it last should have."
            ),
            .gauge(
                "roost.log.since_snapshot_bytes",
                UInt64(storage.bytesSinceSnapshot),
                "Entries that came after the last snapshot."
            ),
        ]
        if let raft = figures.raft {
            let end = raft.status.last.rawValue + 1
            let count = end - min(raft.first.rawValue, end)
            metrics.append(.gauge("roost.log.entries", count, "Entries that the log holds."))
        }
        if let snapshot = storage.lastSnapshot {
            metrics.append(
                .gauge(
                    "roost.snapshot.last_index",
                    snapshot.index.rawValue,
                    "What the newest snapshot covers."
                )
            )
        }
        return metrics
    }

    private static func entries(_ node: ThreadFigures) -> [Metric] {
        var commits = node.dispatches
        commits.merge(node.stores)
        return [
            .times("roost.log.commit_seconds", commits, "How long a commit of the log took."),
            .sizes("roost.log.commit_entries", node.commitEntries, "Entries of one commit."),
            .sizes("roost.log.commit_bytes", node.commitBytes, "Payloads of one commit."),
            .times(
                "roost.raft.agreement_seconds",
                node.agreements,
                "A leader's entries: from when their commit began to when a majority had them."
            ),
            .counter(
                "roost.raft.proposed_total",
                node.proposalBytes.count,
                "Commands that this node appended as the leader."
            ),
            .counter(
                "roost.raft.received_total",
                node.receivedEntries,
                "Entries that this node stored for a leader."
            ),
            Metric(
                "roost.raft.committed_total",
                .counter,
                "Entries that were agreed on, by whose they were.",
                [
                    Metric.Sample(
                        .whole(node.agreements.count),
                        labels: [Metric.Label("origin", "own")]
                    ),
                    Metric.Sample(
                        .whole(node.committedReceived),
                        labels: [Metric.Label("origin", "leader")]
                    ),
                ]
            ),
        ]
    }

    private static func applying(_ node: ThreadFigures) -> [Metric] {
        [
            .times(
                "roost.apply.batch_seconds",
                node.applies,
                "How long applying a batch of entries took."
            ),
            .sizes("roost.apply.batch_entries", node.appliedEntries, "Entries of such a batch."),
        ]
    }
}
