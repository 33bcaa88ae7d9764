import Crypto
import Foundation
import NIOCore
import SwiftASN1
import TransportSecurity
import X509

/// Who signs certificates.
struct Authority {
    let certificate: Certificate
    let key: Certificate.PrivateKey

    /// A new one that signs itself.
    static func make(named name: String, days: Int, now: Date) throws -> Authority {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let subject = try DistinguishedName { CommonName(name) }
        let certificate = try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: key.publicKey,
            notValidBefore: now - CertificateOrder.clockSkewSeconds,
            notValidAfter: now + Double(days) * 86_400,
            issuer: subject,
            subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: key.publicKey)
            },
            issuerPrivateKey: key
        )
        return Authority(certificate: certificate, key: key)
    }

    /// Why nobody would trust what it signs; nil: it is good.
    func objection(now: Date) throws -> String? {
        guard certificate.notValidAfter > now else {
            return "expired at \(certificate.notValidAfter.formatted(.iso8601))"
        }
        if case .notCertificateAuthority? = try certificate.extensions.basicConstraints {
            return "is no authority's certificate"
        }
        return nil
    }

    /// Signs what is asked for; the key is new.
    func issue(
        _ order: CertificateOrder,
        now: Date
    ) throws -> (certificate: Certificate, key: Certificate.PrivateKey) {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let usages: [ExtendedKeyUsage.Usage] =
            order.isNode ? [.serverAuth, .clientAuth] : [.clientAuth]
        let names = try order.generalNames()
        let certificate = try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: key.publicKey,
            notValidBefore: now - CertificateOrder.clockSkewSeconds,
            // What outlives its authority would be refused all the same.
            notValidAfter: min(
                now + Double(order.days) * 86_400,
                self.certificate.notValidAfter
            ),
            issuer: self.certificate.subject,
            subject: try DistinguishedName { CommonName(order.name) },
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage(usages)
                SubjectKeyIdentifier(hash: key.publicKey)
                AuthorityKeyIdentifier(
                    keyIdentifier: SubjectKeyIdentifier(hash: self.certificate.publicKey)
                        .keyIdentifier
                )
                SubjectAlternativeNames(names)
            },
            issuerPrivateKey: self.key
        )
        return (certificate, key)
    }
}

/// A certificate that is to be made.
struct CertificateOrder {
    /// Clocks of machines that have just started differ.
    static let clockSkewSeconds = 300.0

    var name: String
    /// Whether it speaks for a node, or for a client only.
    var isNode: Bool
    var datacenter: String
    var names: [String]
    var addresses: [String]
    var days: Int

    /// All names that it will have: a node's are those by which nodes know each other, and those
    /// of the machine itself.
    var allNames: [String] {
        guard isNode else { return names.isEmpty ? [name] : names }
        let role = ClusterRole(datacenter: datacenter)
        return Self.unique([role.name(of: name), role.name, name, "localhost"] + names)
    }

    var allAddresses: [String] {
        isNode ? Self.unique(["127.0.0.1"] + addresses) : addresses
    }

    private static func unique(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }

    func generalNames() throws(CommandFailure) -> [GeneralName] {
        var all: [GeneralName] = []
        for name in allNames {
            guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
                throw .configuration("'\(name)' cannot be a name in a certificate")
            }
            all.append(.dnsName(name))
        }
        for address in allAddresses {
            guard let bytes = Self.bytes(ofAddress: address) else {
                throw .configuration("'\(address)' is no IP address")
            }
            all.append(.ipAddress(ASN1OctetString(contentBytes: bytes[...])))
        }
        return all
    }

    /// Four or sixteen.
    static func bytes(ofAddress text: String) -> [UInt8]? {
        // Only addresses that the system reads, and as it writes them.
        guard let read = try? SocketAddress(ipAddress: text, port: 0),
            let plain = read.ipAddress
        else { return nil }
        guard plain.contains(":") else { return dotted(plain) }
        var sides = plain.components(separatedBy: "::").map { side in
            side.split(separator: ":").flatMap { group -> [UInt8] in
                if group.contains(".") { return dotted(String(group)) ?? [] }
                let word = UInt16(group, radix: 16) ?? 0
                return [UInt8(word >> 8), UInt8(word & 255)]
            }
        }
        if sides.count == 2 {
            let missing = max(0, 16 - sides[0].count - sides[1].count)
            sides.insert([UInt8](repeating: 0, count: missing), at: 1)
        }
        let all = sides.flatMap(\.self)
        return all.count == 16 ? all : nil
    }

    private static func dotted(_ text: String) -> [UInt8]? {
        let parts = text.split(separator: ".").compactMap { UInt8($0) }
        return parts.count == 4 ? parts : nil
    }
}
