/// One thing about a server that its operator may choose: in a file, in the environment or by a
/// flag, the later ones over the earlier ones.
///
/// The name is the key of the JSON file; the flag is the name in kebab case (`--data-dir`), the
/// variable in capitals (`ROOST_DATA_DIR`).
package enum Setting: String, CaseIterable, Sendable {
    case name
    case dataDir
    case bind
    case zookeeperPort
    case httpPort
    case dnsPort
    case peerPort
    case cluster
    case join
    case advertise
    case datacenter
    case eventLoops
    case tickMilliseconds
    case minSessionTimeoutMilliseconds
    case maxSessionTimeoutMilliseconds
    case fourLetterWords
    case snapshotLogMegabytes
    case residentMegabytes
    case tlsCert
    case tlsKey
    case tlsCa
    case httpsPort
    case httpsClientAuth
    case zookeeperSecurePort
    case zookeeperClientAuth
    case peerTls
    case aclEnabled
    case aclDefaultPolicy
    case aclInitialManagementToken
    case aclDefaultToken
    case superDigest
    case maxClientCnxns
    case httpMaxConnsPerClient
    case dnsDomain
    case dnsOnlyPassing
    case dnsNodeTtlSeconds
    case dnsServiceTtlSeconds
    case dnsUdpAnswerLimit
    case dnsEnableTruncate
    case dnsAddressLimit
    case backupDirectory
    case backupIntervalSeconds
    case backupKeep
    case logLevel
    case logFormat
    case slowOperationMilliseconds
    case traceFile
    case traceOneIn

    package enum Default: Hashable, Sendable {
        case text(String)
        case number(Int)
    }

    /// The value when nothing else is said.
    package var standard: Default {
        switch self {
        case .name: .text("")
        case .dataDir: .text("./roost-data")
        case .bind: .text("127.0.0.1")
        case .zookeeperPort: .number(2181)
        case .httpPort: .number(8500)
        case .dnsPort: .number(8600)
        case .peerPort: .number(8300)
        case .cluster, .join, .advertise: .text("")
        case .datacenter: .text("dc1")
        case .eventLoops: .number(0)
        case .tickMilliseconds: .number(2000)
        case .minSessionTimeoutMilliseconds, .maxSessionTimeoutMilliseconds: .number(0)
        case .fourLetterWords: .text("srvr")
        case .snapshotLogMegabytes: .number(64)
        case .residentMegabytes: .number(0)
        case .tlsCert, .tlsKey, .tlsCa: .text("")
        case .httpsPort, .zookeeperSecurePort: .number(-1)
        case .httpsClientAuth: .text("none")
        case .zookeeperClientAuth: .text("need")
        case .peerTls: .text("off")
        case .aclEnabled: .text("false")
        case .aclDefaultPolicy: .text("allow")
        case .aclInitialManagementToken, .aclDefaultToken, .superDigest: .text("")
        case .maxClientCnxns: .number(60)
        case .httpMaxConnsPerClient: .number(200)
        case .dnsDomain: .text("consul")
        case .dnsOnlyPassing, .dnsEnableTruncate: .text("false")
        case .dnsNodeTtlSeconds, .dnsServiceTtlSeconds, .dnsAddressLimit: .number(0)
        case .dnsUdpAnswerLimit: .number(3)
        case .backupDirectory: .text("")
        case .backupIntervalSeconds: .number(86_400)
        case .backupKeep: .number(7)
        case .logLevel: .text("info")
        case .logFormat: .text("text")
        case .slowOperationMilliseconds: .number(1000)
        case .traceFile: .text("")
        case .traceOneIn: .number(0)
        }
    }

    /// What it means, for the help and the reference.
    package var explanation: String {
        switch self {
        case .name: "This node's name, unique in the cluster; empty: the host's name."
        case .dataDir: "The directory that holds log, state and snapshots."
        case .bind: "The address to listen on."
        case .zookeeperPort: "ZooKeeper's client protocol; 0: any free port, -1: off."
        case .httpPort: "Consul's HTTP API; 0: any free port, -1: off."
        case .dnsPort: "Consul's DNS interface, UDP and TCP; 0: any free port, -1: off."
        case .peerPort: "Where the other nodes reach this one."
        case .cluster: "The first voters, name=HOST:PORT,...; empty: a cluster of one."
        case .join: "HOST:PORT of a member of the cluster to join."
        case .advertise: "The host that other nodes reach this one by; empty: as --bind says."
        case .datacenter: "The name of the datacenter that answers give."
        case .eventLoops: "Threads that serve clients; 0: one for each processor, 4 at most."
        case .tickMilliseconds: "ZooKeeper's tickTime: sessions last 2 to 20 of them."
        case .minSessionTimeoutMilliseconds: "Shortest session; 0: 2 ticks."
        case .maxSessionTimeoutMilliseconds: "Longest session; 0: 20 ticks."
        case .fourLetterWords: "The four-letter words that are answered, or *."
        case .snapshotLogMegabytes: "The least log between two snapshots."
        case .residentMegabytes: "Memory for mapped data before it is given back; 0: no bound."
        case .tlsCert: "This node's certificate, and what is between it and its authority (PEM)."
        case .tlsKey: "The certificate's key (PEM)."
        case .tlsCa: "The authorities whose certificates peers and clients must present (PEM)."
        case .httpsPort: "Consul's HTTP API over TLS, usually 8501; -1: off."
        case .httpsClientAuth: "none, or need: HTTPS clients must present a certificate."
        case .zookeeperSecurePort: "ZooKeeper's protocol over TLS, usually 2281; -1: off."
        case .zookeeperClientAuth: "need: secure clients must present a certificate, or none."
        case .peerTls: "TLS between the nodes: off, accept, dial or require (always mutual)."
        case .aclEnabled: "true: requests over HTTP need ACL tokens; see Tokens.md."
        case .aclDefaultPolicy: "allow or deny: for tokens without a policy, and for nobody's."
        case .aclInitialManagementToken: "The secret of a management token, made at the start."
        case .aclDefaultToken: "The secret for HTTP requests that show none."
        case .superDigest: "ZooKeeper's superuser, super:HASH; empty: there is none."
        case .maxClientCnxns: "ZooKeeper connections from one address; 0: no bound."
        case .httpMaxConnsPerClient: "HTTP connections from one address; 0: no bound."
        case .dnsDomain: "The domain that names end in."
        case .dnsOnlyPassing: "true: instances whose checks warn are not told of, either."
        case .dnsNodeTtlSeconds: "How long a node's address may be kept by who asked."
        case .dnsServiceTtlSeconds: "How long a service's instances may be kept by who asked."
        case .dnsUdpAnswerLimit: "Records in a datagram for a client without EDNS."
        case .dnsEnableTruncate: "true: a client is told that a datagram has not all of them."
        case .dnsAddressLimit: "Instances in an answer of addresses; 0: all."
        case .backupDirectory: "Where backups are written now and then; empty: nowhere."
        case .backupIntervalSeconds: "How long from one backup to the next."
        case .backupKeep: "How many backups of this node stay there."
        case .logLevel: "trace, debug, info, notice, warning, error or critical."
        case .logFormat: "text or json."
        case .slowOperationMilliseconds: "Requests that take as long are logged; 0: none."
        case .traceFile: "A file for spans of traced requests, as OTLP's JSON lines; empty: none."
        case .traceOneIn: "Of so many requests without a traceparent one is traced; 0: none."
        }
    }

    /// Whether its value is nobody else's to read. Better said in a file or in the environment than
    /// on a command line, which every user of a machine can see.
    package var isSecret: Bool {
        switch self {
        case .aclInitialManagementToken, .aclDefaultToken, .superDigest: true
        default: false
        }
    }

    /// `--data-dir` of `dataDir`.
    package var flag: String {
        "--" + words.joined(separator: "-")
    }

    /// `ROOST_DATA_DIR` of `dataDir`.
    package var variable: String {
        (["ROOST"] + words.map { $0.uppercased() }).joined(separator: "_")
    }

    private var words: [String] {
        var words: [String] = [""]
        for character in rawValue {
            if character.isUppercase { words.append("") }
            words[words.count - 1] += character.lowercased()
        }
        return words
    }
}
