import ArgumentParser

/// roost-log: what lies in a node's data directory, without a server: of a stopped, a crashed or
/// a running one.
///
/// It never changes anything, and never lets LMDB loose on pages that nobody has checked: a damaged
/// file is what it is for. Results go to stdout, complaints to stderr.
///
/// Map: `…Command` is a verb each; `DirectoryOptions` are what all verbs share; `EntryFilter`,
/// `EntryOptions` and `TimeText` choose entries, `DescribedEntry` decodes one, `EntryTable` and
/// `EntryJSON` print it; `DirectoryCheck` is what `verify` does and `Finding` what it finds;
/// `Output` writes; `InspectionFailure` is every way to fail, and `ExitCodes` what it ends with.
@main
struct RoostLog: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roost-log",
        abstract: "Read the log and the snapshots of a Roost node, offline.",
        discussion: """
            It reads the data directory of a stopped, a crashed or a running server and
            changes nothing in it. (Beside a running server it takes a reader's slot in
            the lock files, and must run as the server's user.)

            EXAMPLES
              roost-log status --data-dir /var/lib/roost
              roost-log dump --from 1000 --to 2000
              roost-log dump --path /workers/ --prefix --since 2h
              roost-log dump --session 0x10000abcd0001 --json
              roost-log snapshots --verify
              roost-log verify --data-dir /var/lib/roost && echo well

            EXIT CODES
              0 done, 1 could not read, 64 wrong usage; dump: 3 some entries are damaged;
              verify and snapshots: see their help
            """,
        subcommands: [
            StatusCommand.self, DumpCommand.self, SnapshotsCommand.self, VerifyCommand.self,
        ]
    )
}
