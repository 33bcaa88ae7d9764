import ArgumentParser

/// roost-log: what lies in a node's data directory, without a server: of a stopped, a crashed or
/// a running one.
///
/// It changes nothing but by `repair --apply`, and never lets LMDB loose on pages that nobody has
/// checked: a damaged file is what it is for. Results go to stdout, complaints to stderr.
///
/// Map: `…Command` is a verb each; `DirectoryOptions` are what all verbs share; `EntryFilter`,
/// `EntryOptions` and `TimeText` choose entries, `DescribedEntry` decodes one, `EntryTable` and
/// `EntryJSON` print it; `Verification/` is what `verify` does and finds; `Replay/` rebuilds states
/// of the past; `History/`, `State/`, `Diff/`, `Stat/`, `Repair/` and `Recover/` are what the verbs
/// of these names do; `InspectorLimits` bounds; `Output` writes; `InspectionFailure` is every way
/// to fail, and `ExitCodes` what it ends with.
@main
struct RoostLog: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roost-log",
        abstract: "Read the log and the snapshots of a Roost node, offline.",
        discussion: """
            It reads the data directory of a stopped, a crashed or a running server and
            changes nothing in it, but by repair --apply. (Beside a running server it takes a
            reader's slot in the lock files, and must run as the server's user.)

            EXAMPLES
              roost-log status --data-dir /var/lib/roost
              roost-log dump --from 1000 --to 2000
              roost-log dump --path /workers/ --prefix --since 2h
              roost-log dump --session 0x10000abcd0001 --json
              roost-log history app/mode
              roost-log state --at 15m --write-directory /var/lib/roost-before
              roost-log diff /backup/n1 /backup/n2
              roost-log stat --depth 2
              roost-log snapshots --verify
              roost-log copy /var/tmp/n1 --data-dir /var/lib/roost
              roost-log verify --data-dir /var/lib/roost && echo well
              roost-log recover --data-dir /var/lib/roost

            EXIT CODES
              0 done, 1 could not read, 64 wrong usage; 3 some entries are damaged; 6 diff:
              they differ; verify, snapshots, repair and recover: see their help
            """,
        subcommands: [
            StatusCommand.self, DumpCommand.self, HistoryCommand.self, StateCommand.self,
            DiffCommand.self, StatCommand.self, SnapshotsCommand.self, VerifyCommand.self,
            RepairCommand.self, RecoverCommand.self, CopyCommand.self,
        ]
    )
}
