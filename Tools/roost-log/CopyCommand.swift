import ArgumentParser
import Bytes
import ConsulProtocol
import RaftStore

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
                parts.append(part)
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
}
