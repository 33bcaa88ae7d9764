/// The answers that speak of the whole server.
extension ServerReport {
    /// `srvr`.
    package var serverText: String { versionLine + statistics }

    /// `stat`: the same with the connections.
    package func statusText(_ connections: [ConnectionReport]) -> String {
        var text = versionLine + "Clients:\n"
        for connection in connections { text += connection.brief + "\n" }
        return text + "\n" + statistics
    }

    private var versionLine: String { "Zookeeper version: \(ServerVersion.text)\n" }

    private var statistics: String {
        let latency = traffic.latency
        return """
            Latency min/avg/max: \(latency.shownSmallest)/\(latency.average)/\(latency.largest)
            Received: \(traffic.packetsReceived)
            Sent: \(traffic.packetsSent)
            Connections: \(connectionCount)
            Outstanding: \(outstandingCount)
            Zxid: 0x\(String(zxid, radix: 16))
            Mode: \(mode.rawValue)
            Node count: \(znodeCount)

            """
    }

    /// `mntr`: the gauges of the real server, in its order, and those counters that there are.
    package var monitorText: String {
        lines(identity + gauges + replyGauges + (mode == .leader ? leaderGauges : []) + counters)
    }

    private func lines(_ pairs: [(String, String)]) -> String {
        pairs.map { "zk_\($0.0)\t\($0.1)\n" }.joined()
    }

    private var identity: [(String, String)] {
        var pairs = [("version", ServerVersion.text), ("server_state", mode.rawValue)]
        if mode != .standalone {
            pairs.append(("peer_state", mode == .leader ? "leading - broadcast" : "following"))
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
        [
            ("learners", "\(max(0, voterCount - 1))"),
            ("synced_followers", "\(max(0, voterCount - 1))"),
            ("synced_non_voting_followers", "0"),
            ("synced_observers", "0"),
            ("pending_syncs", "0"),
            ("quorum_size", "\(voterCount / 2 + 1)"),
        ]
    }

    private var counters: [(String, String)] {
        [
            ("connection_rejected", "\(traffic.connectionsRejected)"),
            ("sessionless_connections_expired", "\(traffic.sessionlessExpired)"),
            ("connection_drop_count", "\(traffic.connectionsDropped)"),
            ("bytes_received_count", "\(traffic.bytesReceived)"),
            ("response_bytes", "\(traffic.bytesSent)"),
            ("large_requests_rejected", "\(traffic.largeRequestsRejected)"),
            ("connection_request_count", "\(traffic.connectionsAccepted)"),
            ("digest_mismatches_count", "0"),
            ("unrecoverable_error_count", "0"),
        ]
    }

    /// `hash`: the newest digest of the state, by zxid.
    package var digestText: String {
        "\(String(zxid, radix: 16)): \(digest)\n"
    }
}
