import ArgumentParser
import Foundation

struct TokenFamily: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "acl",
        abstract: "Make and drop the tokens that requests over HTTP have to show.",
        discussion: """
            Tokens are asked for where the server was started with --acl-enabled true.

            EXAMPLES
              roost acl bootstrap
              roost acl token create --description ci --management --token-file /etc/roost.token
              roost acl token list
            """,
        subcommands: [TokenBootstrap.self, TokenCommands.self]
    )
}

struct TokenCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Create, list, read and delete tokens.",
        discussion: """
            EXAMPLES
              roost acl token create --description ci --management
              roost acl token read self
            """,
        subcommands: [TokenCreate.self, TokenList.self, TokenRead.self, TokenDelete.self]
    )
}

/// A token as Consul's API gives it.
struct TokenDescription: Codable {
    struct Policy: Codable {
        var id: String?
        var name: String?

        enum CodingKeys: String, CodingKey {
            case id = "ID"
            case name = "Name"
        }
    }

    var accessor: String
    /// Lists leave it out.
    var secret: String?
    var description: String?
    var policies: [Policy]?
    var createTime: String?
    var createIndex: UInt64?
    var modifyIndex: UInt64?

    enum CodingKeys: String, CodingKey {
        case accessor = "AccessorID"
        case secret = "SecretID"
        case description = "Description"
        case policies = "Policies"
        case createTime = "CreateTime"
        case createIndex = "CreateIndex"
        case modifyIndex = "ModifyIndex"
    }

    private var policyNames: String {
        (policies ?? []).map { $0.name ?? "" }.joined(separator: ",")
    }

    func show(asJSON: Bool) throws {
        if asJSON { return try Terminal.json(self) }
        let lines = [
            ("AccessorID:", accessor), ("SecretID:", secret ?? ""),
            ("Description:", description ?? ""), ("Policies:", policyNames),
            ("Create Time:", createTime ?? ""),
        ]
        for (name, value) in lines {
            Terminal.line(name.padding(toLength: 15, withPad: " ", startingAt: 0) + value)
        }
    }

    static func show(_ tokens: [TokenDescription], asJSON: Bool) throws {
        if asJSON { return try tokens.forEach { try Terminal.json($0) } }
        Terminal.table(
            ["ACCESSOR", "POLICIES", "CREATED", "DESCRIPTION"],
            tokens.map { token in
                [
                    token.accessor, token.policyNames.isEmpty ? "none" : token.policyNames,
                    token.createTime ?? "", token.description ?? "",
                ]
            }
        )
    }
}

extension ConsulClient {
    fileprivate func token(
        _ method: Method,
        _ path: String,
        body: Data? = nil,
        what: String
    ) async throws(CommandFailure) -> TokenDescription {
        let answer = try await send(method, path, body: body, what: what)
        return try Self.decode(TokenDescription.self, answer, what: what)
    }
}

struct TokenBootstrap: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bootstrap",
        abstract: "Make the first management token, once in a cluster's life.",
        discussion: """
            It needs no token. Who has lost all management tokens writes the index that a refused
            bootstrap tells into the file acl-bootstrap-reset in a node's data directory, and asks
            that node again.

            EXAMPLES
              roost acl bootstrap
            """
    )

    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.perform { client in
            let what = "the bootstrap of the tokens"
            try await client.token(.put, "/v1/acl/bootstrap", what: what)
                .show(asJSON: options.json)
        }
    }
}

struct TokenCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a token and print it with its secret.",
        discussion: """
            EXAMPLES
              roost acl token create --description ci --management
            """
    )

    @Option(help: "What it is for.") var description = ""
    @Flag(help: "It may do everything; without this, what the default policy says.")
    var management = false
    @OptionGroup var options: ClientOptions

    private struct Wanted: Encodable {
        var description: String
        var policies: [TokenDescription.Policy]

        enum CodingKeys: String, CodingKey {
            case description = "Description"
            case policies = "Policies"
        }
    }

    func run() async throws {
        try await options.perform { client in
            let policy = TokenDescription.Policy(name: "global-management")
            let wanted = Wanted(description: description, policies: management ? [policy] : [])
            let what = "creating a token"
            let body = try JSONEncoder().encode(wanted)
            try await client.token(.put, "/v1/acl/token", body: body, what: what)
                .show(asJSON: options.json)
        }
    }
}

struct TokenList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List all tokens, without their secrets.",
        discussion: """
            EXAMPLES
              roost acl token list --json
            """
    )

    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.perform { client in
            let what = "the list of tokens"
            let answer = try await client.send(.get, "/v1/acl/tokens", what: what)
            let tokens = try ConsulClient.decode([TokenDescription].self, answer, what: what)
            try TokenDescription.show(tokens, asJSON: options.json)
        }
    }
}

struct TokenRead: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "Print a token with its secret.",
        discussion: """
            EXAMPLES
              roost acl token read self
            """
    )

    @Argument(help: "Its accessor, or self: the token that is shown.") var accessor: String
    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.perform { client in
            let path = "/v1/acl/token/" + ConsulClient.escaped(accessor)
            try await client.token(.get, path, what: "token \(accessor)")
                .show(asJSON: options.json)
        }
    }
}

struct TokenDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete a token.",
        discussion: """
            EXAMPLES
              roost acl token delete 7a6b1d2e-0c3f-4f5a-8b9c-1d2e3f4a5b6c
            """
    )

    @Argument(help: "Its accessor.") var accessor: String
    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.perform { client in
            let path = "/v1/acl/token/" + ConsulClient.escaped(accessor)
            _ = try await client.send(.delete, path, what: "deleting token \(accessor)")
        }
    }
}
