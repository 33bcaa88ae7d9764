import ArgumentParser
import Disk
import Foundation
import SwiftASN1
import X509

struct TLSCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tls",
        abstract: "Make an authority and the certificates of nodes and clients.",
        discussion: """
            One authority signs the certificates of all nodes and clients of a cluster. Nodes know
            each other by the name server.DATACENTER.roost, which only certificates made with
            --node have. Keep the authority's key off the nodes: who has it can speak as any.

            EXAMPLES
              roost tls create-ca
              roost tls create-cert --node n1 --ip 10.0.0.1 --dns n1.example.com
              roost tls create-cert --client deployer
              roost server --name n1 --tls-ca roost-ca.pem --tls-cert n1.pem --tls-key n1-key.pem \\
                --peer-tls require --https-port 8501
            """,
        subcommands: [CreateAuthority.self, CreateCertificate.self]
    )

    struct CreateAuthority: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create-ca",
            abstract: "Make an authority: roost-ca.pem, and roost-ca-key.pem that signs."
        )
        @Option(help: "The authority's name; one that no other has, unless it is said.")
        var name: String?
        @OptionGroup var output: Output
        @Option(help: "For how many days it is valid.") var days = 1_825

        func run() async throws {
            try await output.perform { () throws(CommandFailure) in
                try checkDays(days)
                let made: Authority
                do {
                    made = try Authority.make(
                        named: name ?? Self.ownName,
                        days: days,
                        now: Date()
                    )
                } catch { throw .configuration("the authority cannot be made: \(error)") }
                return try output.write("roost-ca", [], made.certificate, made.key)
            }
        }

        /// Messages that name an authority should say which.
        private static var ownName: String {
            "Roost CA " + String(UInt32.random(in: .min ... .max), radix: 16)
        }
    }

    struct CreateCertificate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create-cert",
            abstract: "Make a certificate of a node or a client: NAME.pem and NAME-key.pem.",
            discussion: """
                A node's certificate has the names by which nodes know each other, the node's name,
                localhost and 127.0.0.1, and what --dns and --ip add: the names and addresses that
                clients connect to. A client's certificate can do nothing that a node's can.
                """
        )
        @Option(help: "The name of the node (roost server --name) that it is for.")
        var node: String?
        @Option(help: "The name of the client that it is for.") var client: String?
        @Option(help: "A further DNS name; may be repeated.") var dns: [String] = []
        @Option(help: "A further IP address; may be repeated.") var ip: [String] = []
        @Option(help: "The node's datacenter.") var datacenter = "dc1"
        @Option(help: "The authority's certificate.") var ca = "roost-ca.pem"
        @Option(help: "The authority's key.") var caKey = "roost-ca-key.pem"
        @OptionGroup var output: Output
        @Option(help: "For how many days it is valid.") var days = 365

        func run() async throws {
            try await output.perform { () throws(CommandFailure) in
                try checkDays(days)
                guard let name = node ?? client, (node == nil) != (client == nil) else {
                    throw .configuration("one of --node NAME and --client NAME is needed")
                }
                guard !name.contains("/") else {
                    throw .configuration("'\(name)' cannot be a file's name")
                }
                let order = CertificateOrder(
                    name: name,
                    isNode: node != nil,
                    datacenter: datacenter,
                    names: dns,
                    addresses: ip,
                    days: days
                )
                let authority = try authority()
                let made: (certificate: Certificate, key: Certificate.PrivateKey)
                do { made = try authority.issue(order, now: Date()) } catch {
                    if let failure = error as? CommandFailure { throw failure }
                    throw .configuration("the certificate cannot be made: \(error)")
                }
                return try output.write(
                    name,
                    order.allNames + order.allAddresses,
                    made.certificate,
                    made.key
                )
            }
        }

        private func authority() throws(CommandFailure) -> Authority {
            let certificate: Certificate
            let key: Certificate.PrivateKey
            do { certificate = try Certificate(pemEncoded: text(ca)) } catch {
                throw .file(path: ca, reason: "no certificate can be read: \(error)")
            }
            do { key = try Certificate.PrivateKey(pemEncoded: text(caKey)) } catch {
                throw .file(path: caKey, reason: "no private key can be read: \(error)")
            }
            guard key.publicKey == certificate.publicKey else {
                throw .file(path: caKey, reason: "is not the key of the certificate in \(ca)")
            }
            let authority = Authority(certificate: certificate, key: key)
            let objection: String?
            do { objection = try authority.objection(now: Date()) } catch {
                throw .file(path: ca, reason: "no certificate can be read: \(error)")
            }
            if let objection { throw .file(path: ca, reason: objection) }
            return authority
        }

        private func text(_ path: String) throws -> String {
            guard let bytes = try FileSystem.contents(path) else {
                throw CommandFailure.absent(path)
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    private static func checkDays(_ days: Int) throws(CommandFailure) {
        guard (1...36_500).contains(days) else {
            throw .configuration("--days is \(days); wanted: 1 to 36500")
        }
    }

    /// Where what was made goes.
    struct Output: ParsableArguments {
        @Option(help: "The directory to write to.") var outDir = "."
        @Flag(help: "Replace files that are there; owner and mode stay.") var force = false
        @Flag(help: "Print JSON lines.") var json = false

        struct Written: Encodable {
            var certificate: String
            var key: String
            var names: [String]
            var until: String
        }

        func perform(_ body: () throws(CommandFailure) -> Written) async throws {
            do {
                let written = try body()
                if json { return try Terminal.json(written) }
                Terminal.line("certificate  \(written.certificate)")
                Terminal.line("key          \(written.key)")
                if !written.names.isEmpty {
                    Terminal.line("names        \(written.names.joined(separator: ", "))")
                }
                Terminal.line("until        \(written.until)")
            } catch let failure as CommandFailure { throw failure.reported() }
        }

        /// A new key is for its owner only from its first moment on.
        func write(
            _ name: String,
            _ names: [String],
            _ certificate: Certificate,
            _ key: Certificate.PrivateKey
        ) throws(CommandFailure) -> Written {
            let keyPath = "\(outDir)/\(name)-key.pem"
            let path = "\(outDir)/\(name).pem"
            for path in [keyPath, path] where FileSystem.exists(path) {
                guard force else {
                    throw .file(path: path, reason: "is there already; --force replaces it")
                }
            }
            let texts: (certificate: String, key: String)
            do {
                texts.certificate = try certificate.serializeAsPEM().pemString
                texts.key = try key.serializeAsPEM().pemString
            } catch { throw .configuration("the certificate cannot be written: \(error)") }
            try create(keyPath, texts.key, mode: 0o600)
            try create(path, texts.certificate, mode: 0o644)
            return Written(
                certificate: path,
                key: keyPath,
                names: names,
                until: certificate.notValidAfter.formatted(.iso8601)
            )
        }

        private func create(
            _ path: String,
            _ text: String,
            mode: UInt32
        ) throws(CommandFailure) {
            let bytes = Array((text + "\n").utf8)
            do throws(DiskError) {
                guard FileSystem.exists(path) else {
                    return try FileSystem.create(path, with: bytes, mode: mode)
                }
                // The server that reads it may run as another user.
                try FileSystem.replaceKeepingAccess(path, with: bytes, in: outDir)
            } catch { throw .file(path: path, reason: "\(error)") }
        }
    }
}
