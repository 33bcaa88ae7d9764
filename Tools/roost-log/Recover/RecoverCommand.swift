import ArgumentParser
import ConsulProtocol
import Raft
import RaftStore

struct RecoverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Make a new cluster of what the last surviving node has.",
        discussion: """
            For a cluster that has lost its majority for ever. Where a majority can be brought
            back, do that: nothing is lost then. Without --yes this only shows what would be
            taken, and what may be lost; nothing is ever changed in the directory itself. The
            new cluster has a name of its own: nodes of the old one that come back are refused.

            Entries that the node has stored, and does not know to be committed, are taken too:
            clients may have been told that they are. --committed-only leaves them out.

            Where the node's state was found to differ from the cluster's, the new one is rebuilt
            from a snapshot of before that and the log. If none leads there, nothing is made
            unless --use-diverged is given.

            EXAMPLES
              roost-log recover --data-dir /var/lib/roost
              roost-log recover --data-dir /var/lib/roost --into /var/lib/roost-new --yes
              roost server --data-dir /var/lib/roost-new

            EXIT CODES
              0 done; 1 could not; 3 the log is damaged on the way; 7 shown only, since --yes was
              not given; 64 wrong usage

            LIMITS
              Not while a server runs on the directory. What only the lost nodes had cannot be
              seen from here: of several survivors, take the one whose last entry is of the
              highest term, and among those the one with the highest index.
            """
    )

    @OptionGroup var options: DirectoryOptions
    @OptionGroup var scratch: ScratchOptions
    @OptionGroup var divergence: DivergenceOptions

    @Option(help: .init("The directory to make; DIR-recovered by default.", valueName: "dir"))
    var into: String?

    @Option(help: .init("The name of the new cluster's node; as now.", valueName: "name"))
    var name: String?

    @Flag(help: "Leave out what is not known to be committed.")
    var committedOnly = false

    @Flag(help: "Do it.")
    var yes = false

    func run() throws {
        try options.inspect { directory, output in
            guard !directory.isServed else {
                throw StoreError.directoryInUse(path: directory.path)
            }
            let replay = try Replay(
                directory,
                scratch: scratch.path,
                usesDiverged: divergence.isUsed
            )
            let preview = try RecoveryPreview(directory, replay, committedOnly: committedOnly)
            tell(preview, output)
            guard yes else {
                if !options.json {
                    output.line("nothing was done; with --yes, \(target) is made")
                }
                return ExitCodes.unconfirmed
            }
            let base = try replay.base(for: preview.end)
            let state = try replay.state(at: preview.end, from: base)
            let source = StateSource(state, scratch: scratch.path)
            _ = try NewBeginning(source).writeDirectory(target, name: name ?? preview.name)
            if !options.json {
                output.line("\(target): made, with all up to entry \(preview.end.rawValue)")
            }
            return .success
        }
    }

    private var target: String {
        into ?? String(options.path.reversed().drop { $0 == "/" }.reversed()) + "-recovered"
    }

    private func tell(_ preview: RecoveryPreview, _ output: Output) {
        guard options.json else {
            output.table(["WHAT", "FOUND"], preview.rows)
            for warning in preview.warnings { output.line("warning: \(warning)") }
            return
        }
        output.json { json in
            preview.write(to: &json)
            json.member("into", target)
            json.member("done", yes)
        }
    }
}
