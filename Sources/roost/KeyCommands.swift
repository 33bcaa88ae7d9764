import ArgumentParser
import Foundation

struct KeyCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kv",
        abstract: "Read and write keys.",
        discussion: """
            EXAMPLES
              roost kv put app/mode fast
              roost kv get app/mode
              roost kv list app/ --keys
              roost kv delete app/ --recursive
            """,
        subcommands: [KeyGet.self, KeyPut.self, KeyDelete.self, KeyList.self]
    )
}

struct KeyGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Print the value of a key, byte for byte.",
        discussion: """
            The value is printed as it is, with a line break after it only on a terminal.
            Exit code 1: the key is not there.

            EXAMPLES
              roost kv get app/mode
              roost kv get app/certificate >certificate.pem
              roost kv get app/mode --json
            """
    )

    @Argument(help: "The key.") var key: String
    @Flag(help: "Ask the leader, and let it make sure that it still leads.") var consistent = false
    @Flag(help: "Accept an answer from any server, however old.") var stale = false
    @OptionGroup var options: ClientOptions

    func validate() throws {
        if consistent && stale {
            throw ValidationError("--consistent and --stale exclude each other")
        }
    }

    func run() async throws {
        try await options.perform { client in
            let consistency = consistent ? "consistent" : stale ? "stale" : nil
            let listing = try await client.records(key, isPrefix: false, consistency: consistency)
            guard let record = listing.records.first else {
                throw CommandFailure.absent("key '\(key)'")
            }
            if options.json { return try Terminal.json(record) }
            Terminal.write(record.bytes)
            if isTerminal, record.bytes.last != 0x0a { Terminal.write(Data("\n".utf8)) }
        }
    }

    private var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
}

struct KeyPut: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Set the value of a key.",
        discussion: """
            VALUE is text, @FILE for the bytes of a file, or - for stdin; without it the value is
            empty. To set a text that begins with @, pipe it: echo -n @x | roost kv put k -

            EXAMPLES
              roost kv put app/mode fast
              roost kv put app/certificate @certificate.pem
              tar c conf | roost kv put app/conf.tar -
              roost kv put app/mode slow --cas 42      only if its ModifyIndex still is 42
              roost kv put app/mode fast --cas 0       only if it is not there
              roost kv put app/leader n1 --acquire "$SESSION"

            Exit code 1: the condition (--cas, --acquire, --release) was not met.
            """
    )

    @Argument(help: "The key.") var key: String
    @Argument(help: "Text, @FILE, or - for stdin.") var value: String = ""
    @Option(help: "A number to keep with the key.") var flags: UInt64?
    @Option(help: "Set only if the key's ModifyIndex is this; 0: only if it is not there.")
    var cas: UInt64?
    @Option(help: "Lock the key for this session.") var acquire: String?
    @Option(help: "Unlock the key of this session.") var release: String?
    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.perform { client in
            var query: [(String, String?)] = []
            if let flags { query.append(("flags", "\(flags)")) }
            if let cas { query.append(("cas", "\(cas)")) }
            if let acquire { query.append(("acquire", acquire)) }
            if let release { query.append(("release", release)) }
            let answer = try await client.send(
                .put,
                "/v1/kv/" + ConsulClient.escaped(key),
                query,
                body: try ValueSource.bytes(of: value),
                what: "setting '\(key)'"
            )
            let isDone = answer.text == "true"
            if options.json { try Terminal.json(["Key": key, "Result": answer.text]) }
            guard isDone else {
                throw CommandFailure.conditionNotMet("'\(key)' was not set: \(refusal)")
            }
        }
    }

    private var refusal: String {
        if cas == 0 { return "it is there already" }
        if let cas { return "its ModifyIndex is not \(cas)" }
        if acquire != nil { return "another session holds it, or its lock delay still runs" }
        if release != nil { return "this session does not hold it" }
        return "the server said no"
    }
}

/// Where the value of `put` comes from.
enum ValueSource {
    static func bytes(of argument: String) throws(CommandFailure) -> Data {
        do {
            if argument == "-" { return try FileHandle.standardInput.readToEnd() ?? Data() }
            guard argument.hasPrefix("@") else { return Data(argument.utf8) }
            return try Data(contentsOf: URL(fileURLWithPath: String(argument.dropFirst())))
        } catch {
            let path = argument == "-" ? "stdin" : String(argument.dropFirst())
            throw .file(path: path, reason: "cannot be read: \(CommandFailure.reason(of: error))")
        }
    }
}

struct KeyDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete a key, or all keys under a prefix.",
        discussion: """
            Deleting what is not there is no error.

            EXAMPLES
              roost kv delete app/mode
              roost kv delete app/mode --cas 42
              roost kv delete app/ --recursive
            """
    )

    @Argument(help: "The key, or the prefix with --recursive.") var key: String
    @Flag(help: "Delete every key that begins with it.") var recursive = false
    @Option(help: "Delete only if the key's ModifyIndex is this.") var cas: UInt64?
    @OptionGroup var options: ClientOptions

    func validate() throws {
        if recursive, cas != nil {
            throw ValidationError("--cas is for one key; leave out --recursive")
        }
        if key.isEmpty, !recursive {
            throw ValidationError("name a key; to delete all keys: roost kv delete '' --recursive")
        }
    }

    func run() async throws {
        try await options.perform { client in
            var query: [(String, String?)] = recursive ? [("recurse", nil)] : []
            if let cas { query.append(("cas", "\(cas)")) }
            let answer = try await client.send(
                .delete,
                "/v1/kv/" + ConsulClient.escaped(key),
                query,
                what: "deleting '\(key)'"
            )
            if options.json { try Terminal.json(["Key": key, "Result": answer.text]) }
            guard answer.text == "true" else {
                throw CommandFailure.conditionNotMet(
                    "'\(key)' was not deleted: its ModifyIndex is not \(cas ?? 0)"
                )
            }
        }
    }
}

struct KeyList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the keys under a prefix.",
        discussion: """
            Prints key, ModifyIndex, size and value; values that are no text show their size only.

            EXAMPLES
              roost kv list
              roost kv list app/ --keys
              roost kv list app/ --keys --separator /     one level, like a folder
              roost kv list app/ --json                   one JSON object a line
            """
    )

    @Argument(help: "The prefix; empty: all keys.") var prefix: String = ""
    @Flag(help: "Print only the keys.") var keys = false
    @Option(help: "With --keys: cut keys after this text and list each result once.")
    var separator: String?
    @OptionGroup var options: ClientOptions

    func validate() throws {
        if separator != nil, !keys { throw ValidationError("--separator needs --keys") }
    }

    func run() async throws {
        try await options.perform { client in
            if keys { try await listKeys(client) } else { try await listRecords(client) }
        }
    }

    private func listKeys(_ client: ConsulClient) async throws {
        var query: [(String, String?)] = [("keys", nil)]
        if let separator { query.append(("separator", separator)) }
        let what = "listing '\(prefix)'"
        let answer = try await client.send(
            .get,
            "/v1/kv/" + ConsulClient.escaped(prefix),
            query,
            what: what,
            accepted: [404]
        )
        guard answer.status == 200 else { return }
        let names = try ConsulClient.decode([String].self, answer, what: what)
        for name in names {
            if options.json { try Terminal.json(["Key": name]) } else { Terminal.line(name) }
        }
    }

    private func listRecords(_ client: ConsulClient) async throws {
        let records = try await client.records(prefix, isPrefix: true).records
        if options.json { return try records.forEach { try Terminal.json($0) } }
        guard !records.isEmpty else { return }
        Terminal.table(
            ["KEY", "INDEX", "BYTES", "VALUE"],
            records.map { record in
                let shown = Terminal.shown(record.bytes)
                return [
                    record.key, "\(record.modifyIndex)", "\(record.bytes.count)",
                    shown.count > 60 ? shown.prefix(57) + "..." : shown,
                ]
            }
        )
    }
}
