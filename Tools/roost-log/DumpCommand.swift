import ArgumentParser
import Raft
import RaftStore

struct DumpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Print the entries of the log, decoded.",
        discussion: """
            Options of one sort widen the choice, options of different sorts narrow it.
            Damaged entries are named on stderr, the others are printed, and the exit code
            is 3.

            EXAMPLES
              roost-log dump --from 1000 --to 2000
              roost-log dump --since 15m --kind deleteZnode --kind closeSession
              roost-log dump --path /workers/ --prefix --json | jq .index
              roost-log dump --key app/mode --limit 1
              roost-log dump --session 0x10000abcd0001

            LIMITS
              Entries before the newest snapshots are dropped by the server, and are not
              here. An entry says what was asked; whether it succeeded depends on the
              state before it. Values are not printed, their sizes are. Entries of a
              node's log that are not committed yet are printed like the others; status
              says up to where they are. Times are the leader's clock; a filter by time
              reads the whole range of indexes, and leaves entries without a time (empty,
              membership) out.
            """
    )

    @OptionGroup var options: DirectoryOptions
    @OptionGroup var entries: EntryOptions

    @Option(help: .init("Stop after so many entries.", valueName: "count"))
    var limit: Int?

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit must be 1 or above") }
    }

    func run() throws {
        let filter = try entries.filter(now: TimeText.nowMilliseconds)
        try options.inspect { directory, output in
            if !options.json { output.line(EntryTable.heading) }
            var printed = 0
            var isDamaged = false
            try directory.log.forEachEntry(entries.range) { item in
                switch item {
                case .damage(let damage, let through):
                    isDamaged = true
                    Output.complain(Self.text(damage, through: through.rawValue))
                case .entry(let entry):
                    let described = DescribedEntry(entry)
                    guard filter.wants(described) else { return true }
                    print(described, to: output)
                    printed += 1
                }
                return printed < limit ?? .max
            }
            return isDamaged ? ExitCodes.logDamage : .success
        }
    }

    private func print(_ entry: DescribedEntry, to output: Output) {
        if options.json {
            output.json { EntryJSON.write(entry, to: &$0) }
        } else {
            output.line(EntryTable.row(entry))
        }
    }

    private static func text(_ damage: Damage, through last: UInt64) -> String {
        guard let first = damage.index?.rawValue, last > first else { return "\(damage)" }
        var rest = damage
        rest.index = nil
        return "entries \(first) to \(last): \(rest)"
    }
}
