/// A member of the cluster.
struct Member: Codable {
    var id: UInt64
    var name: String
    var address: String
    var role: String
    var isVoter: Bool
    var state: String
    var match: UInt64
    var lag: UInt64
    var contact: UInt64
    var equal: UInt64?
    var differs: UInt64?
    var data: String?

    var dataText: String {
        guard let data else { return "unknown" }
        return data == "wrong" ? "wrong at \(differs ?? 0)" : data
    }

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case name = "Name"
        case address = "Address"
        case role = "Role"
        case isVoter = "Voter"
        case state = "State"
        case match = "MatchIndex"
        case lag = "Lag"
        case contact = "LastContactMilliseconds"
        case equal = "EqualAt"
        case differs = "DiffersAt"
        case data = "Data"
    }
}

/// Who belongs to the cluster, as one member sees it.
struct ClusterMembers: Codable {
    var term: UInt64
    var leader: String
    var viewer: String
    var commit: UInt64
    var last: UInt64
    var members: [Member]

    /// With its head.
    var table: [[String]] {
        let names = [
            "ID", "NAME", "ADDRESS", "ROLE", "STATE", "MATCH", "LAG", "CONTACT", "DATA", "EQUAL",
        ]
        return [names]
            + members.map { member in
                [
                    "\(member.id)", member.name, member.address, member.role, member.state,
                    "\(member.match)", "\(member.lag)", "\(member.contact) ms",
                    member.dataText, "\(member.equal ?? 0)",
                ]
            }
    }

    enum CodingKeys: String, CodingKey {
        case term = "Term"
        case leader = "Leader"
        case viewer = "AsSeenBy"
        case commit = "CommitIndex"
        case last = "LastIndex"
        case members = "Members"
    }
}

extension ConsulClient {
    /// Only Roost answers this.
    func members() async throws(CommandFailure) -> ClusterMembers {
        let what = "listing the members"
        let answer = try await send(.get, "/v1/roost/members", what: what)
        return try Self.decode(ClusterMembers.self, answer, what: what)
    }
}
