import ArgumentParser
import Disk
import Foundation

/// roost-fill: makes the data directory of a node that has seen many entries, faster than a server
/// and its clients would, for measurements of `roost-log` and of starts.
///
/// It writes through the real log and applies by the real state machine; no Raft, no clients.
///
/// Map: the options are here; `Workload` makes commands; `Filling` writes and applies them.
@main
struct RoostFill: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roost-fill",
        abstract: "Make the data directory of a node with so many entries.",
        discussion: """
            EXAMPLES
              roost-fill --entries 10000000 /var/tmp/ten-million
              roost-log history app/17 --data-dir /var/tmp/ten-million

            THE LOAD
              Of the entries 45 % set one of --keys keys, 30 % set the data of one of as many
              znodes below 100 parents (which are created first), 10 % create sequential
              ephemerals, 5 % are compare-and-sets, 4 % delete and 2 % lock keys; sessions
              come and go. Values have 20 to 140 bytes. Entries are stamped 1 ms apart.
            """
    )

    @Argument(help: "A new directory.")
    var directory: String

    @Option(help: "How many entries.")
    var entries = 1_000_000

    @Option(help: "How many keys, and how many znodes.")
    var keys = 100_000

    @Option(help: "Of the random load.")
    var seed: UInt64 = 1

    @Option(help: "Take a snapshot after so many entries, again and again; 0: none.")
    var snapshotEvery = 0

    @Flag(help: "Make the log only; a start, or roost-log, applies it.")
    var logOnly = false

    func validate() throws {
        guard entries > 0, keys > 0, snapshotEvery >= 0 else {
            throw ValidationError("--entries and --keys must be above 0")
        }
        if logOnly, snapshotEvery > 0 {
            throw ValidationError("--log-only leaves nothing to take a snapshot of")
        }
    }

    func run() throws {
        let start = monotonicNanoseconds()
        var filling = try Filling(
            directory,
            Workload(keys: keys, seed: seed),
            snapshotEvery: snapshotEvery,
            isLogOnly: logOnly
        )
        try filling.run(entries)
        let milliseconds = (monotonicNanoseconds() - start) / 1_000_000
        print("\(entries) entries in \(milliseconds) ms, seed \(seed)")
    }
}
