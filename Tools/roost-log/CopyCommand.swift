import ArgumentParser
import Bytes
import ConsulProtocol
import Disk
import Raft
import RaftStore
import StateMachine

struct CopyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Copy the data directory of a running server as it is now.",
        discussion: """
            The copy is what a crash at this moment would have left: every other verb reads it, and
            it may be carried elsewhere. (The server's own files cannot be copied by cp while it
            writes to them. Where none runs, cp -a --sparse=always does.)

            Do not start a server on it beside the one that it was copied from: both would be the
            same member. `roost-log state --write-directory` makes a new cluster of it.

            EXAMPLES
              roost-log copy /var/tmp/n1 --data-dir /var/lib/roost
              roost-log history /config --data-dir /var/tmp/n1

            EXIT CODES
              0 done, 1 could not read or write, 64 wrong usage
            """
    )

    @OptionGroup var options: DirectoryOptions

    @Argument(help: "A directory that is not there yet, or is empty.")
    var target: String

    func run() throws {
        try options.inspect { directory, output in
            var parts: [String] = []
            try directory.copy(to: target) { part in
                if !options.json { Output.complain("copying the \(part)") }
                if !parts.contains(part) { parts.append(part) }
            }
            if try Self.dropStateBehind(target) {
                parts.removeAll { $0 == "state" }
                Output.complain(
                    "the log went on past the copied state, which is left out: it is in a snapshot"
                )
            }
            if options.json {
                output.json { json in
                    json.member("directory", target)
                    json.name("parts")
                    json.texts(parts.map { ByteString($0) })
                }
            } else {
                output.table(["DIRECTORY", "PARTS"], [[target, parts.joined(separator: ", ")]])
            }
            return .success
        }
    }

    /// While a big state is copied, a server under load may let go of the entries that lead on from
    /// it. A snapshot covers them, or the server would have kept them; with the state as it is the
    /// copy would seem to have a gap.
    static func dropStateBehind(_ path: String) throws -> Bool {
        let copy = try InspectedDirectory(path)
        guard let state = try copy.state?.summary(), let commit = try copy.log.contents().commit,
            LogIndex(state.appliedIndex).next < commit.firstIndex
        else { return false }
        for name in try FileSystem.list("\(path)/state") {
            try FileSystem.remove("\(path)/state/\(name)")
        }
        return true
    }
}
