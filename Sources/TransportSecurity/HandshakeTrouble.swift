import NIOSSL

/// Why a handshake failed, in words that lead an operator to the cause.
package enum HandshakeTrouble {
    /// What BoringSSL calls it, and what it means on this side.
    private static let meanings: [(name: String, text: String)] = [
        ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "it presented no certificate"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted"),
        ("ALERT_CERTIFICATE_EXPIRED", "it says that this side's certificate has expired"),
        ("ALERT_UNKNOWN_CA", "it does not know the authority of this side's certificate"),
        ("CERTIFICATE_REQUIRED", "it wants a certificate, and got none"),
        ("ALERT_BAD_CERTIFICATE", "it refuses this side's certificate"),
        ("ALERT_CERTIFICATE_UNKNOWN", "it refuses this side's certificate"),
        ("ALERT_UNSUPPORTED_CERTIFICATE", "it refuses this side's certificate for this use"),
        ("UNSUPPORTED_PROTOCOL", "it speaks only versions of TLS before 1.2"),
        ("ALERT_PROTOCOL_VERSION", "it speaks other versions of TLS"),
        // OpenSSL's clients send their alert unencrypted, which BoringSSL cannot read.
        (
            "BAD_PACKET_LENGTH",
            "it gave the handshake up; it may not trust this side's certificate"
        ),
        ("NO_SHARED_CIPHER", "it has no cipher in common"),
        ("ALERT_HANDSHAKE_FAILURE", "it gave the handshake up"),
        ("WRONG_VERSION_NUMBER", "it does not speak TLS there"),
        ("HTTP_REQUEST", "it does not speak TLS there"),
        ("failedToValidateHostname", "its certificate does not have the address's name"),
        ("EOF during", "it ended the connection during the handshake"),
    ]

    /// What the other side is, and its certificate must be good for.
    package enum OtherSide: Sendable {
        case client
        case server
    }

    /// - Parameters:
    ///   - presented: the other side's certificate, if it got that far.
    ///   - now: seconds since 1970.
    package static func text(
        _ error: any Error,
        of other: OtherSide,
        presented: CertificateFacts? = nil,
        now: Int64 = 0
    ) -> String {
        let raw = "\(error)"
        guard let meaning = meanings.first(where: { raw.contains($0.name) }) else {
            return String(raw.prefix(200))
        }
        guard meaning.name == "CERTIFICATE_VERIFY_FAILED", let presented else {
            return meaning.text
        }
        if let lapse = presented.lapse(at: now) {
            return "its certificate, \(presented.text), \(lapse)"
        }
        let isForIt = other == .client ? presented.servesClients : presented.servesServers
        guard isForIt else {
            return "its certificate, \(presented.text), is not for a \(other)"
        }
        return "its certificate, \(presented.text), is not trusted here: its issuer is "
            + presented.issuer
    }

    /// Whether TLS failed, and not the network.
    package static func isOne(_ error: any Error) -> Bool {
        error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError
    }
}
