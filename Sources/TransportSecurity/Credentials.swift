import Crypto
import Disk
import NIOCore
package import NIOSSL
import SwiftASN1
import X509

/// Where a node's certificate (with what lies between it and its authority behind it), its key and
/// the authorities that it trusts are, all PEM.
package struct CredentialFiles: Hashable, Sendable {
    package var certificate: String
    package var key: String
    package var authority: String?

    package init(certificate: String, key: String, authority: String?) {
        self.certificate = certificate
        self.key = key
        self.authority = authority
    }
}

/// Why files are of no use.
package struct CredentialProblem: Error, CustomStringConvertible, Sendable {
    package let description: String

    init(_ path: String, _ reason: String) { description = "\(path): \(reason)" }
}

/// One reading of the files, checked as a whole.
package struct Credentials: Sendable {
    package let certificate: CertificateFacts
    /// For ports whose clients need no certificate, and for those whose clients do.
    let server: NIOSSLContext
    let mutualServer: NIOSSLContext?
    /// For dialling other nodes.
    package let dialler: NIOSSLContext?
    /// SHA-256 of all the files.
    let digest: [UInt8]
    /// What is wrong and does not matter yet.
    package let warnings: [String]

    /// The bytes of the files, which must not outlive the check: there is a key among them.
    private struct Contents {
        let certificate: [UInt8]
        let key: [UInt8]
        let authority: [UInt8]?

        init(_ files: CredentialFiles, _ limits: SecurityLimits) throws(CredentialProblem) {
            certificate = try Self.read(files.certificate, limits)
            key = try Self.read(files.key, limits)
            authority = try files.authority.map { path throws(CredentialProblem) in
                try Self.read(path, limits)
            }
        }

        private static func read(
            _ path: String,
            _ limits: SecurityLimits
        ) throws(CredentialProblem) -> [UInt8] {
            let bytes: [UInt8]?
            do throws(DiskError) {
                bytes = try FileSystem.contents(path, bytesMax: limits.fileBytesMax)
            } catch { throw CredentialProblem(path, "\(error)") }
            guard let bytes else { throw CredentialProblem(path, "there is no such file") }
            return bytes
        }

        var digest: [UInt8] {
            var hash = SHA256()
            for part in [certificate, key, authority ?? []] {
                hash.update(data: SHA256.hash(data: part).map { $0 })
            }
            return Array(hash.finalize())
        }
    }

    /// What the files hold now, to be compared with `digest`.
    static func digest(
        of files: CredentialFiles,
        _ limits: SecurityLimits
    ) throws(CredentialProblem) -> [UInt8] {
        try Contents(files, limits).digest
    }

    /// - Parameters:
    ///   - role: what the certificate must be good for, if the nodes speak TLS to each other.
    ///   - now: seconds since 1970.
    package static func read(
        _ files: CredentialFiles,
        role: ClusterRole?,
        now: Int64,
        _ limits: SecurityLimits = SecurityLimits()
    ) async throws(CredentialProblem) -> Credentials {
        let contents = try Contents(files, limits)
        let chain = try certificates(contents.certificate, files.certificate)
        let facts = try facts(chain[0], files.certificate)
        let roots = try contents.authority.map { bytes throws(CredentialProblem) in
            try certificates(bytes, files.authority ?? "")
        }
        let key: NIOSSLPrivateKey
        do { key = try NIOSSLPrivateKey(bytes: contents.key, format: .pem) } catch {
            throw CredentialProblem(files.key, "holds no private key that can be read (PEM)")
        }
        try check(contents.key, files, belongsTo: chain[0])
        var warnings = modeWarnings(files)
        if let lapse = facts.lapse(at: now) {
            warnings.append("\(files.certificate): the certificate \(lapse)")
        }
        if let role { try check(facts, files, role) }
        if let roots, let objection = await objection(to: chain, under: roots) {
            let text = "is not of an authority in \(files.authority ?? ""): \(objection)"
            // An expired one is told already.
            let isOnlyExpired = facts.lapse(at: now) != nil
            if role != nil, !isOnlyExpired { throw CredentialProblem(files.certificate, text) }
            if !isOnlyExpired { warnings.append("\(files.certificate): \(text)") }
        }
        do {
            return Credentials(
                certificate: facts,
                server: try context(chain, key, limits),
                mutualServer: try roots.map { try mutualContext(chain, key, $0, limits) },
                dialler: try roots.map { try diallerContext(chain, key, $0, limits) },
                digest: contents.digest,
                warnings: warnings
            )
        } catch {
            let text = "certificate and key cannot be used together: \(error)"
            throw CredentialProblem(files.certificate, text)
        }
    }

    // MARK: Checks

    private static func certificates(
        _ bytes: [UInt8],
        _ path: String
    ) throws(CredentialProblem) -> [NIOSSLCertificate] {
        do {
            let found = try NIOSSLCertificate.fromPEMBytes(bytes)
            if !found.isEmpty { return found }
        } catch {
            throw CredentialProblem(path, "holds no certificate that can be read (PEM): \(error)")
        }
        throw CredentialProblem(path, "holds no certificate (PEM)")
    }

    private static func facts(
        _ certificate: NIOSSLCertificate,
        _ path: String
    ) throws(CredentialProblem) -> CertificateFacts {
        do { return try CertificateFacts(certificate) } catch {
            throw CredentialProblem(path, "the certificate cannot be read: \(error)")
        }
    }

    private static func check(
        _ key: [UInt8],
        _ files: CredentialFiles,
        belongsTo certificate: NIOSSLCertificate
    ) throws(CredentialProblem) {
        let text = String(decoding: key, as: UTF8.self)
        // Of a kind that only BoringSSL reads: then its context checks that they match.
        guard let known = try? Certificate.PrivateKey(pemEncoded: text),
            let parsed = try? Certificate(derEncoded: certificate.toDERBytes())
        else { return }
        guard known.publicKey == parsed.publicKey else {
            throw CredentialProblem(
                files.key,
                "is not the key of the certificate in \(files.certificate)"
            )
        }
    }

    private static func check(
        _ facts: CertificateFacts,
        _ files: CredentialFiles,
        _ role: ClusterRole
    ) throws(CredentialProblem) {
        if let objection = role.objection(to: facts, as: nil) {
            throw CredentialProblem(
                files.certificate,
                "other nodes would refuse this node: \(objection); "
                    + "roost tls create-cert --node makes one that has it"
            )
        }
    }

    private static func objection(
        to chain: [NIOSSLCertificate],
        under roots: [NIOSSLCertificate]
    ) async -> String? {
        do {
            let parsed = try chain.map { try Certificate(derEncoded: $0.toDERBytes()) }
            let trusted = try roots.map { try Certificate(derEncoded: $0.toDERBytes()) }
            var verifier = Verifier(rootCertificates: CertificateStore(trusted)) {
                RFC5280Policy()
            }
            let result = await verifier.validate(
                leaf: parsed[0],
                intermediates: CertificateStore(parsed.dropFirst())
            )
            switch result {
            case .validCertificate: return nil
            case .couldNotValidate(let failures):
                return failures.first.map { "\($0.policyFailureReason)" }
                    ?? "no chain leads from it to one of them"
            }
        } catch { return "\(error)" }
    }

    /// Keys that others than their owner and his group may read.
    private static func modeWarnings(_ files: CredentialFiles) -> [String] {
        // What cannot be looked at was told by the reading of it.
        guard let status = try? FileSystem.status(files.key), status.isOpenToOthers else {
            return []
        }
        return ["\(files.key): every user of this machine can read the key (chmod 600 it)"]
    }

    // MARK: Contexts

    private static func configured(
        _ configuration: TLSConfiguration,
        _ limits: SecurityLimits
    ) -> TLSConfiguration {
        var configuration = configuration
        configuration.minimumTLSVersion = .tlsv12
        configuration.shutdownTimeout = .milliseconds(limits.closingMilliseconds)
        return configuration
    }

    private static func context(
        _ chain: [NIOSSLCertificate],
        _ key: NIOSSLPrivateKey,
        _ limits: SecurityLimits
    ) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.applicationProtocols = ["http/1.1"]
        return try NIOSSLContext(configuration: configured(configuration, limits))
    }

    private static func mutualContext(
        _ chain: [NIOSSLCertificate],
        _ key: NIOSSLPrivateKey,
        _ roots: [NIOSSLCertificate],
        _ limits: SecurityLimits
    ) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfigurationWithMTLS(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key),
            trustRoots: .certificates(roots)
        )
        configuration.applicationProtocols = ["http/1.1"]
        // Clients with several certificates choose by it.
        configuration.sendCANameList = true
        return try NIOSSLContext(configuration: configured(configuration, limits))
    }

    /// The role is checked in place of the host's name: nodes move, and names can be forged.
    private static func diallerContext(
        _ chain: [NIOSSLCertificate],
        _ key: NIOSSLPrivateKey,
        _ roots: [NIOSSLCertificate],
        _ limits: SecurityLimits
    ) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateChain = chain.map { .certificate($0) }
        configuration.privateKey = .privateKey(key)
        configuration.trustRoots = .certificates(roots)
        configuration.certificateVerification = .noHostnameVerification
        return try NIOSSLContext(configuration: configured(configuration, limits))
    }
}
