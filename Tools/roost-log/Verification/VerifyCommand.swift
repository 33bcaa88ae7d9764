import ArgumentParser
import RaftStore

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract:
            "Check every checksum, continuity, references, and that log, snapshots and state fit.",
        discussion: """
            Checked are each page and record of the log and their chain, each entry's
            decoding and term, each snapshot's SHA-256 and pages, each page of the state,
            and whether they reach each other without a gap; and in the state and each
            snapshot the references: znodes to parents and sessions, counts of children, held
            keys to sessions, access lists, pieces of large values, and all counts. Each
            damage is printed with its entry or page. --replay rebuilds the state from the
            oldest snapshot and the log, and compares digests and records on the way.

            EXIT CODES (the gravest of what was found: 3, 5, 4, 2)
              0   clean
              1   could not read: no data directory, no permission, a newer format, or a
                  server was started meanwhile
              2   the newest commit is torn and was never acknowledged; the node drops it
                  by itself
              3   damage inside of the log
              4   a snapshot is damaged or missing
              5   the state is damaged, or does not fit the log
              64  wrong usage

            EXAMPLES
              roost-log verify --data-dir /var/lib/roost
              roost-log verify --json | jq -c 'select(.class)'
              roost-log verify --replay
              roost-log verify --snapshot backup/1200-3.mdb

            LIMITS
              Beside a running server the pages that it frees meanwhile are not used
              again, so its files grow for as long as this runs. A page of log or state
              that was damaged in memory before its checksum was made is not found. State
              pages have no checksum: their structure is checked, and what is in them by
              --replay. A state that a server would throw away is not looked at.
            """
    )

    @OptionGroup var options: DirectoryOptions
    @OptionGroup var scratch: ScratchOptions

    @Flag(help: "Rebuild the state, and compare: takes as long as applying the log.")
    var replay = false

    @Option(help: .init("A snapshot's file in place of a data directory.", valueName: "file"))
    var snapshot: String?

    func validate() throws {
        if replay, snapshot != nil {
            throw ValidationError("--replay needs a log; a snapshot has none")
        }
    }

    func run() throws {
        if let snapshot {
            try options.run { try verify(snapshotAt: snapshot, $0) }
            return
        }
        try options.inspect { directory, output in
            var check = DirectoryCheck(directory)
            try check.run()
            if replay { try check.replay(scratch: scratch.path) }
            if options.json { json(check, output) } else { text(check, output) }
            return check.worst?.exitCode ?? .success
        }
    }

    private func verify(snapshotAt path: String, _ output: Output) throws -> ExitCode {
        guard let found = try InspectedSnapshot(at: path) else {
            throw InspectionFailure.noSnapshot(path: path)
        }
        var damage = try DirectoryCheck.verify(found, isServed: false)
        if damage.isEmpty, let summary = try found.summary() {
            let base = StartingState(source: .snapshot(found), summary: summary)
            damage = try DirectoryCheck.references(in: base)
        }
        for damage in damage {
            let finding = Finding(.snapshotDamage, "snapshot \(found.name)", damage)
            if options.json {
                output.json { finding.write(to: &$0) }
            } else {
                output.line("\(finding.place): \(damage)")
            }
        }
        let code = damage.isEmpty ? ExitCode.success : ExitCodes.snapshotDamage
        if options.json {
            output.json { line in
                line.member("verdict", damage.isEmpty ? "clean" : "snapshotDamage")
                line.member("exitCode", Int(code.rawValue))
                line.member("findings", damage.count)
            }
        } else if damage.isEmpty {
            output.line("clean")
        }
        return code
    }

    private func text(_ check: DirectoryCheck, _ output: Output) {
        output.table(["PART", "FOUND"], check.report.map { [$0.name, $0.text] })
        for finding in check.findings {
            output.line("\(finding.group.rawValue): \(finding.place): \(finding.damage)")
        }
        output.line(check.worst?.meaning ?? "clean")
    }

    private func json(_ check: DirectoryCheck, _ output: Output) {
        for finding in check.findings { output.json { finding.write(to: &$0) } }
        output.json { line in
            line.member("verdict", check.worst?.rawValue ?? "clean")
            line.member("exitCode", Int(check.worst?.exitCode.rawValue ?? 0))
            line.member("findings", check.findings.count)
            for (name, text) in check.report { line.member(name, text) }
        }
    }
}
