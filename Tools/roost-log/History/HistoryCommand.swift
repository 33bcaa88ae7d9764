import ArgumentParser
import Raft
import RaftStore

struct HistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Print every change of a znode, a key, a session, a service or a node.",
        discussion: """
            What begins with a slash is a znode, 0x... and a UUID are sessions, and the rest
            are keys, unless --as says otherwise. Each row says who asked for what, what
            became of it, and the value before and after.

            Usually the log is read once, and only the entries that name the subject are
            looked at: RESULT is "likely" where it also depends on others (whether a session
            lived, an access list, the other operations of a transaction). --exact replays
            all entries by the server's own rules, which takes longer, and finds what other
            things did to the subject: sessions that end, nodes that are deregistered.

            EXAMPLES
              roost-log history app/mode
              roost-log history /workers/w1 --exact --json
              roost-log history 0x10000abcd0001
              roost-log history web --as service --since 2h
              roost-log history app/mode --kind deleteKeyTree

            EXIT CODES
              0 done, 1 could not read, 3 entries are damaged: those are named, and the rest
              is printed; 64 wrong usage

            LIMITS
              It begins with the oldest snapshot that the log leads on from, or with entry 1.
              The filters choose rows; what came before is read all the same. Which number a
              sequential znode got is found by --exact only.
            """
    )

    @Argument(help: .init("A path, a key, a session's id, or a name.", valueName: "subject"))
    var subject: String

    @OptionGroup var options: DirectoryOptions
    @OptionGroup var scratch: ScratchOptions
    @OptionGroup var entries: EntryOptions

    @Option(name: .customLong("as"), help: "What the subject is.")
    var sort: Subject.Sort?

    @Flag(help: "Replay all entries: slower, and certain.")
    var exact = false

    @Option(help: .init("Stop after so many.", valueName: "count"))
    var limit: Int?

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit must be 1 or above") }
        guard Subject(subject, sort) != nil else {
            throw ValidationError("\(subject): a session is 0x and hexadecimal, or a UUID")
        }
    }

    func run() throws {
        guard let subject = Subject(subject, sort) else { return }
        let filter = try entries.filter(now: TimeText.nowMilliseconds)
        let range = entries.range
        try options.inspect { directory, output in
            let replay = try Replay(directory, scratch: scratch.path)
            var search = HistorySearch(replay, subject)
            if !options.json { output.line(HistoryRow.heading) }
            var printed = 0
            var unsure = 0
            let show = { (row: HistoryRow) -> Bool in
                guard row.entry.index <= range.upperBound else { return false }
                guard range.contains(row.entry.index), filter.wants(row.entry) else { return true }
                if row.result == .likely { unsure += 1 }
                if options.json {
                    output.json { row.write(to: &$0) }
                } else {
                    output.line(row.text)
                }
                printed += 1
                return printed < limit ?? .max
            }
            if exact { try search.replayAll(show) } else { try search.scan(show) }
            try output.flush()
            tell(subject, search.beginning, unsure)
            return search.isDamaged ? ExitCodes.logDamage : .success
        }
    }

    private func tell(_ subject: Subject, _ beginning: String, _ unsure: Int) {
        guard !options.json else { return }
        Output.complain("from \(beginning) on")
        if subject.isNumbered, !exact {
            Output.complain("if a sequential create made it, --exact finds which")
        }
        if unsure > 0 { Output.complain("\(unsure) rows are likely only; --exact is certain") }
    }
}
