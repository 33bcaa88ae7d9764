import ArgumentParser
import Foundation

struct LogLevelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log-level",
        abstract: "Show or change how much a running server logs.",
        discussion: """
            Without LEVEL the present one is shown. A level is kept until it is set again or the
            server restarts; with --for it is set back to the configured one after that time. It is
            this one server's: name another by --address.

            EXAMPLES
              roost log-level
              roost log-level debug --for 10m
              roost log-level info
            """
    )

    @Argument(help: "trace, debug, info, notice, warning, error or critical.") var level: String?
    @Option(name: .customLong("for"), help: "How long, as 30s, 10m or 2h.") var duration: String?
    @OptionGroup var options: ClientOptions

    private struct Report: Codable {
        var level: String
        var configured: String
        var seconds: UInt64

        enum CodingKeys: String, CodingKey {
            case level = "Level"
            case configured = "Configured"
            case seconds = "RevertsInSeconds"
        }
    }

    func validate() throws {
        guard level != nil || duration == nil else { throw ValidationError("--for what level?") }
    }

    func run() async throws {
        try await options.perform { client in
            let what = level.map { "setting the log level to \($0)" } ?? "reading the log level"
            var query: [(String, String?)] = []
            if let level { query.append(("level", level)) }
            if let duration { query.append(("duration", duration)) }
            let answer = try await client.send(
                level == nil ? .get : .put,
                "/v1/roost/log-level",
                query,
                what: what
            )
            let report = try ConsulClient.decode(Report.self, answer, what: what)
            if options.json { return try Terminal.json(report) }
            let rest =
                report.seconds > 0
                ? ", for \(Figure.duration(seconds: Double(report.seconds))) more" : ""
            let configured =
                report.level == report.configured ? "" : " (configured: \(report.configured))"
            Terminal.line(report.level + configured + rest)
        }
    }
}
