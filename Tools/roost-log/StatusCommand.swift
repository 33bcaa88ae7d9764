import ArgumentParser
import Bytes
import ConsulProtocol
import Raft
import RaftStore
import StateMachine

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Print who the node is, its hard state, and up to where log and state reach.",
        discussion: """
            It reads a few pages only, and checks only those; verify checks them all.

            EXAMPLES
              roost-log status
              roost-log status --data-dir /var/lib/roost --json | jq .appliedIndex

            LIMITS
              The commit index is a lower bound: it is stored along with other writes.
            """
    )

    @OptionGroup var options: DirectoryOptions

    func run() throws {
        try options.inspect { directory, output in
            let status = try DirectoryStatus(directory)
            if options.json {
                output.json { status.write(to: &$0) }
            } else {
                let width = status.rows.map(\.name.count).max() ?? 0
                for row in status.rows {
                    let space = String(repeating: " ", count: width - row.name.count)
                    output.line("\(row.name)\(space)  \(row.value)")
                }
            }
            for damage in status.contents.damage { Output.complain("log: \(damage)") }
            return status.contents.damage.isEmpty ? .success : ExitCodes.logDamage
        }
    }
}

/// What a directory says of itself.
struct DirectoryStatus {
    private let path: String
    private let isServed: Bool
    private let logTrust: TrustMarker.Verdict
    private let stateTrust: TrustMarker.Verdict?
    private let state: StateSummary?
    private let commit: CommitSummary
    let contents: LogContents

    init(_ directory: InspectedDirectory) throws {
        path = directory.path
        isServed = directory.isServed
        logTrust = directory.logTrust
        stateTrust = directory.state?.trust
        // Before the log's commit: what is applied is in the log.
        state = try directory.stateSummary()
        contents = try directory.log.contents()
        guard let commit = contents.commit else { throw InspectionFailure.noCommit(path: path) }
        self.commit = commit
    }

    private var clusterID: String { contents.identity.map { Hexadecimal.text($0.clusterID) } ?? "" }

    private var logTrustText: String {
        logTrust.text(isServed: isServed, remedy: "checks every page")
    }

    private var stateTrustText: String {
        stateTrust?.text(isServed: isServed, remedy: "rebuilds it from snapshot and log") ?? "none"
    }

    // MARK: For eyes

    var rows: [(name: String, value: String)] {
        let hard = commit.hardState
        var rows = [
            ("directory", "\(path)\(isServed ? ", a server runs on it" : "")"),
            ("cluster", clusterID),
            ("node", contents.identity.map { "\($0.node.rawValue) \($0.name)" } ?? "unknown"),
            ("term", "\(hard.term.rawValue)"),
            ("vote", hard.vote.map { "\($0.rawValue)" } ?? "none"),
            ("committed", "at least up to \(hard.commit.rawValue)"),
            ("log", logText),
            ("log trust", logTrustText),
        ]
        rows += contents.memberships.map { record in
            ("membership", "\(record.membership.text), since entry \(record.index.rawValue)")
        }
        rows += contents.manifests.map { manifest in
            ("snapshot", "\(manifest.name), \(manifest.byteCount) bytes")
        }
        if contents.manifests.isEmpty { rows.append(("snapshot", "none on record")) }
        rows.append(("state", stateText))
        rows.append(("state trust", stateTrustText))
        return rows.map { (name: $0.0, value: $0.1) }
    }

    private var logText: String {
        guard commit.firstIndex <= commit.lastIndex else {
            return "empty after entry \(commit.firstIndex.previous.rawValue)"
        }
        return "entries \(commit.firstIndex.rawValue) to \(commit.lastIndex.rawValue) of term "
            + "\(commit.lastTerm.rawValue), transaction \(commit.transaction), era \(commit.era)"
    }

    private var stateText: String {
        guard let state else {
            let isRead = isServed || stateTrust.map { !$0.mayBeTorn } ?? true
            return isRead ? "nothing applied" : "not looked at, since it may be torn"
        }
        return "applied up to \(state.appliedIndex) of term \(state.appliedTerm), digest "
            + "\(Hexadecimal.text(state.digest)); \(state.znodeCount) znodes, "
            + "\(state.keyCount) keys, \(state.zooKeeperSessionCount) ZooKeeper sessions"
    }

    // MARK: For programs

    func write(to json: inout JSONWriter) {
        json.member("directory", path)
        json.member("served", isServed)
        json.member("cluster", clusterID)
        json.member("node", contents.identity?.node.rawValue ?? 0)
        json.member("name", contents.identity?.name ?? "")
        json.member("term", commit.hardState.term.rawValue)
        json.member("vote", commit.hardState.vote?.rawValue ?? 0)
        json.member("commitIndex", commit.hardState.commit.rawValue)
        json.member("firstIndex", commit.firstIndex.rawValue)
        json.member("lastIndex", commit.lastIndex.rawValue)
        json.member("lastTerm", commit.lastTerm.rawValue)
        json.member("transaction", commit.transaction)
        json.member("era", Int(commit.era))
        json.member("logTrusted", logTrust.isTrusted)
        json.member("logTrust", logTrustText)
        json.name("memberships")
        json.beginArray()
        for record in contents.memberships {
            json.beginObject()
            json.member("index", record.index.rawValue)
            json.member("membership", record.membership.text)
            json.endObject()
        }
        json.endArray()
        json.member("snapshots", texts: contents.manifests.map(\.name))
        json.member("stateTrusted", stateTrust?.isTrusted ?? false)
        json.member("stateTrust", stateTrustText)
        if let state { write(state, to: &json) }
    }

    private func write(_ state: StateSummary, to json: inout JSONWriter) {
        json.member("appliedIndex", state.appliedIndex)
        json.member("appliedTerm", state.appliedTerm)
        json.member("digest", Hexadecimal.text(state.digest))
        json.member("znodes", state.znodeCount)
        json.member("keys", state.keyCount)
        json.member("zooKeeperSessions", state.zooKeeperSessionCount)
    }
}
