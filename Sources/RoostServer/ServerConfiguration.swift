import Configuration
import Foundation
package import Logging
package import PeerTransport
import SystemPackage

/// All that a server is told by its operator, checked.
package struct ServerConfiguration: Sendable {
    package var name: String
    /// Whether the operator chose the name.
    package var isNameGiven: Bool
    package var dataDirectory: String
    package var bind: String
    /// Nil: the port is off.
    package var zooKeeperPort: Int?
    package var httpPort: Int?
    package var peerPort: Int
    /// The first voters, in the order that all nodes are told; empty: a cluster of one.
    package var cluster: [ClusterMember]
    /// A member of the cluster to join.
    package var join: HostPort?
    /// The host by which the other nodes reach this one, where `cluster` does not say it.
    package var advertise: String
    package var datacenter: String
    package var eventLoopCount: Int
    package var tickMilliseconds: Int
    package var minSessionTimeoutMilliseconds: Int
    package var maxSessionTimeoutMilliseconds: Int
    package var fourLetterWords: [String]
    package var snapshotLogBytesMin: Int
    package var residentBytesMax: Int?
    package var security: SecuritySettings
    package var access: AccessConfiguration
    package var names: NameConfiguration
    /// Nil: no scheduled backups.
    var backup: BackupSchedule.Plan?
    package var logLevel: Logger.Level
    package var isLogJSON: Bool
    package var slowOperationMilliseconds: Int
    package var traceFile: String
    package var traceOneIn: Int

    /// Reads the file (if any), the environment and the flags.
    /// - Parameters:
    ///   - flags: what the command line says, as text.
    ///   - file: a JSON object of settings by name.
    ///   - ledger: is told what was found, and where.
    package static func load(
        flags: [Setting: String],
        file: String?,
        environment: [String: String],
        ledger: SettingLedger = SettingLedger()
    ) async throws(ConfigurationProblem) -> ServerConfiguration {
        ledger.open(
            sources: [.flag, .environment] + (file.map { [.file($0)] } ?? []) + [.standard]
        )
        var providers: [any ConfigProvider] = [InMemoryProvider(values: try values(of: flags))]
        providers.append(
            EnvironmentVariablesProvider(environmentVariables: environment)
                .prefixKeys(with: "roost")
        )
        try rejectUnknownVariables(environment)
        if let file {
            try rejectUnknownKeys(in: file)
            do {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(file)))
            } catch {
                throw .file(path: file, reason: "\(error)")
            }
        }
        providers.append(InMemoryProvider(name: "defaults", values: defaults))
        let reader = ConfigReader(providers: providers, accessReporter: ledger)
        return try ServerConfiguration(reading: SettingReader(reader, ledger))
    }

    private init(reading settings: SettingReader) throws(ConfigurationProblem) {
        let name = try settings.text(.name)
        isNameGiven = !name.isEmpty
        self.name = name.isEmpty ? ProcessInfo.processInfo.hostName : name
        dataDirectory = try settings.text(.dataDir)
        bind = try settings.text(.bind)
        zooKeeperPort = try settings.port(.zookeeperPort)
        httpPort = try settings.port(.httpPort)
        peerPort = try settings.number(.peerPort, in: 0...65_535)
        cluster = try ClusterMember.list(try settings.text(.cluster))
        datacenter = try settings.text(.datacenter)
        let loops = try settings.number(.eventLoops, in: 0...64)
        let processors = ProcessInfo.processInfo.activeProcessorCount
        eventLoopCount = loops == 0 ? min(processors, ServerLimits.eventLoopsByDefaultMax) : loops
        tickMilliseconds = try settings.number(.tickMilliseconds, in: 10...600_000)
        let least = try settings.number(.minSessionTimeoutMilliseconds, in: 0...Int(Int32.max))
        let most = try settings.number(.maxSessionTimeoutMilliseconds, in: 0...Int(Int32.max))
        minSessionTimeoutMilliseconds = least == 0 ? 2 * tickMilliseconds : least
        maxSessionTimeoutMilliseconds = most == 0 ? 20 * tickMilliseconds : most
        fourLetterWords = try settings.text(.fourLetterWords).split(separator: ",").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        snapshotLogBytesMin = try settings.number(.snapshotLogMegabytes, in: 1...1_048_576) << 20
        let resident = try settings.number(.residentMegabytes, in: 0...1_048_576)
        residentBytesMax = resident == 0 ? nil : resident << 20
        access = try AccessConfiguration(reading: settings)
        names = try NameConfiguration(reading: settings, datacenter: datacenter, access)
        let shelf = try settings.text(.backupDirectory)
        let interval = try settings.number(.backupIntervalSeconds, in: 1...31_536_000)
        let kept = try settings.number(.backupKeep, in: 1...100_000)
        backup =
            shelf.isEmpty
            ? nil : .init(directory: shelf, intervalSeconds: interval, keptMax: kept)
        let level = try settings.text(.logLevel)
        guard let logLevel = Logger.Level(rawValue: level) else {
            throw .value(.logLevel, level, wanted: Setting.logLevel.explanation)
        }
        self.logLevel = logLevel
        let format = try settings.text(.logFormat)
        guard ["text", "json"].contains(format) else {
            throw .value(.logFormat, format, wanted: Setting.logFormat.explanation)
        }
        isLogJSON = format == "json"
        security = try SecuritySettings(reading: settings)
        guard httpPort != nil || security.httpsPort != nil else {
            throw .value(.httpPort, "-1", wanted: "a port, or \(Setting.httpsPort.flag)")
        }
        slowOperationMilliseconds = try settings.number(
            .slowOperationMilliseconds,
            in: 0...86_400_000
        )
        traceFile = try settings.text(.traceFile)
        traceOneIn = try settings.number(.traceOneIn, in: 0...1_000_000_000)
        let join = try settings.text(.join)
        self.join = HostPort(join)
        guard join.isEmpty || self.join != nil else {
            throw .value(.join, join, wanted: "HOST:PORT of a member's peer port")
        }
        advertise = try settings.text(.advertise)
        if advertise.isEmpty {
            let isAnyAddress = ["0.0.0.0", "::"].contains(bind)
            advertise = isAnyAddress ? ProcessInfo.processInfo.hostName : bind
        }
        try checkMembership()
    }

    private func checkMembership() throws(ConfigurationProblem) {
        guard join == nil || peerPort != 0 else {
            throw .value(.peerPort, "0", wanted: "with --join, a port that the others can be told")
        }
        guard !cluster.isEmpty else { return }
        let shown = cluster.map(\.name).joined(separator: ",")
        if join != nil {
            throw .value(
                .cluster,
                shown,
                wanted: "either --cluster, on the first voters, or --join, on later nodes"
            )
        }
        guard cluster.count <= ClusterMember.countMax else {
            throw .value(
                .cluster,
                "\(cluster.count) members",
                wanted: "at most \(ClusterMember.countMax) first voters"
            )
        }
        guard Set(cluster.map(\.name)).count == cluster.count,
            Set(cluster.map(\.place)).count == cluster.count
        else { throw .value(.cluster, shown, wanted: "each name and each address once") }
        guard ownMember != nil else {
            throw .value(.cluster, shown, wanted: "a list that names this node, \(name)")
        }
    }

    /// This node's part of `cluster`.
    package var ownMember: ClusterMember? { cluster.first { $0.name == name } }

    /// Whether it is told of other nodes.
    var isOneOfSeveral: Bool { cluster.count > 1 || join != nil }

    /// Where this node listens for the others: where `cluster` says, unless the operator named a
    /// port of its own.
    package var ownPeerPort: Int {
        guard case .number(peerPort) = Setting.peerPort.standard else { return peerPort }
        return ownMember?.place.port ?? peerPort
    }

    private static var defaults: [AbsoluteConfigKey: ConfigValue] {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for setting in Setting.allCases {
            let key = AbsoluteConfigKey([setting.rawValue])
            switch setting.standard {
            case .text(let text): values[key] = ConfigValue(.string(text), isSecret: false)
            case .number(let number): values[key] = ConfigValue(.int(number), isSecret: false)
            }
        }
        return values
    }

    private static func values(
        of flags: [Setting: String]
    ) throws(ConfigurationProblem) -> [AbsoluteConfigKey: ConfigValue] {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (setting, text) in flags {
            let key = AbsoluteConfigKey([setting.rawValue])
            guard case .number = setting.standard else {
                values[key] = ConfigValue(.string(text), isSecret: setting.isSecret)
                continue
            }
            guard let number = Int(text) else {
                throw .value(setting, text, wanted: "a whole number")
            }
            values[key] = ConfigValue(.int(number), isSecret: false)
        }
        return values
    }

    /// A mistyped name must not be silently without effect.
    private static func rejectUnknownKeys(in file: String) throws(ConfigurationProblem) {
        let object: Any
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: file))
            object = try JSONSerialization.jsonObject(with: data)
        } catch {
            throw .file(path: file, reason: error.localizedDescription)
        }
        guard let settings = object as? [String: Any] else {
            throw .file(path: file, reason: "not a JSON object")
        }
        for key in settings.keys.sorted() where Setting(rawValue: key) == nil {
            throw .unknown(key, place: file)
        }
    }

    private static func rejectUnknownVariables(
        _ environment: [String: String]
    ) throws(ConfigurationProblem) {
        let known = Set(Setting.allCases.map(\.variable) + Self.otherVariables)
        for name in environment.keys.sorted()
        where name.hasPrefix("ROOST_") && !known.contains(name) {
            if isOfService(name, environment[name] ?? "") { continue }
            throw .unknown(name, place: "the environment")
        }
    }

    /// Whether Kubernetes, or Docker by --link, tells by a variable where a service called roost
    /// is: ROOST_SERVICE_HOST, ROOST_SERVICE_PORT_HTTP, ROOST_PORT_8500_TCP_ADDR, and ROOST_PORT,
    /// which is a URL there.
    private static func isOfService(_ name: String, _ value: String) -> Bool {
        name.hasPrefix("ROOST_SERVICE_") || name.hasPrefix("ROOST_PORT_")
            || name == "ROOST_PORT" && value.contains("://")
    }

    /// Variables that other parts of the project read.
    private static let otherVariables = [
        "ROOST_BIN", "ROOST_CACERT", "ROOST_CLIENT_CERT", "ROOST_CLIENT_KEY", "ROOST_CONFIG",
        "ROOST_FUZZ", "ROOST_HTTP_ADDR", "ROOST_REWRITE", "ROOST_TLS_SERVER_NAME",
    ]
}

/// A first voter, as `--cluster` names it.
package struct ClusterMember: Hashable, Sendable {
    /// More voters cost more for each write and survive no more that happens.
    static let countMax = 9

    package var name: String
    package var place: HostPort

    static func list(_ text: String) throws(ConfigurationProblem) -> [ClusterMember] {
        var members: [ClusterMember] = []
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1).map(String.init)
            guard sides.count == 2, let place = HostPort(sides[1]) else {
                throw .value(.cluster, String(part), wanted: "NAME=HOST:PORT")
            }
            members.append(ClusterMember(name: sides[0], place: place))
        }
        return members
    }
}

/// What is wrong with what the operator said.
package enum ConfigurationProblem: Error, CustomStringConvertible, Sendable {
    case value(Setting, String, wanted: String)
    case unreadable(Setting, reason: String)
    case unknown(String, place: String)
    case file(path: String, reason: String)

    package var description: String {
        switch self {
        case .value(let setting, let value, let wanted):
            "\(setting.flag) (or \(setting.variable), or \"\(setting.rawValue)\" in the file) "
                + "is \(setting.isSecret ? "(secret)" : "\"\(value)\""); wanted: \(wanted)"
        case .unreadable(let setting, let reason):
            "\(setting.flag) (or \(setting.variable)) cannot be read: \(reason)"
        case .unknown(let name, let place):
            "\(place) sets \"\(name)\", which is no setting of Roost; see roost server --help"
        case .file(let path, let reason):
            "the configuration file \(path) cannot be read: \(reason)"
        }
    }
}

/// Reads settings with their checks; a value of the wrong kind is an error and not the default.
struct SettingReader {
    let reader: ConfigReader
    let ledger: SettingLedger

    init(_ reader: ConfigReader, _ ledger: SettingLedger) {
        self.reader = reader
        self.ledger = ledger
    }

    func text(_ setting: Setting) throws(ConfigurationProblem) -> String {
        do {
            return try reader.requiredString(forKey: ConfigKey(setting.rawValue))
        } catch {
            throw .unreadable(setting, reason: "\(error)")
        }
    }

    /// Nil where it is -1, Consul's word for a port that is off.
    func port(_ setting: Setting) throws(ConfigurationProblem) -> Int? {
        let port = try number(setting, in: -1...65_535)
        return port < 0 ? nil : port
    }

    func number(
        _ setting: Setting,
        in bounds: ClosedRange<Int>
    ) throws(ConfigurationProblem) -> Int {
        ledger.note(bounds, of: setting)
        let number: Int
        do {
            number = try reader.requiredInt(forKey: ConfigKey(setting.rawValue))
        } catch {
            throw .unreadable(setting, reason: "\(error)")
        }
        guard bounds.contains(number) else {
            throw .value(
                setting,
                "\(number)",
                wanted: "\(bounds.lowerBound) to \(bounds.upperBound)"
            )
        }
        return number
    }
}
