import ArgumentParser
import Foundation

struct SessionCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "session",
        abstract: "Create, list, renew and destroy sessions (the owners of locks).",
        discussion: """
            EXAMPLES
              SESSION=$(roost session create --ttl 30s)
              roost kv put app/leader n1 --acquire "$SESSION"
              roost session renew "$SESSION"
              roost session destroy "$SESSION"
            """,
        subcommands: [
            SessionCreate.self, SessionList.self, SessionInfo.self, SessionRenew.self,
            SessionDestroy.self,
        ]
    )
}

/// A session as Consul's API gives it.
struct SessionRecord: Codable {
    var id: String
    var name: String?
    var node: String?
    var ttl: String?
    var behavior: String?
    /// Nanoseconds.
    var lockDelay: Int64?
    var createIndex: UInt64?
    var modifyIndex: UInt64?

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case name = "Name"
        case node = "Node"
        case ttl = "TTL"
        case behavior = "Behavior"
        case lockDelay = "LockDelay"
        case createIndex = "CreateIndex"
        case modifyIndex = "ModifyIndex"
    }

    static func show(_ sessions: [SessionRecord], asJSON: Bool) throws {
        if asJSON { return try sessions.forEach { try Terminal.json($0) } }
        guard !sessions.isEmpty else { return }
        Terminal.table(
            ["ID", "NAME", "NODE", "TTL", "BEHAVIOR", "LOCK-DELAY", "INDEX"],
            sessions.map { session in
                [
                    session.id, session.name ?? "", session.node ?? "",
                    session.ttl.flatMap { $0.isEmpty ? nil : $0 } ?? "none",
                    session.behavior ?? "", "\((session.lockDelay ?? 0) / 1_000_000_000)s",
                    "\(session.createIndex ?? 0)",
                ]
            }
        )
    }
}

struct SessionCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a session and print its id.",
        discussion: """
            A session with --ttl ends when it is not renewed for that long (the server may wait up
            to twice the time). Without --ttl it lives until it is destroyed, or its node or one of
            its checks goes.

            EXAMPLES
              roost session create --ttl 30s --name worker-1
              roost session create --behavior delete --lock-delay 0s
            """
    )

    @Option(help: "A name for people.") var name: String?
    @Option(help: "Lifetime without renewal, as 10s to 24h.") var ttl: String?
    @Option(help: "What becomes of the keys it holds when it ends: release or delete.")
    var behavior: String?
    @Option(help: "How long its keys stay locked after it was lost, as 15s.") var lockDelay: String?
    @Option(help: "The node that it belongs to; default: the server's own.") var node: String?
    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.perform { client in
            let wanted = [
                "Name": name, "TTL": ttl, "Behavior": behavior, "LockDelay": lockDelay,
                "Node": node,
            ].compactMapValues { $0 }
            let answer = try await client.send(
                .put,
                "/v1/session/create",
                body: try JSONEncoder().encode(wanted),
                what: "creating a session"
            )
            let created = try ConsulClient.decode(
                [String: String].self,
                answer,
                what: "creating a session"
            )
            if options.json {
                try Terminal.json(created)
            } else {
                Terminal.line(created["ID"] ?? "")
            }
        }
    }
}

struct SessionList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List all sessions, or those of a node.",
        discussion: """
            EXAMPLES
              roost session list
              roost session list --node n1 --json
            """
    )

    @Option(help: "Only sessions of this node.") var node: String?
    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.perform { client in
            let path = node.map { "/v1/session/node/" + ConsulClient.escaped($0) }
            let what = "listing sessions"
            let answer = try await client.send(.get, path ?? "/v1/session/list", what: what)
            try SessionRecord.show(
                try ConsulClient.decode([SessionRecord].self, answer, what: what),
                asJSON: options.json
            )
        }
    }
}

struct SessionInfo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Show one session.",
        discussion: """
            Exit code 1: there is no such session.

            EXAMPLE
              roost session info 3a3ed6ab-3e5f-4bf5-8d5b-0a2b6b7a3c11
            """
    )

    @Argument(help: "The session's id.") var id: String
    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.perform { client in
            let what = "reading session \(id)"
            let answer = try await client.send(
                .get,
                "/v1/session/info/" + ConsulClient.escaped(id),
                what: what,
                accepted: [404]
            )
            let found = try ConsulClient.decode([SessionRecord]?.self, answer, what: what) ?? []
            guard !found.isEmpty else { throw CommandFailure.absent("session \(id)") }
            try SessionRecord.show(found, asJSON: options.json)
        }
    }
}

struct SessionRenew: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew",
        abstract: "Give a session its full time again.",
        discussion: """
            Exit code 1: there is no such session (any more).

            EXAMPLE
              while roost session renew "$SESSION"; do sleep 10; done
            """
    )

    @Argument(help: "The session's id.") var id: String
    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.perform { client in
            let what = "renewing session \(id)"
            let answer = try await client.send(
                .put,
                "/v1/session/renew/" + ConsulClient.escaped(id),
                what: what,
                accepted: [404]
            )
            guard answer.status == 200 else { throw CommandFailure.absent("session \(id)") }
            try SessionRecord.show(
                try ConsulClient.decode([SessionRecord].self, answer, what: what),
                asJSON: options.json
            )
        }
    }
}

struct SessionDestroy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destroy",
        abstract: "End a session; its keys are released or deleted as its behavior says.",
        discussion: """
            Ending a session that is not there is no error.

            EXAMPLE
              roost session destroy "$SESSION"
            """
    )

    @Argument(help: "The session's id.") var id: String
    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.perform { client in
            let answer = try await client.send(
                .put,
                "/v1/session/destroy/" + ConsulClient.escaped(id),
                what: "destroying session \(id)"
            )
            if options.json { try Terminal.json(["ID": id, "Result": answer.text]) }
        }
    }
}
