import ArgumentParser
import Foundation

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show a server and its cluster on one screen.",
        discussion: """
            Who leads, whether the server is ready for clients (its /readyz), its log, state, disk
            and clients, what was asked of it within one second, and the members with their lag.
            A Consul server tells less, and is shown with what it tells. Colours only on a terminal,
            and not where NO_COLOR is set.

            Exit code 1: the cluster has no leader. Exit code 3: no server answers.

            EXAMPLES
              roost status
              roost status --address http://10.0.0.2:8500 --json
              roost status --no-rates                 at once, without a second's look
            """
    )

    @Flag(inversion: .prefixedNo, help: "Look for a second, and tell rates.") var rates = true
    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.perform { client in
            var earlier: Scrape?
            if rates {
                earlier = try await client.scrape()
                if earlier != nil { try await Task.sleep(for: .seconds(1)) }
            }
            let report = try await NodeReport.read(client, since: earlier).report
            if options.json {
                try Terminal.json(report)
            } else {
                for line in NodeScreen(report, .output).lines { Terminal.line(line) }
            }
            guard !report.leader.isEmpty else {
                throw CommandFailure.conditionNotMet("the cluster has no leader")
            }
        }
    }
}
