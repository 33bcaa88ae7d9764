package import Measures

/// What a node's own threads tell for `mntr`. Times are in microseconds.
package struct NodeReport: Equatable, Sendable {
    /// The log's flushes, and the entries of each commit.
    package var flushes = Distribution()
    package var batches = Distribution()
    package var snapshots = Distribution()
    /// Times without a leader that have ended, and how many began.
    package var elections = Distribution()
    package var electionCount: UInt64 = 0
    /// As the leader: entries proposed, their bytes, and how long they took to be agreed on.
    package var proposalBytes = Distribution()
    package var lastProposalBytes = -1
    package var agreements = Distribution()
    /// As a follower: entries that came, and those of them that were agreed on.
    package var receivedCount: UInt64 = 0
    package var committedReceivedCount: UInt64 = 0
    /// As the leader: since when, and the others that are heard from.
    package var leaderUptimeMilliseconds: Int64 = 0
    package var learnerCount = 0
    package var syncedFollowerCount = 0
    package var syncedObserverCount = 0
    /// Syncs and reads of this node's clients that wait for the leader's word.
    package var pendingSyncCount = 0

    package init() {}
}

/// `mntr`: the gauges of the real server, in its order, and those of its counters and summaries
/// that are true of this one.
extension ServerReport {
    package var monitorText: String {
        var pairs = identity + gauges + replyGauges
        if mode != .standalone { pairs.append(("quorum_size", "\(voterCount / 2 + 1)")) }
        if mode == .leader { pairs += leaderGauges }
        pairs += counters + nodeCounters + summaries
        return pairs.map { "zk_\($0.0)\t\($0.1)\n" }.joined()
    }

    private var identity: [(String, String)] {
        var pairs = [("version", ServerVersion.text), ("server_state", mode.rawValue)]
        if mode != .standalone {
            let state = mode == .leader ? "leading - broadcast" : "following - broadcast"
            pairs.append(("peer_state", state))
        }
        return pairs
    }

    private var gauges: [(String, String)] {
        [
            ("ephemerals_count", "\(ephemeralCount)"),
            ("num_alive_connections", "\(connectionCount)"),
            ("avg_latency", traffic.latency.average),
            ("outstanding_requests", "\(outstandingCount)"),
            ("znode_count", "\(znodeCount)"),
            ("global_sessions", "\(sessionCount)"),
            ("non_mtls_remote_conn_count", "0"),
            ("last_client_response_size", "\(traffic.lastReplyBytes)"),
            ("packets_sent", "\(traffic.packetsSent)"),
            ("packets_received", "\(traffic.packetsReceived)"),
            ("max_client_response_size", "\(traffic.largestReplyBytes)"),
            ("connection_drop_probability", "0.0"),
            ("watch_count", "\(watchCount)"),
            ("auth_failed_count", "\(traffic.authenticationsFailed)"),
            ("min_latency", "\(traffic.latency.shownSmallest)"),
        ]
    }

    private var replyGauges: [(String, String)] {
        [
            ("max_file_descriptor_count", "\(maxFiles)"),
            ("approximate_data_size", "\(dataBytes)"),
            ("open_file_descriptor_count", "\(openFiles)"),
            ("local_sessions", "0"),
            ("uptime", "\(uptimeMilliseconds)"),
            ("max_latency", "\(traffic.latency.largest)"),
            ("outstanding_tls_handshake", "0"),
            ("min_client_response_size", "\(traffic.smallestReplyBytes)"),
            ("non_mtls_local_conn_count", "0"),
        ]
    }

    private var leaderGauges: [(String, String)] {
        let hasProposed = node.proposalBytes.count > 0
        return [
            ("learners", "\(node.learnerCount)"),
            ("synced_followers", "\(node.syncedFollowerCount)"),
            ("synced_non_voting_followers", "0"),
            ("synced_observers", "\(node.syncedObserverCount)"),
            ("pending_syncs", "\(node.pendingSyncCount)"),
            ("leader_uptime", "\(node.leaderUptimeMilliseconds)"),
            ("last_proposal_size", "\(node.lastProposalBytes)"),
            ("max_proposal_size", hasProposed ? "\(node.proposalBytes.greatest)" : "-1"),
            ("min_proposal_size", hasProposed ? "\(node.proposalBytes.least)" : "-1"),
        ]
    }

    private var counters: [(String, String)] {
        [
            ("watch_bytes", "\(traffic.eventBytesSent)"),
            ("connection_rejected", "\(traffic.connectionsRejected)"),
            ("sessionless_connections_expired", "\(traffic.sessionlessExpired)"),
            ("connection_drop_count", "\(traffic.connectionsDropped)"),
            ("bytes_received_count", "\(traffic.bytesReceived)"),
            ("response_bytes", "\(traffic.bytesSent)"),
            ("large_requests_rejected", "\(traffic.largeRequestsRejected)"),
            ("connection_request_count", "\(traffic.connectionsAccepted)"),
            ("unrecoverable_error_count", "0"),
        ]
    }

    private var nodeCounters: [(String, String)] {
        [
            ("commit_count", "\(node.agreements.count)"),
            ("proposal_count", "\(node.proposalBytes.count)"),
            ("looking_count", "\(node.electionCount)"),
            ("learner_proposal_received_count", "\(node.receivedCount)"),
            ("learner_commit_received_count", "\(node.committedReceivedCount)"),
        ]
    }

    private var summaries: [(String, String)] {
        Self.summary("election_time", node.elections, microseconds: true)
            + Self.summary("fsynctime", node.flushes, microseconds: true)
            + Self.summary("snapshottime", node.snapshots, microseconds: true)
            + Self.summary("sync_processor_batch_size", node.batches, microseconds: false)
            + Self.percentiles("updatelatency", times.writes)
            + Self.percentiles("readlatency", times.reads)
            + Self.percentiles("quorum_ack_latency", node.agreements)
    }

    /// Times are shown in milliseconds, as in the real server.
    private static func summary(
        _ name: String,
        _ values: Distribution,
        microseconds: Bool
    ) -> [(String, String)] {
        let divisor: UInt64 = microseconds ? 1_000 : 1
        return [
            ("avg_\(name)", javaText(values.mean / Double(divisor))),
            ("min_\(name)", "\(values.least / divisor)"),
            ("max_\(name)", "\(values.greatest / divisor)"),
            ("cnt_\(name)", "\(values.count)"),
            ("sum_\(name)", "\(values.sum / divisor)"),
        ]
    }

    private static func percentiles(_ name: String, _ values: Distribution) -> [(String, String)] {
        let parts = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)]
        return summary(name, values, microseconds: true)
            + parts.map { ("\($0.0)_\(name)", "\(UInt64(values.quantile($0.1) ?? 0) / 1_000)") }
    }

    /// As Java prints a double that was rounded to four places.
    private static func javaText(_ value: Double) -> String {
        "\((value * 10_000).rounded() / 10_000)"
    }
}
