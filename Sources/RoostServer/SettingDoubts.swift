import PeerTransport
package import TransportSecurity

extension ServerConfiguration {
    /// What a value stands for that says "as usual": an empty name, zero event loops.
    package func meaning(of setting: Setting) -> String? {
        switch setting {
        case .name where !isNameGiven: name
        case .eventLoops: "\(eventLoopCount) threads"
        case .minSessionTimeoutMilliseconds: "\(minSessionTimeoutMilliseconds) ms"
        case .maxSessionTimeoutMilliseconds: "\(maxSessionTimeoutMilliseconds) ms"
        case .advertise: advertise
        case .peerPort where ownPeerPort != peerPort: "\(ownPeerPort), as cluster says"
        default: nil
        }
    }
}

extension ServerConfiguration {
    /// What is allowed, and yet hardly meant.
    package var doubts: [String] {
        var doubts: [String] = []
        let others = cluster.filter { $0.name != name && !Self.isLoopback($0.place.host) }
        if Self.isLoopback(bind), let other = others.first {
            doubts.append(
                "bind is \(bind), where \(other.name) at \(other.place.host) cannot reach this node"
            )
        }
        if let own = ownMember, own.place.port != ownPeerPort {
            doubts.append(
                "the others look for this node at port \(own.place.port), as cluster says, and it "
                    + "listens at \(ownPeerPort)"
            )
        }
        if cluster.count == 2 || cluster.count == 4 {
            doubts.append(
                "a cluster of \(cluster.count) survives no more failures than one of "
                    + "\(cluster.count - 1)"
            )
        }
        return doubts
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    /// Reads certificate, key and authorities as a start would; what a start would warn of.
    package func checkCredentials() async throws(CredentialProblem) -> [String] {
        guard let files = security.files else { return [] }
        let role = security.peers == .off ? nil : ClusterRole(datacenter: datacenter)
        let now = HostClock.wall() / 1_000
        return try await Credentials.read(files, role: role, now: now).warnings
    }
}
