import ArgumentParser
import Foundation

struct MembersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "members",
        abstract: "Show who belongs to the cluster, and how far each member is.",
        discussion: """
            Any member can be asked; the leader answers, or without one the member itself. LAG
            counts the leader's entries that are not known to be on the member's disk, CONTACT the
            time since it was heard from. DATA says whether the member's state is the cluster's:
            good (EQUAL is the last index at which it was compared), wrong (and from which index
            on; see roost raft refill), disputed while the leader waits for the others' word, or
            unknown.

            EXAMPLES
              roost members
              roost members --address http://10.0.0.2:8500 --json
            """
    )

    @OptionGroup var options: ClientOptions

    func run() async throws {
        try await options.perform { client in
            let report = try await client.members()
            if options.json { return try Terminal.json(report) }
            if report.leader.isEmpty {
                Terminal.complain("no leader; this is what \(report.viewer) knows")
            }
            for line in Terminal.lines(of: report.table) { Terminal.line(line) }
        }
    }
}

struct RaftCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "raft",
        abstract: "Change who belongs to the cluster, and who leads.",
        discussion: """
            A new node is not added from here: start it with roost server --join HOST:PORT of any
            member. It gets the data as a learner, and becomes a voter when it has caught up.

            EXAMPLES
              roost raft transfer n2
              roost raft remove n3
              roost raft demote n4
              roost raft promote n4
              roost raft refill n3
            """,
        subcommands: [Transfer.self, Remove.self, Promote.self, Demote.self, Refill.self]
    )

    struct Change: ParsableArguments {
        @Argument(help: "The member's name or number.") var member: String
        @OptionGroup var options: ClientOptions

        func perform(_ path: String, what: String) async throws {
            try await options.perform { client in
                _ = try await client.send(.put, path, [("member", member)], what: what)
                if options.json {
                    try Terminal.json(["member": member])
                } else {
                    Terminal.line("done: \(what) \(member)")
                }
            }
        }
    }

    struct Transfer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hand leadership to another voter."
        )
        @OptionGroup var change: Change

        func run() async throws {
            try await change.perform("/v1/roost/leader/transfer", what: "handing leadership to")
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a member; its data directory is of no use after it."
        )
        @OptionGroup var change: Change

        func run() async throws {
            try await change.perform("/v1/roost/members/remove", what: "removing")
        }
    }

    struct Refill: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replace a member's wrong state by a snapshot of the leader's.",
            discussion: """
                It ends when the leader has taken note; roost members shows when the member's data
                are good again. The member's log is kept.
                """
        )
        @OptionGroup var change: Change

        func run() async throws {
            try await change.perform("/v1/roost/members/refill", what: "refilling")
        }
    }

    struct Promote: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a learner that has caught up a voter."
        )
        @OptionGroup var change: Change

        func run() async throws {
            try await change.perform("/v1/roost/members/promote", what: "promoting")
        }
    }

    struct Demote: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a voter a learner: it keeps the data and decides nothing."
        )
        @OptionGroup var change: Change

        func run() async throws {
            try await change.perform("/v1/roost/members/demote", what: "demoting")
        }
    }
}
