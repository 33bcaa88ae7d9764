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

    /// `hash`: the newest digest of the state, by zxid.
    package var digestText: String {
        "\(String(zxid, radix: 16)): \(digest)\n"
    }
}
