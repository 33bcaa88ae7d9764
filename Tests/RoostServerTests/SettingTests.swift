import Foundation
import RoostServer
import Testing

@Suite struct SettingTests {
    private static let repository = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func read(
        flags: [Setting: String] = [:],
        file: String? = nil,
        environment: [String: String] = [:]
    ) async throws -> (settings: ServerConfiguration, ledger: SettingLedger) {
        var path: URL?
        if let file {
            let place = FileManager.default.temporaryDirectory
                .appendingPathComponent("roost-setting-\(UUID()).json")
            try file.write(to: place, atomically: true, encoding: .utf8)
            path = place
        }
        defer { if let path { try? FileManager.default.removeItem(at: path) } }
        let ledger = SettingLedger()
        let settings = try await ServerConfiguration.load(
            flags: flags,
            file: path?.path,
            environment: environment,
            ledger: ledger
        )
        return (settings, ledger)
    }

    @Test func `the committed reference is what the settings say`() async throws {
        let page = Self.repository
            .appendingPathComponent("Sources/RoostServer/Docs.docc/Configuration.md")
        let wanted = try await SettingReference.markdown()
        if ProcessInfo.processInfo.environment["ROOST_REWRITE"] == "1" {
            try wanted.write(to: page, atomically: true, encoding: .utf8)
        }
        let written = try String(contentsOf: page, encoding: .utf8)
        #expect(
            written == wanted,
            "ROOST_REWRITE=1 swift test --filter SettingTests, or roost config reference"
        )
    }

    @Test func `the reference has a row for every setting, and the bounds of numbers`()
        async throws
    {
        let rows = try await SettingReference.markdown().split(separator: "\n")
        for setting in Setting.allCases {
            let row = try #require(rows.first { $0.hasPrefix("| `\(setting.flag)` |") })
            #expect(row.contains("`\(setting.variable)`"))
            if case .number = setting.standard {
                #expect(row.contains(/\(-?\d+ to \d+\) \|$/), "\(row)")
            }
        }
    }

    @Test func `a flag wins over the environment, the environment over the file`() async throws {
        let (settings, ledger) = try await read(
            flags: [.httpPort: "1"],
            file: #"{"httpPort": 3, "zookeeperPort": 3, "peerPort": 3}"#,
            environment: ["ROOST_HTTP_PORT": "2", "ROOST_ZOOKEEPER_PORT": "2"]
        )
        #expect((settings.httpPort, settings.zooKeeperPort, settings.peerPort) == (1, 2, 3))
        #expect(ledger.entry(.httpPort) == .init(value: .number(1), source: .flag))
        #expect(ledger.entry(.zookeeperPort) == .init(value: .number(2), source: .environment))
        #expect(ledger.entry(.peerPort)?.value == .number(3))
        guard case .file(let path) = ledger.entry(.peerPort)?.source else {
            Issue.record("not from the file: \(String(describing: ledger.entry(.peerPort)))")
            return
        }
        #expect(path.contains("roost-setting-"))
        #expect(ledger.entry(.datacenter) == .init(value: .text("dc1"), source: .standard))
    }

    @Test func `every setting of a reading has its entry`() async throws {
        let ledger = try await read().ledger
        #expect(Setting.allCases.filter { ledger.entry($0) == nil } == [])
    }

    @Test func `a text that looks like a number stays a text`() async throws {
        let ledger = try await read(environment: ["ROOST_NAME": "7"]).ledger
        #expect(ledger.entry(.name) == .init(value: .text("7"), source: .environment))
    }

    @Test(arguments: [
        (#"{"httpPort": "many"}"#, "httpPort"), (#"{"httpPort": 70000}"#, "-1 to 65535"),
        (#"{"htttpPort": 1}"#, "htttpPort"), ("[]", "not a JSON object"), ("{", ".json"),
    ])
    func `what is wrong in the file is named`(_ file: String, _ named: String) async throws {
        let problem = await #expect(throws: ConfigurationProblem.self) {
            _ = try await read(file: file)
        }
        let text = String(describing: problem)
        #expect(text.contains(named) || text.contains(named.uppercased()), "\(text)")
    }

    @Test func `the name of a setting says whether it is a secret`() {
        #expect(Setting.allCases.contains { !$0.isSecret })
        #expect(!Setting.dataDir.isSecret && !Setting.name.isSecret)
    }

    /// The digest that is refused is often the right one with a slip, and logs are read by many.
    @Test func `what is wrong with a secret is said without it`() async throws {
        let problem = await #expect(throws: ConfigurationProblem.self) {
            _ = try await read(flags: [.superDigest: "super:hush-hush"])
        }
        let text = String(describing: problem)
        #expect(text.contains("--super-digest") && text.contains("is (secret)"), "\(text)")
        #expect(!text.contains("hush"), "\(text)")
    }

    @Test func `what stands for something else is explained`() async throws {
        let settings = try await read(environment: ["ROOST_TICK_MILLISECONDS": "500"]).settings
        #expect(settings.meaning(of: .maxSessionTimeoutMilliseconds) == "10000 ms")
        #expect(settings.meaning(of: .name) == ProcessInfo.processInfo.hostName)
        #expect(settings.meaning(of: .datacenter) == nil)
    }

    /// A pod beside a Kubernetes Service called roost did not start.
    @Test func `variables that tell of a service called roost are not taken for settings`()
        async throws
    {
        let service = [
            "ROOST_SERVICE_HOST": "10.96.0.7", "ROOST_SERVICE_PORT": "8500",
            "ROOST_SERVICE_PORT_HTTP": "8500", "ROOST_PORT": "tcp://10.96.0.7:8500",
            "ROOST_PORT_8500_TCP": "tcp://10.96.0.7:8500", "ROOST_PORT_8500_TCP_PORT": "8500",
            "ROOST_PORT_8500_TCP_ADDR": "10.96.0.7", "ROOST_DATACENTER": "dc7",
        ]
        #expect(try await read(environment: service).settings.datacenter == "dc7")
        for mistyped in ["ROOST_PORT", "ROOST_PORTS", "ROOST_SERVICES"] {
            await #expect(throws: ConfigurationProblem.self) {
                _ = try await read(environment: [mistyped: "8500"])
            }
        }
    }

    @Test(arguments: [
        ("127.0.0.1", "n1=10.0.0.1:8300,n2=10.0.0.2:8300,n3=10.0.0.3:8300", ["cannot reach"]),
        ("10.0.0.1", "n1=10.0.0.1:8300,n2=10.0.0.2:8300,n3=10.0.0.3:8300", []),
        ("127.0.0.1", "n1=127.0.0.1:8300,n2=127.0.0.2:8300,n3=127.0.0.3:8300", []),
        ("10.0.0.1", "n1=10.0.0.1:8300,n2=10.0.0.2:8300", ["survives no more"]),
        ("127.0.0.1", "", []),
    ])
    func `what is hardly meant is doubted`(
        _ bind: String,
        _ cluster: String,
        _ wanted: [String]
    ) async throws {
        let flags: [Setting: String] = [.name: "n1", .bind: bind, .cluster: cluster]
        let doubts = try await read(flags: flags).settings.doubts
        #expect(doubts.count == wanted.count)
        for (doubt, part) in zip(doubts, wanted) { #expect(doubt.contains(part)) }
    }

    @Test func `a port that the others do not know is doubted`() async throws {
        let cluster = "n1=10.0.0.1:8300,n2=10.0.0.2:8300,n3=10.0.0.3:8300"
        let doubts = try await read(
            flags: [.name: "n1", .bind: "10.0.0.1", .peerPort: "8301", .cluster: cluster]
        ).settings.doubts
        #expect(doubts.count == 1 && doubts[0].contains("8301"))
    }
}
