import Disk
import Logging
import PeerProtocol
import PeerTransport
import Raft
import RaftStore
import Replica

/// How a new node comes into a cluster that exists: a member is asked, the leader gives it a number
/// and takes it in as a learner, and when it has caught up it asks to vote.
struct Joining {
    private let configuration: ServerConfiguration
    private let security: PeerSecurity
    private let logger: Logger

    init(_ configuration: ServerConfiguration, _ security: PeerSecurity, logger: Logger) {
        self.configuration = configuration
        self.security = security
        self.logger = logger
    }

    /// Makes the log of a node that has none; waits until the cluster takes the node in.
    /// - Throws: `StartProblem`, or a cancellation.
    func begin(_ directory: DataDirectory) async throws {
        guard let join = configuration.join, !WriteAheadLog.exists(directory.logPath) else {
            return
        }
        try await checkPort()
        let incarnation = try incarnation(in: directory)
        let place = HostPort(host: configuration.advertise, port: configuration.ownPeerPort)
        let request = JoinRequest(
            name: configuration.name,
            address: place.text,
            incarnation: incarnation
        )
        let grant = try await ask(join, request)
        // Itself included, whether the leader's book had it yet or not.
        let own = JoinGrant.Member(node: grant.node, name: request.name, address: request.address)
        let granted = grant.members.filter { $0.node != grant.node } + [own]
        let members = granted.map { member in
            NodeStanding.Member(
                node: member.node,
                name: member.name,
                address: member.address,
                incarnation: member.node == grant.node
                    ? incarnation : [UInt8](repeating: 0, count: 16)
            )
        }
        do throws(StoreError) {
            try WriteAheadLog.create(
                directory.logPath,
                identity: NodeIdentity(
                    clusterID: grant.clusterID,
                    node: grant.node,
                    name: configuration.name
                ),
                standing: NodeStanding(
                    incarnation: incarnation,
                    hasBegun: true,
                    members: members
                ),
                memberships: [MembershipRecord(index: .zero, membership: Membership())]
            )
        } catch { throw StartProblem.storage(error) }
        try forgetNote(in: directory)
        logger.notice(
            "taken into the cluster",
            metadata: [
                "node": "\(grant.node.rawValue)",
                "members": "\(members.map(\.name).joined(separator: ","))",
            ]
        )
    }

    /// Who cannot listen must not have the membership changed first.
    private func checkPort() async throws {
        let (host, port) = (configuration.bind, configuration.ownPeerPort)
        do { try await PeerLinks.probe(host: host, port: port) } catch {
            throw StartProblem.listen(
                what: "the peer port",
                address: host,
                port: port,
                reason: "\(error)"
            )
        }
    }

    /// Asks until a member says yes, or no for a reason that waiting does not mend.
    private func ask(_ join: HostPort, _ request: JoinRequest) async throws -> JoinGrant {
        var place = join
        var trouble = ""
        while true {
            let address = PeerAddress(
                node: NodeID(0),
                name: place.text,
                host: place.host,
                port: place.port
            )
            do { return try await PeerLinks.join(address, request, security) } catch {
                let leader = try leader(named: error, by: place)
                place = leader ?? join
                if leader == nil, "\(error)" != trouble {
                    trouble = "\(error)"
                    logger.notice(
                        "not taken into the cluster yet",
                        metadata: ["asked": "\(address.text)", "reason": "\(trouble)"]
                    )
                }
            }
            try await Task.sleep(for: .milliseconds(ServerLimits.foundingPauseMilliseconds))
        }
    }

    /// Whom to ask next, if the answer says; throws what waiting does not mend.
    private func leader(named error: any Error, by place: HostPort) throws -> HostPort? {
        guard case .refused(let refusal)? = error as? DialProblem else { return nil }
        switch refusal.reason {
        case .notLeader: return HostPort(refusal.text)
        case .notReady: return nil
        case .otherCluster, .otherNode, .otherDirectory, .failed, .notMember:
            throw StartProblem.join("\(place.text) does not take this node in: \(refusal.text)")
        }
    }

    // MARK: The note of who asks

    /// The directory's name, kept until it has a log, so that a node that stops while it joins
    /// asks again as the same one.
    private func incarnation(in directory: DataDirectory) throws -> [UInt8] {
        let path = notePath(directory)
        do throws(DiskError) {
            if let kept = try FileSystem.contents(path), kept.count == 16 { return kept }
            let made = NewNode.randomID()
            try FileSystem.replace(path, with: made, in: directory.path)
            return made
        } catch { throw StartProblem.join("\(path): \(error)") }
    }

    private func forgetNote(in directory: DataDirectory) throws {
        do throws(DiskError) { try FileSystem.remove(notePath(directory)) } catch {
            throw StartProblem.join("\(notePath(directory)): \(error)")
        }
    }

    private func notePath(_ directory: DataDirectory) -> String { "\(directory.path)/joining" }
}

/// Asks for the vote of a node that joined, as soon as it has caught up.
struct Candidacy {
    private let desk: ReplicaDesk
    private let board: StatusBoard
    private let staff: Operator
    private let logger: Logger

    init(_ desk: ReplicaDesk, _ board: StatusBoard, _ staff: Operator, logger: Logger) {
        self.desk = desk
        self.board = board
        self.staff = staff
        self.logger = logger
    }

    func pursue() async throws {
        let (node, name) = (board.current.node, board.current.name)
        var trouble = ""
        while true {
            let status = try await desk.statusIfTold()
            if let status, status.membership.isVoter(node) { return }
            if let status, status.membership.isLearner(node), status.leader != nil {
                let request = OperatorRequest(.promote, member: name)
                let answer = await staff.perform(request)
                let text = String(decoding: answer.body, as: UTF8.self)
                if answer.status != 200, text != trouble {
                    trouble = text
                    logger.notice("not a voter yet", metadata: ["reason": "\(text)"])
                }
            }
            try await Task.sleep(for: .milliseconds(ServerLimits.candidacyPauseMilliseconds))
        }
    }
}
