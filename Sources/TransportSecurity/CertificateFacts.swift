package import NIOCore
package import NIOSSL
import SwiftASN1
import X509

/// What is read of a certificate: who it speaks for, who says so, and for how long.
package struct CertificateFacts: Hashable, Sendable {
    package let subject: String
    package let issuer: String
    /// DNS names, in lower case, and IP addresses.
    package let names: [String]
    /// Seconds since 1970.
    package let notBefore: Int64
    package let notAfter: Int64
    let servesServers: Bool
    let servesClients: Bool
}

extension CertificateFacts {
    package init(_ certificate: NIOSSLCertificate) throws {
        let parsed = try Certificate(derEncoded: certificate.toDERBytes())
        subject = "\(parsed.subject)"
        issuer = "\(parsed.issuer)"
        names = try parsed.extensions.subjectAlternativeNames?.compactMap(Self.text) ?? []
        notBefore = Int64(certificate.notValidBefore)
        notAfter = Int64(certificate.notValidAfter)
        // Without the extension a certificate may be used for all.
        let usages = try parsed.extensions.extendedKeyUsage
        servesServers = usages?.contains { $0 == .serverAuth || $0 == .any } ?? true
        servesClients = usages?.contains { $0 == .clientAuth || $0 == .any } ?? true
    }

    private static func text(_ name: GeneralName) -> String? {
        switch name {
        case .dnsName(let name): name.lowercased()
        case .ipAddress(let address) where address.bytes.count == 4:
            address.bytes.map { "\($0)" }.joined(separator: ".")
        case .ipAddress(let address):
            stride(from: 0, to: address.bytes.count, by: 2).map { offset in
                let pair = address.bytes.dropFirst(offset).prefix(2)
                return String(pair.reduce(0) { $0 << 8 | UInt16($1) }, radix: 16)
            }.joined(separator: ":")
        default: nil
        }
    }

    /// What the other side of a connection has shown, good or bad; nil: nothing, or nothing that
    /// can be read.
    package static func presented(_ context: ChannelHandlerContext) -> CertificateFacts? {
        // The caller says so.
        guard
            let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        else { return nil }
        return try? CertificateFacts(certificate)
    }

    /// For logs.
    package var text: String {
        names.isEmpty ? subject : "\(subject) (\(names.joined(separator: ", ")))"
    }

    /// Why it says nothing at this time; nil: it does.
    func lapse(at seconds: Int64) -> String? {
        if seconds < notBefore { return "is not valid before \(Self.date(notBefore))" }
        if seconds > notAfter { return "expired at \(Self.date(notAfter))" }
        return nil
    }

    /// As ISO 8601 writes it.
    static func date(_ seconds: Int64) -> String {
        let (days, time) = seconds.quotientAndRemainder(dividingBy: 86_400)
        // Howard Hinnant's civil_from_days, for days after 1970.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let parts = [month, day, time / 3_600, time / 60 % 60, time % 60].map { number in
            number < 10 ? "0\(number)" : "\(number)"
        }
        return "\(year)-\(parts[0])-\(parts[1])T\(parts[2]):\(parts[3]):\(parts[4])Z"
    }
}

/// The name that the nodes of a cluster know each other by: a certificate that carries it, or one
/// below it, speaks for a node. Clients' certificates are of the same authority and lack it, so
/// that no client can speak as a node. Consul's nodes do the same.
package struct ClusterRole: Hashable, Sendable {
    /// `server.DATACENTER.roost`.
    package let name: String

    package init(datacenter: String) {
        name = "server.\(datacenter.lowercased()).roost"
    }

    /// The name of one node.
    package func name(of node: String) -> String { "\(node.lowercased()).\(name)" }

    /// Why a certificate does not speak for the node, or for any node if none is named; nil: it
    /// does.
    package func objection(to certificate: CertificateFacts, as node: String?) -> String? {
        let below = certificate.names.filter { $0.hasSuffix("." + name) }
        guard certificate.names.contains(name) || !below.isEmpty else {
            return "its certificate, \(certificate.text), is no node's: it lacks the name \(name)"
        }
        // A client may be called anything, and its certificate is good for clients only.
        guard certificate.servesServers, certificate.servesClients else {
            return "its certificate, \(certificate.text), is no node's: "
                + "its extended key usage does not have both serverAuth and clientAuth"
        }
        guard let node, !below.isEmpty, !below.contains(name(of: node)) else { return nil }
        return "its certificate, \(certificate.text), is not that of \(node)"
    }
}
