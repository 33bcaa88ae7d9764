import ArgumentParser
import Foundation

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show who a server is, who leads, and who its peers are.",
        discussion: """
            Exit code 1: the cluster has no leader. Exit code 3: no server answers.

            EXAMPLES
              roost status
              roost status --address http://10.0.0.2:8500 --json
            """
    )

    @OptionGroup var options: ClientOptions

    private struct Agent: Decodable {
        struct Config: Decodable {
            var name: String?
            var version: String?
            var datacenter: String?

            enum CodingKeys: String, CodingKey {
                case name = "NodeName"
                case version = "Version"
                case datacenter = "Datacenter"
            }
        }

        var config: Config

        enum CodingKeys: String, CodingKey { case config = "Config" }
    }

    private struct Status: Encodable {
        var address: String
        var node: String
        var version: String
        var datacenter: String
        var leader: String
        var peers: [String]
    }

    func run() async throws {
        try await options.perform { client in
            let status = try await read(client)
            if options.json { try Terminal.json(status) } else { show(status) }
            guard !status.leader.isEmpty else {
                throw CommandFailure.conditionNotMet("the cluster has no leader")
            }
        }
    }

    private func read(_ client: ConsulClient) async throws -> Status {
        let what = "reading the status"
        let leader = try await client.send(.get, "/v1/status/leader", what: what)
        let peers = try await client.send(.get, "/v1/status/peers", what: what)
        let agent = try await client.send(.get, "/v1/agent/self", what: what)
        let config = try ConsulClient.decode(Agent.self, agent, what: what).config
        return Status(
            address: client.address,
            node: config.name ?? "",
            version: config.version ?? "",
            datacenter: config.datacenter ?? "",
            leader: try ConsulClient.decode(String.self, leader, what: what),
            peers: try ConsulClient.decode([String]?.self, peers, what: what) ?? []
        )
    }

    private func show(_ status: Status) {
        Terminal.line("server      \(status.address)")
        Terminal.line("node        \(status.node)")
        Terminal.line("version     \(status.version)")
        Terminal.line("datacenter  \(status.datacenter)")
        Terminal.line("leader      \(status.leader.isEmpty ? "none" : status.leader)")
        Terminal.line("peers       \(status.peers.joined(separator: ", "))")
    }
}
