import ArgumentParser
import Foundation

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Follow a key or a prefix and print each change.",
        discussion: """
            Prints what is there, then a line for each change: its index, set or deleted, the key
            and the value (base64 with --json). Changes that follow each other faster than the
            server is asked again are seen as one. When the server goes away it is asked again,
            with pauses that grow to 10 seconds.

            EXAMPLES
              roost watch app/mode
              roost watch app/ --prefix
              roost watch app/ --prefix --json | while read -r change; do ...; done
              roost watch app/ready --new --count 1      wait for one change
            """
    )

    @Argument(help: "The key, or the prefix with --prefix.") var key: String
    @Flag(help: "Follow every key that begins with it.") var prefix = false
    @Flag(name: .customLong("new"), help: "Do not print what is there at the start.")
    var onlyNew = false
    @Option(help: "Stop after this many changes.") var count: Int?
    @OptionGroup var options: ClientOptions

    private static let pauseSecondsMax = 10

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count is 1 or more") }
        if key.isEmpty, !prefix { throw ValidationError("name a key, or give --prefix") }
    }

    func run() async throws {
        try await options.perform { client in
            var changes = KeyChanges()
            var left = count ?? .max
            let first = try await client.records(key, isPrefix: prefix)
            let present = changes.update(first.records, index: first.index)
            if !onlyNew { try print(present, &left) }
            var index = max(1, first.index)
            while left > 0 {
                let next = try await ask(client, after: index)
                try print(changes.update(next.records, index: next.index), &left)
                // An index that went back, as after a restore, begins again.
                index = next.index < index ? 1 : max(1, next.index)
            }
        }
    }

    /// Asks until there is an answer; a refusal ends the command, a lost server does not.
    private func ask(
        _ client: ConsulClient,
        after index: UInt64
    ) async throws -> ConsulClient.Listing {
        var pauseSeconds = 1
        while true {
            do throws(CommandFailure) {
                return try await client.records(key, isPrefix: prefix, after: index)
            } catch {
                switch error {
                case .unreachable: break
                case .refused(let status, _, _) where status >= 500: break
                default: throw error
                }
                Terminal.complain("\(error); asking again in \(pauseSeconds) s")
            }
            try await Task.sleep(for: .seconds(pauseSeconds))
            pauseSeconds = min(Self.pauseSecondsMax, 2 * pauseSeconds)
        }
    }

    private func print(_ changes: [KeyChanges.Change], _ left: inout Int) throws {
        for change in changes.prefix(left) {
            if options.json { try Terminal.json(change) } else { Terminal.line(text(of: change)) }
            left -= 1
        }
    }

    private func text(of change: KeyChanges.Change) -> String {
        let value = change.value.flatMap { Data(base64Encoded: $0) }.map { Terminal.shown($0) }
        let start = "\(change.index)  \(change.change.rawValue)  \(change.key)"
        return value.map { "\(start)  \($0)" } ?? start
    }
}
