import Disk
import Logging
import NIOCore
import PeerTransport
import TransportSecurity

/// TLS of all ports of a node, opened.
struct Security: Sendable {
    let peers: PeerSecurity
    /// Nil where the port is off.
    let https: SecurePort?
    let zooKeeper: SecurePort?
    /// Looks after the files.
    let watch: KeyringWatch

    /// What Go's server says, and so Consul.
    private static let notHTTPS =
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"

    static func open(
        _ configuration: ServerConfiguration,
        hangups: AsyncStream<Void>,
        registry: MetricsRegistry,
        logger: Logger
    ) async throws(StartProblem) -> Security {
        let settings = configuration.security
        let role = ClusterRole(datacenter: configuration.datacenter)
        guard let files = settings.files else {
            let watch = KeyringWatch(nil, hangups, logger)
            return Security(peers: .plain(role), https: nil, zooKeeper: nil, watch: watch)
        }
        let figures = SecurityFigures(registry)
        let keyring: Keyring
        do throws(CredentialProblem) {
            keyring = try await Keyring.open(
                files,
                role: settings.peers == .off ? nil : role,
                wallSeconds: { HostClock.wall() / 1_000 },
                logger: logger
            ) { figures.read($0) }
        } catch { throw .tls(error) }
        if settings.peers == .off, configuration.isOneOfSeveral {
            logger.warning("TLS is on for clients, and the nodes talk without it (--peer-tls)")
        }
        func port(
            _ number: Int?,
            _ name: String,
            _ label: String,
            _ clients: SecurePort.Clients,
            _ answer: String
        ) -> SecurePort? {
            guard number != nil else { return nil }
            return SecurePort(
                name,
                keyring,
                clients: clients,
                plain: .refused(answer: answer),
                logger: logger,
                count: figures.counting(label)
            )
        }
        return Security(
            peers: settings.peers == .off
                ? .plain(role)
                : .secured(
                    settings.peers,
                    role,
                    keyring,
                    logger: logger,
                    count: figures.counting("peer")
                ),
            https: port(
                settings.httpsPort,
                "the HTTPS port",
                "https",
                settings.httpsClients,
                notHTTPS
            ),
            zooKeeper: port(
                settings.zooKeeperSecurePort,
                "the secure ZooKeeper port",
                "zookeeper",
                settings.zooKeeperClients,
                ""
            ),
            watch: KeyringWatch(keyring, hangups, logger)
        )
    }

    /// Tells of a data directory that every user of the machine can look into. Its files are for
    /// their owner only in any case.
    static func checkPrivacy(of directory: String, logger: Logger) {
        // It was just opened; a failure is told by who uses it.
        guard let status = try? FileSystem.status(directory), status.isOpenToOthers else { return }
        logger.warning(
            "every user of this machine can look into the data directory (chmod 700 it)",
            metadata: ["directory": "\(directory)"]
        )
    }
}

/// Has the files of TLS read again when they change, and at SIGHUP, which ends no node: Consul's
/// operators send it to have things read again.
struct KeyringWatch: Sendable {
    private let keyring: Keyring?
    private let hangups: AsyncStream<Void>
    private let logger: Logger

    init(_ keyring: Keyring?, _ hangups: AsyncStream<Void>, _ logger: Logger) {
        self.keyring = keyring
        self.hangups = hangups
        self.logger = logger
    }

    /// Until it is cancelled.
    func run() async {
        let (keyring, hangups, logger) = (self.keyring, self.hangups, self.logger)
        let pause = SecurityLimits().refreshMilliseconds
        await withTaskGroup { group in
            group.addTask {
                for await _ in hangups {
                    if let keyring {
                        await keyring.refresh(isAsked: true)
                    } else {
                        logger.notice("SIGHUP: without TLS there is nothing to read again")
                    }
                }
            }
            guard let keyring else { return }
            group.addTask {
                while !Task.isCancelled {
                    await keyring.refresh()
                    // Ends early when it is cancelled, which the loop sees.
                    try? await Task.sleep(for: .milliseconds(pause))
                }
            }
        }
    }
}
