import ArgumentParser

/// roost: the server, and a command line for its key-value store, sessions and status.
///
/// The client commands speak Consul's HTTP API and nothing else, so they work against Roost and
/// against Consul alike. This module decides nothing about a server: `server` hands its flags to
/// RoostServer's configuration. It never prints errors on stdout.
///
/// Map: `ServerCommand` starts a server; `Key…`, `Session…`, `WatchCommand`, `LockCommand`,
/// `TreeCommand`, `StatusCommand`, `TopCommand`, `MemberCommands`, `LogLevelCommand` and
/// `TokenCommands` are the client commands over `ConsulClient`, which speaks TLS as
/// `ClientSecurity` says; `TLSCommands` makes certificates by `Issuing`; `ConfigCommands` check a
/// server's settings; `KeyChanges` tells two listings apart; `NodeReport` is what a server says of
/// itself and `NodeScreen` shows it; `Terminal`, `Paint` and `LiveScreen` print; `ChildProcess` (of
/// Console) runs a lock's command; `CommandFailure` is every way to fail, with its exit code.
@main
struct Roost: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roost",
        abstract: "A coordination server that speaks ZooKeeper's protocol and Consul's HTTP API.",
        discussion: """
            EXAMPLES
              roost server --data-dir /var/lib/roost
              roost kv put app/mode fast
              roost kv get app/mode
              roost watch app/ --prefix
              roost session create --ttl 30s
              roost lock jobs/backup backup --full
              roost tree /app
              roost status
              roost top
              roost members
              roost snapshot save monday.snap

            EXIT CODES
              0 done, 1 not there or condition not met, 2 refused by the server,
              3 server not reached, 4 local file or configuration, 5 a file is damaged,
              6 a file is something else, or of a later version, 64 wrong usage
            """,
        version: "0.5.0",
        subcommands: [
            ServerCommand.self, KeyCommands.self, WatchCommand.self, SessionCommands.self,
            LockCommand.self, TreeCommand.self, StatusCommand.self, TopCommand.self,
            MembersCommand.self, RaftCommands.self, SnapshotCommands.self, LogLevelCommand.self,
            TLSCommands.self, TokenFamily.self, ConfigCommands.self,
        ]
    )
}
