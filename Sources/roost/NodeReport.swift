import Foundation

/// What one server says of itself and its cluster. Consul's own server leaves some of it out.
struct NodeReport: Encodable {
    var address: String
    var node: String
    var version: String
    var datacenter: String
    /// HOST:PORT of the leader; empty: there is none.
    var leader: String
    var peers: [String]
    /// Of /readyz: the checks that fail, each with its reason; nil: not told.
    var problems: [String]?
    var members: ClusterMembers?
    var rates: Rates?
    var figures: Figures?

    /// From the server's metrics.
    struct Figures: Encodable {
        var role: String?
        var term: Double?
        var commitIndex: Double?
        var appliedIndex: Double?
        var logBytes: Double?
        var stateBytes: Double?
        var diskFreeBytes: Double?
        var diskBytes: Double?
        var zookeeperConnections: Double?
        var consulConnections: Double?
        var zookeeperSessions: Double?
        var consulSessions: Double?
        var watches: Double?
        var blockedQueries: Double?
        var znodes: Double?
        var ephemerals: Double?
        var keys: Double?
        var services: Double?
        var residentBytes: Double?
        var openFiles: Double?
        var upSeconds: Double?

        init(_ scrape: Scrape) {
            func both(_ name: String, _ front: String) -> Double? {
                scrape["\(name){protocol=\"\(front)\"}"]
            }
            role = ["leader", "follower", "candidate", "pre_candidate"].first {
                scrape["roost_raft_role{role=\"\($0)\"}"] == 1
            }
            term = scrape["roost_raft_term"]
            commitIndex = scrape["roost_raft_commit_index"]
            appliedIndex = scrape["roost_raft_applied_index"]
            logBytes = scrape["roost_log_used_bytes"]
            stateBytes = scrape["roost_state_used_bytes"]
            diskFreeBytes = scrape["roost_disk_free_bytes"]
            diskBytes = scrape["roost_disk_size_bytes"]
            zookeeperConnections = both("roost_connections", "zookeeper")
            consulConnections = both("roost_connections", "consul")
            zookeeperSessions = both("roost_sessions", "zookeeper")
            consulSessions = both("roost_sessions", "consul")
            watches = scrape["roost_zookeeper_watches"]
            blockedQueries = scrape["roost_consul_blocked_queries"]
            znodes = scrape["roost_state_znodes"]
            ephemerals = scrape["roost_state_ephemerals"]
            keys = scrape["roost_state_keys"]
            services = scrape["roost_state_services"]
            residentBytes = scrape["process_resident_memory_bytes"]
            openFiles = scrape["process_open_fds"]
            upSeconds = scrape["roost_up_seconds"]
        }
    }

    /// - Parameter earlier: a look at the same server's metrics, to tell rates by.
    static func read(
        _ client: ConsulClient,
        since earlier: Scrape?
    ) async throws(CommandFailure) -> (report: NodeReport, scrape: Scrape?) {
        let what = "reading the status"
        let leader = try await client.send(.get, "/v1/status/leader", what: what)
        let peers = try await client.send(.get, "/v1/status/peers", what: what)
        let config = try await agent(client, what: what)
        let scrape = try await client.scrape()
        let report = NodeReport(
            address: client.address,
            node: config.name ?? "",
            version: config.version ?? "",
            datacenter: config.datacenter ?? "",
            leader: try ConsulClient.decode(String.self, leader, what: what),
            peers: try ConsulClient.decode([String]?.self, peers, what: what) ?? [],
            problems: try await client.problems(),
            members: try await members(client),
            rates: Rates(earlier, scrape),
            // A Consul's metrics have other names.
            figures: scrape.flatMap { $0["roost_raft_term"] == nil ? nil : Figures($0) }
        )
        return (report, scrape)
    }

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

    /// A node that serves nobody refuses this, and has other things to tell.
    private static func agent(
        _ client: ConsulClient,
        what: String
    ) async throws(CommandFailure) -> Agent.Config {
        let answer = try await client.send(
            .get,
            "/v1/agent/self",
            what: what,
            accepted: [500, 403]
        )
        guard answer.status == 200 else { return Agent.Config() }
        return try ConsulClient.decode(Agent.self, answer, what: what).config
    }

    private static func members(
        _ client: ConsulClient
    ) async throws(CommandFailure) -> ClusterMembers? {
        do throws(CommandFailure) { return try await client.members() } catch {
            switch error {
            case .refused, .unexpectedAnswer: return nil
            default: throw error
            }
        }
    }
}

extension ConsulClient {
    /// The checks of /readyz that fail; nil where the server has no such thing.
    func problems() async throws(CommandFailure) -> [String]? {
        let answer = try await send(
            .get,
            "/readyz",
            [("verbose", nil)],
            what: "asking whether it is ready",
            accepted: [301, 302, 403, 404, 500]
        )
        let text = String(decoding: answer.body, as: UTF8.self)
        guard text.contains("readyz check ") else { return nil }
        return text.split(separator: "\n").filter { $0.hasPrefix("[-]") }.map {
            String($0.dropFirst(3)).replacing(" failed", with: "", maxReplacements: 1)
        }
    }
}
