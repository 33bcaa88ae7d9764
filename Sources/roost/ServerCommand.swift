import ArgumentParser
import CoreMetrics
import Foundation
import Logging
import RoostServer

struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server",
        abstract: "Run a server until it is told to stop (Ctrl-C, SIGTERM).",
        discussion: """
            Every flag can also be said in a JSON file (--config; "dataDir" for --data-dir) and in
            the environment (ROOST_DATA_DIR). A flag wins over the environment, the environment
            over the file. Port 0 takes any free port, which the log names.

            EXAMPLES
              roost server
              roost server --name n1 --data-dir /var/lib/roost --bind 0.0.0.0
              roost server --config /etc/roost.json --log-format json
              ROOST_HTTP_PORT=9500 roost server
              roost server --name n1 --bind 10.0.0.1 \\
                --cluster n1=10.0.0.1:8300,n2=10.0.0.2:8300,n3=10.0.0.3:8300
            """
    )

    @OptionGroup var options: SettingOptions

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        do {
            let settings = try await ServerConfiguration.load(
                flags: options.flags,
                file: options.config ?? environment["ROOST_CONFIG"],
                environment: environment
            )
            let volume = ServerLog.bootstrap(settings)
            settings.doubts.forEach { Logger(label: "roost").warning("\($0)") }
            let registry = MetricsRegistry()
            MetricsSystem.bootstrap(registry)
            let tracer = try FileTracer.bootstrap(settings)
            let server = Server(
                configuration: settings,
                registry: registry,
                volume: volume,
                tracer: tracer,
                logger: Logger(label: "roost")
            )
            defer { tracer?.close() }
            try await server.run()
        } catch let problem as ConfigurationProblem {
            throw CommandFailure.configuration("\(problem)").reported()
        } catch let problem as StartProblem where problem.isConfiguration {
            throw CommandFailure.configuration("\(problem)").reported()
        } catch {
            throw CommandFailure.server("\(error)").reported()
        }
    }
}

/// The flags that say a server's settings.
struct SettingOptions: ParsableArguments {
    @Option(help: Setting.name.help) var name: String?
    @Option(help: Setting.dataDir.help) var dataDir: String?
    @Option(help: Setting.bind.help) var bind: String?
    @Option(help: Setting.zookeeperPort.help) var zookeeperPort: String?
    @Option(help: Setting.httpPort.help) var httpPort: String?
    @Option(help: Setting.dnsPort.help) var dnsPort: String?
    @Option(help: Setting.peerPort.help) var peerPort: String?
    @Option(help: Setting.cluster.help) var cluster: String?
    @Option(help: Setting.join.help) var join: String?
    @Option(help: Setting.advertise.help) var advertise: String?
    @Option(help: Setting.datacenter.help) var datacenter: String?
    @Option(help: Setting.eventLoops.help) var eventLoops: String?
    @Option(help: Setting.tickMilliseconds.help) var tickMilliseconds: String?
    @Option(help: Setting.minSessionTimeoutMilliseconds.help)
    var minSessionTimeoutMilliseconds: String?
    @Option(help: Setting.maxSessionTimeoutMilliseconds.help)
    var maxSessionTimeoutMilliseconds: String?
    @Option(help: Setting.fourLetterWords.help) var fourLetterWords: String?
    @Option(help: Setting.snapshotLogMegabytes.help) var snapshotLogMegabytes: String?
    @Option(help: Setting.residentMegabytes.help) var residentMegabytes: String?
    @Option(help: Setting.tlsCert.help) var tlsCert: String?
    @Option(help: Setting.tlsKey.help) var tlsKey: String?
    @Option(help: Setting.tlsCa.help) var tlsCa: String?
    @Option(help: Setting.httpsPort.help) var httpsPort: String?
    @Option(help: Setting.httpsClientAuth.help) var httpsClientAuth: String?
    @Option(help: Setting.zookeeperSecurePort.help) var zookeeperSecurePort: String?
    @Option(help: Setting.zookeeperClientAuth.help) var zookeeperClientAuth: String?
    @Option(help: Setting.peerTls.help) var peerTls: String?
    @Option(help: Setting.aclEnabled.help) var aclEnabled: String?
    @Option(help: Setting.aclDefaultPolicy.help) var aclDefaultPolicy: String?
    @Option(help: Setting.aclInitialManagementToken.help)
    var aclInitialManagementToken: String?
    @Option(help: Setting.aclDefaultToken.help) var aclDefaultToken: String?
    @Option(help: Setting.superDigest.help) var superDigest: String?
    @Option(help: Setting.maxClientCnxns.help) var maxClientCnxns: String?
    @Option(help: Setting.httpMaxConnsPerClient.help) var httpMaxConnsPerClient: String?
    @Option(help: Setting.dnsDomain.help) var dnsDomain: String?
    @Option(help: Setting.dnsOnlyPassing.help) var dnsOnlyPassing: String?
    @Option(help: Setting.dnsNodeTtlSeconds.help) var dnsNodeTtlSeconds: String?
    @Option(help: Setting.dnsServiceTtlSeconds.help) var dnsServiceTtlSeconds: String?
    @Option(help: Setting.dnsUdpAnswerLimit.help) var dnsUdpAnswerLimit: String?
    @Option(help: Setting.dnsEnableTruncate.help) var dnsEnableTruncate: String?
    @Option(help: Setting.dnsAddressLimit.help) var dnsAddressLimit: String?
    @Option(help: Setting.backupDirectory.help) var backupDirectory: String?
    @Option(help: Setting.backupIntervalSeconds.help) var backupIntervalSeconds: String?
    @Option(help: Setting.backupKeep.help) var backupKeep: String?
    @Option(help: Setting.logLevel.help) var logLevel: String?
    @Option(help: Setting.logFormat.help) var logFormat: String?
    @Option(help: Setting.slowOperationMilliseconds.help) var slowOperationMilliseconds: String?
    @Option(help: Setting.traceFile.help) var traceFile: String?
    @Option(help: Setting.traceOneIn.help) var traceOneIn: String?

    @Option(help: "A JSON file with settings. [environment: ROOST_CONFIG]")
    var config: String?

    /// What the command line says.
    var flags: [Setting: String] {
        [
            .name: name, .dataDir: dataDir, .bind: bind, .zookeeperPort: zookeeperPort,
            .httpPort: httpPort, .dnsPort: dnsPort, .peerPort: peerPort, .cluster: cluster,
            .join: join, .advertise: advertise, .datacenter: datacenter, .eventLoops: eventLoops,
            .tickMilliseconds: tickMilliseconds,
            .minSessionTimeoutMilliseconds: minSessionTimeoutMilliseconds,
            .maxSessionTimeoutMilliseconds: maxSessionTimeoutMilliseconds,
            .fourLetterWords: fourLetterWords, .snapshotLogMegabytes: snapshotLogMegabytes,
            .residentMegabytes: residentMegabytes, .tlsCert: tlsCert, .tlsKey: tlsKey,
            .tlsCa: tlsCa, .httpsPort: httpsPort, .httpsClientAuth: httpsClientAuth,
            .zookeeperSecurePort: zookeeperSecurePort, .zookeeperClientAuth: zookeeperClientAuth,
            .peerTls: peerTls, .aclEnabled: aclEnabled,
            .aclDefaultPolicy: aclDefaultPolicy,
            .aclInitialManagementToken: aclInitialManagementToken,
            .aclDefaultToken: aclDefaultToken, .superDigest: superDigest,
            .maxClientCnxns: maxClientCnxns, .httpMaxConnsPerClient: httpMaxConnsPerClient,
            .dnsDomain: dnsDomain, .dnsOnlyPassing: dnsOnlyPassing,
            .dnsNodeTtlSeconds: dnsNodeTtlSeconds, .dnsServiceTtlSeconds: dnsServiceTtlSeconds,
            .dnsUdpAnswerLimit: dnsUdpAnswerLimit, .dnsEnableTruncate: dnsEnableTruncate,
            .dnsAddressLimit: dnsAddressLimit, .backupDirectory: backupDirectory,
            .backupIntervalSeconds: backupIntervalSeconds, .backupKeep: backupKeep,
            .logLevel: logLevel, .logFormat: logFormat,
            .slowOperationMilliseconds: slowOperationMilliseconds,
            .traceFile: traceFile, .traceOneIn: traceOneIn,
        ].compactMapValues { $0 }
    }
}

extension Setting {
    fileprivate var help: ArgumentHelp {
        let usual: String
        switch standard {
        case .text(let text): usual = text
        case .number(let number): usual = String(number)
        }
        return ArgumentHelp("\(explanation)\(usual.isEmpty ? "" : " [default: \(usual)]")")
    }
}
