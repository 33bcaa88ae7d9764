import ArgumentParser
import Foundation
import RoostServer

struct ConfigCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check a server's settings before it is started, and look them up.",
        discussion: """
            EXAMPLES
              roost config check --config /etc/roost/roost.json
              roost config show --config /etc/roost/roost.json
              roost config reference
            """,
        subcommands: [ConfigCheck.self, ConfigShow.self, ConfigReference.self]
    )
}

struct ConfigCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Print what settings a server would have, and who says so.",
        discussion: """
            Takes the flags of roost server, reads the same file and environment, and starts
            nothing; certificates are read. In brackets: what a value stands for. Secrets are not
            printed. What is allowed and hardly meant is a warning on standard error.

            Exit code 4: a server would not start, and the message says why.

            EXAMPLES
              roost config check --config /etc/roost/roost.json
              roost config check --config /etc/roost/roost.json --changed
              ROOST_HTTP_PORT=9500 roost config check --name n1 --json
            """
    )

    @Flag(help: "Only settings that are not their default.") var changed = false
    @Flag(help: "Print JSON lines.") var json = false
    @OptionGroup var options: SettingOptions

    private struct Row: Encodable {
        var setting: String
        var value: String
        var meaning: String?
        var source: String
    }

    func run() async throws {
        let (settings, ledger) = try await options.readConfiguration()
        do {
            let doubts = settings.doubts + (try await settings.checkCredentials())
            doubts.forEach { Terminal.complain("warning: \($0)") }
        } catch {
            throw CommandFailure.configuration("\(error)").reported()
        }
        let rows = Setting.allCases.compactMap { setting -> Row? in
            guard let entry = ledger.entry(setting), !changed || entry.source != .standard else {
                return nil
            }
            let isHidden = setting.isSecret && !entry.value.description.isEmpty
            return Row(
                setting: setting.rawValue,
                value: isHidden ? "(secret)" : entry.value.description,
                meaning: settings.meaning(of: setting),
                source: entry.source.description
            )
        }
        if json { return try rows.forEach { try Terminal.json($0) } }
        let cells = rows.map { row in
            let parts = [row.value, row.meaning.map { "(\($0))" } ?? ""].filter { !$0.isEmpty }
            return [
                row.setting, parts.isEmpty ? "-" : parts.joined(separator: " "), row.source,
            ]
        }
        Terminal.table(["SETTING", "VALUE", "FROM"], cells)
    }
}

struct ConfigShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Print the configuration file that says what flags, environment and file say.",
        discussion: """
            Settings that are their default are left out, but with --all; secrets are left out, but
            with --secrets. --json prints the object on one line.

            EXAMPLES
              roost config show --name n1 --bind 10.0.0.1 >roost.json
              roost config show --config roost.json --all --json
            """
    )

    @Flag(help: "Defaults too.") var all = false
    @Flag(help: "Secrets too.") var secrets = false
    @Flag(help: "On one line.") var json = false
    @OptionGroup var options: SettingOptions

    func run() async throws {
        let ledger = try await options.readConfiguration().ledger
        var members: [String: FileValue] = [:]
        for setting in Setting.allCases where secrets || !setting.isSecret {
            guard let entry = ledger.entry(setting), all || entry.source != .standard else {
                continue
            }
            members[setting.rawValue] = FileValue(value: entry.value)
        }
        if json { return try Terminal.json(members) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        Terminal.write(try encoder.encode(members) + Data("\n".utf8))
    }

    private struct FileValue: Encodable {
        var value: Setting.Default

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch value {
            case .text(let text): try container.encode(text)
            case .number(let number): try container.encode(number)
            }
        }
    }
}

struct ConfigReference: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference",
        abstract: "Print the reference of all settings, as Markdown.",
        discussion: """
            EXAMPLE
              roost config reference | less
            """
    )

    func run() async throws {
        do {
            Terminal.write(Data(try await SettingReference.markdown().utf8))
        } catch {
            throw CommandFailure.configuration("\(error)").reported()
        }
    }
}

extension SettingOptions {
    /// What a server would start with; what is wrong with it is printed and becomes the exit code.
    fileprivate func readConfiguration() async throws -> (
        settings: ServerConfiguration, ledger: SettingLedger
    ) {
        let environment = ProcessInfo.processInfo.environment
        let ledger = SettingLedger()
        do {
            let settings = try await ServerConfiguration.load(
                flags: flags,
                file: config ?? environment["ROOST_CONFIG"],
                environment: environment,
                ledger: ledger
            )
            return (settings, ledger)
        } catch {
            throw CommandFailure.configuration("\(error)").reported()
        }
    }
}
