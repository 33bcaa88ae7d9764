import ArgumentParser
import ConsulProtocol
import Raft
import RaftStore

struct RepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Cut a torn newest commit, which was never acknowledged, off the log.",
        discussion: """
            A commit of the log is acknowledged when its flush has returned; a crash of the
            operating system before that may leave it torn, while the commit before it is
            whole. That newest commit can be cut, and nothing else ever is. A server does the
            same by itself when it starts. Without --apply this only shows what would go.

            EXAMPLES
              roost-log repair --data-dir /var/lib/roost
              roost-log repair --data-dir /var/lib/roost --apply

            EXIT CODES
              0 nothing to cut, or it was cut; 1 could not; 2 there is something to cut, and
              --apply was not given; 3 the damage is older: nothing was touched; 64 wrong
              usage

            LIMITS
              Not while a server runs. A log that was closed cleanly, a copy of one, or one
              whose operating system has not stopped since, cannot be torn by a crash: what is
              damaged there was acknowledged, and is not cut. Refill such a node from its peers.
            """
    )

    @OptionGroup var options: DirectoryOptions

    @Flag(help: "Do it.")
    var apply = false

    func run() throws {
        try options.run { output in
            let preview = try TornTail.look(at: options.path)
            tell(preview, output)
            guard case .torn = preview.verdict, apply else { return preview.exitCode }
            try TornTail.cut(options.path)
            if !options.json { output.line("cut") }
            return .success
        }
    }

    private func tell(_ preview: TornTail, _ output: Output) {
        if options.json {
            output.json { json in
                json.member("verdict", preview.word)
                json.member("text", preview.text)
                if case .torn(let left, let lost) = preview.verdict {
                    json.member("lastIndexLeft", left.lastIndex.rawValue)
                    if let lost { json.member("lastIndexCut", lost.lastIndex.rawValue) }
                }
                json.member("damage", texts: preview.damage.map(\.description))
            }
            return
        }
        for damage in preview.damage { output.line("\(damage)") }
        output.line(preview.text)
    }
}

/// What a cut would take off a log.
struct TornTail {
    enum Verdict {
        case whole
        /// The commit that would be left, and the torn one as far as it can be read.
        case torn(left: CommitSummary, lost: CommitSummary?)
        /// It cannot be a torn tail: why.
        case other(String)
    }

    let verdict: Verdict
    let damage: [Damage]

    static func look(at path: String) throws -> TornTail {
        let directory = try InspectedDirectory(path)
        guard !directory.isServed else { throw StoreError.directoryInUse(path: path) }
        let found = try directory.log.verify()
        guard !found.damage.isEmpty else { return TornTail(verdict: .whole, damage: []) }
        guard directory.logTrust.mayBeTorn else {
            let reason =
                directory.logTrust.isTrusted
                ? "the operating system has not stopped since it was written, so that no crash "
                    + "has torn it"
                : "it is a copy of a log that was closed cleanly, so that no crash has torn it"
            return TornTail(verdict: .other(reason), damage: found.damage)
        }
        guard found.olderDamage == [], let left = found.olderCommit else {
            let reason = "the commit before the newest is damaged too, or cannot be read"
            return TornTail(verdict: .other(reason), damage: found.damage)
        }
        // Of a torn meta page nothing can be read, and the commit that can is the one before.
        let lost = found.commit == left ? nil : found.commit
        return TornTail(verdict: .torn(left: left, lost: lost), damage: found.damage)
    }

    /// Does what a server's start does: goes back to the commit before the torn one.
    static func cut(_ path: String) throws {
        let directory = try DataDirectory(existing: path)
        try WriteAheadLog.recover(directory)
    }

    var word: String {
        switch verdict {
        case .whole: "whole"
        case .torn: "torn"
        case .other: "damaged"
        }
    }

    var text: String {
        switch verdict {
        case .whole: "the log is whole: there is nothing to cut"
        case .torn(let left, let lost):
            "the newest commit is torn, and was never acknowledged; \(Self.text(left, lost))"
        case .other(let reason): "nothing is cut: \(reason)"
        }
    }

    private static func text(_ left: CommitSummary, _ lost: CommitSummary?) -> String {
        let last = left.lastIndex.rawValue
        guard let lost else { return "what it held cannot be read; the log ends at \(last) then" }
        if lost.lastIndex > left.lastIndex {
            return "entries \(last + 1) to \(lost.lastIndex.rawValue) go with it"
        }
        return "no entry goes with it; the log ends at \(last)"
    }

    var exitCode: ExitCode {
        switch verdict {
        case .whole: .success
        case .torn: ExitCodes.tornTail
        case .other: ExitCodes.logDamage
        }
    }
}
