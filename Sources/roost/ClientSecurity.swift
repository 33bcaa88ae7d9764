import ArgumentParser
import Foundation
import NIOSSL

/// How a command speaks TLS with its server; flags and variables are named as the consul command's.
struct ClientSecurity: ParsableArguments {
    @Option(
        help: """
            A file (PEM) of the authorities that may have signed the server's certificate. \
            [environment: ROOST_CACERT, CONSUL_CACERT; default: the system's]
            """
    )
    var caFile: String?

    @Option(
        help: """
            A file (PEM) with the certificate to present. \
            [environment: ROOST_CLIENT_CERT, CONSUL_CLIENT_CERT]
            """
    )
    var clientCert: String?

    @Option(
        help: "A file (PEM) with its key. [environment: ROOST_CLIENT_KEY, CONSUL_CLIENT_KEY]"
    )
    var clientKey: String?

    @Option(
        help: """
            The name that the server's certificate must have, if not the address's host. \
            [environment: ROOST_TLS_SERVER_NAME, CONSUL_TLS_SERVER_NAME]
            """
    )
    var tlsServerName: String?

    /// What was said, by flags or variables.
    struct Said {
        var authority: String?
        var certificate: String?
        var key: String?
        var serverName: String?
        /// Whether an address without a scheme means https.
        var prefersTLS = false
        var verifies = true
    }

    func resolved(_ environment: [String: String]) throws(CommandFailure) -> Said {
        func said(_ flag: String?, _ name: String) -> String? {
            let text = flag ?? environment["ROOST_\(name)"] ?? environment["CONSUL_\(name)"]
            return text?.isEmpty == false ? text : nil
        }
        var result = Said()
        result.authority = said(caFile, "CACERT")
        result.certificate = said(clientCert, "CLIENT_CERT")
        result.key = said(clientKey, "CLIENT_KEY")
        result.serverName = said(tlsServerName, "TLS_SERVER_NAME")
        result.prefersTLS = try Self.truth(environment, "CONSUL_HTTP_SSL") ?? false
        result.verifies = try Self.truth(environment, "CONSUL_HTTP_SSL_VERIFY") ?? true
        guard (result.certificate == nil) == (result.key == nil) else {
            throw .configuration("--client-cert and --client-key go together")
        }
        return result
    }

    /// As Go reads it.
    private static func truth(
        _ environment: [String: String],
        _ name: String
    ) throws(CommandFailure) -> Bool? {
        switch environment[name] {
        case nil, "": return nil
        case "1", "t", "T", "true", "TRUE", "True": return true
        case "0", "f", "F", "false", "FALSE", "False": return false
        case let other?: throw .configuration("\(name) is \"\(other)\"; wanted: true or false")
        }
    }
}

/// The same, read and ready.
struct ResolvedSecurity {
    var configuration = TLSConfiguration.makeClientConfiguration()
    /// Names that stand for an address.
    var names: [String: String] = [:]
    /// The address with the server's name in place of its host; nil: as it is.
    var base: String?

    init(_ said: ClientSecurity.Said, _ address: URLComponents) throws(CommandFailure) {
        configuration.minimumTLSVersion = .tlsv12
        if !said.verifies { configuration.certificateVerification = .none }
        if let path = said.authority {
            configuration.trustRoots = .certificates(try Self.certificates(path))
        }
        if let path = said.certificate, let key = said.key {
            configuration.certificateChain = try Self.certificates(path).map { .certificate($0) }
            configuration.privateKey = .privateKey(try Self.key(key))
        }
        if let name = said.serverName, let host = address.host, address.scheme == "https" {
            var renamed = address
            renamed.host = name
            renamed.path = ""
            base = renamed.string
            // A name stands for an address, which has no brackets outside of a URL.
            names[name] = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        }
    }

    private static func certificates(_ path: String) throws(CommandFailure) -> [NIOSSLCertificate] {
        do { return try NIOSSLCertificate.fromPEMFile(path) } catch {
            throw .file(path: path, reason: "no certificate (PEM) can be read: \(error)")
        }
    }

    private static func key(_ path: String) throws(CommandFailure) -> NIOSSLPrivateKey {
        do { return try NIOSSLPrivateKey(file: path, format: .pem) } catch {
            throw .file(path: path, reason: "no private key (PEM) can be read: \(error)")
        }
    }
}
