package import PeerTransport
package import TransportSecurity

/// What an operator says of TLS, checked.
package struct SecuritySettings: Sendable {
    /// Nil if no port speaks TLS.
    package var files: CredentialFiles?
    /// Nil: the port is off.
    package var httpsPort: Int?
    package var zooKeeperSecurePort: Int?
    package var httpsClients: SecurePort.Clients
    package var zooKeeperClients: SecurePort.Clients
    package var peers: PeerSecurity.Mode

    init(reading settings: SettingReader) throws(ConfigurationProblem) {
        httpsPort = try settings.port(.httpsPort)
        zooKeeperSecurePort = try settings.port(.zookeeperSecurePort)
        httpsClients = try Self.clients(settings, .httpsClientAuth)
        zooKeeperClients = try Self.clients(settings, .zookeeperClientAuth)
        let mode = try settings.text(.peerTls)
        guard let peers = PeerSecurity.Mode(rawValue: mode) else {
            throw .value(.peerTls, mode, wanted: "off, accept, dial or require")
        }
        self.peers = peers
        files = try Self.files(settings)
        try check()
    }

    private static func clients(
        _ settings: SettingReader,
        _ setting: Setting
    ) throws(ConfigurationProblem) -> SecurePort.Clients {
        switch try settings.text(setting) {
        case "none": return .anybody
        case "need": return .certified
        case let other: throw .value(setting, other, wanted: "none or need")
        }
    }

    private static func files(
        _ settings: SettingReader
    ) throws(ConfigurationProblem) -> CredentialFiles? {
        let certificate = try settings.text(.tlsCert)
        let key = try settings.text(.tlsKey)
        let authority = try settings.text(.tlsCa)
        if certificate.isEmpty, key.isEmpty, authority.isEmpty { return nil }
        if certificate.isEmpty { throw .value(.tlsCert, "", wanted: "the certificate's file") }
        if key.isEmpty { throw .value(.tlsKey, "", wanted: "the file of the certificate's key") }
        return CredentialFiles(
            certificate: certificate,
            key: key,
            authority: authority.isEmpty ? nil : authority
        )
    }

    private func check() throws(ConfigurationProblem) {
        let isOn = httpsPort != nil || zooKeeperSecurePort != nil || peers != .off
        guard isOn else { return }
        guard let files else { throw .value(.tlsCert, "", wanted: "a certificate, for TLS") }
        let needsAuthority =
            peers != .off || httpsPort != nil && httpsClients == .certified
            || zooKeeperSecurePort != nil && zooKeeperClients == .certified
        guard !needsAuthority || files.authority != nil else {
            throw .value(
                .tlsCa,
                "",
                wanted: "the authority whose certificates peers and clients must present "
                    + "(\(Setting.zookeeperClientAuth.flag) none asks clients for nothing)"
            )
        }
    }
}
