import Bytes
import Commands
import ConsulProtocol
import Logging
import PeerProtocol
import PeerTransport
import Raft
import RaftStore
import Replica

/// Carries out what operators ask, and takes new nodes in; on the leader, which other nodes pass
/// such requests on to.
final class Operator: Sendable {
    private let desk: ReplicaDesk
    private let members: MemberBook
    private let security: PeerSecurity
    private let board: StatusBoard
    private let clusterID: [UInt8]
    private let logger: Logger

    init(
        _ desk: ReplicaDesk,
        _ cluster: Cluster,
        _ board: StatusBoard,
        _ clusterID: [UInt8],
        _ logger: Logger
    ) {
        self.desk = desk
        members = cluster.members
        security = cluster.security
        self.board = board
        self.clusterID = clusterID
        self.logger = logger
    }

    // MARK: Requests

    /// Answers here if this node leads, and asks the leader otherwise.
    func perform(_ request: OperatorRequest) async -> OperatorAnswer {
        let status = board.current
        if status.isLeader { return await performAsLeader(request) }
        guard let leader = status.leader, let member = members[leader],
            let address = PeerAddress(member)
        else { return await performUnled(request) }
        do { return try await PeerLinks.operate(address, request, security) } catch {
            return .failure(500, "the leader, \(member.name), does not answer: \(error)")
        }
    }

    /// Without a leader nothing can be changed; who the members are can still be told.
    private func performUnled(_ request: OperatorRequest) async -> OperatorAnswer {
        guard request.verb == .members, let report = try? await desk.report() else {
            return .failure(500, "No cluster leader")
        }
        return OperatorAnswer(status: 200, body: MemberReport(report, members).json)
    }

    func performAsLeader(_ request: OperatorRequest) async -> OperatorAnswer {
        do {
            guard board.current.isLeader else {
                throw OperatorProblem(500, "leadership has just changed; try again")
            }
            let report = try await desk.report()
            let status = report.status
            guard request.verb != .members else {
                return OperatorAnswer(status: 200, body: MemberReport(report, members).json)
            }
            let node = try found(request.member)
            guard status.membership.contains(node) || request.verb == .remove else {
                throw unknown(request.member)
            }
            logger.notice(
                "an operator asks",
                metadata: ["verb": "\(request.verb)", "member": "\(request.member)"]
            )
            switch request.verb {
            case .members: break
            case .transfer:
                guard report.findings[node]?.divergence == nil else {
                    throw OperatorProblem(409, "its state is wrong; refill it first")
                }
                try await transfer(to: node)
            case .promote: try await change(.promote(node)) { $0.isVoter(node) }
            case .demote:
                try checkMajority(without: node, status)
                try await change(.demote(node)) { !$0.isVoter(node) }
            case .remove: try await remove(node, status)
            case .refill: try await refill(node, report.findings)
            }
            return OperatorAnswer(status: 200, body: Array("true".utf8))
        } catch let problem as OperatorProblem {
            return .failure(problem.status, problem.text)
        } catch {
            return .failure(500, "\(error)")
        }
    }

    private func found(_ name: String) throws -> NodeID {
        if let named = members.all.first(where: { $0.name == name }) { return named.node }
        guard let node = UInt64(name).map({ NodeID($0) }), members[node] != nil else {
            throw unknown(name)
        }
        return node
    }

    private func unknown(_ name: String) -> OperatorProblem {
        OperatorProblem(404, "\"\(name)\" is no member of the cluster")
    }

    private func transfer(to node: NodeID) async throws {
        try check(await desk.ask(.transfer(to: node)))
        try await until("leadership did not move within") { self.board.current.leader == node }
    }

    /// A leader that is about to stop gives its place to the voter that has most of the log; when
    /// this returns, everything that it took is in that node's log too. Where nobody takes over in
    /// time, the others elect somebody when this node is gone.
    func handOver() async {
        do {
            let (status, findings) = try await desk.report()
            let heirs = status.peers.filter {
                $0.isVoter && $0.ticksSinceContact < RaftLimits().electionTicks
                    && findings[$0.id]?.divergence == nil
            }
            let heir = heirs.max { ($0.match, $1.id) < ($1.match, $0.id) }
            guard status.role == .leader, let heir else { return }
            try check(await desk.ask(.transfer(to: heir.id)))
            let deadline = HostClock.monotonic() + ServerLimits.handOverMilliseconds
            while board.current.isLeader || board.current.leader == nil,
                HostClock.monotonic() < deadline
            {
                try await Task.sleep(for: .milliseconds(ServerLimits.retirementPollMilliseconds))
            }
        } catch {
            logger.notice("leadership was not handed over", metadata: ["reason": "\(error)"])
        }
    }

    /// Begins it: how long the snapshot takes, its size says.
    private func refill(_ node: NodeID, _ findings: [NodeID: StateFinding]) async throws {
        guard findings[node]?.divergence != nil else {
            throw OperatorProblem(
                409,
                "the state of \(members[node]?.name ?? "the node") is not known to be wrong"
            )
        }
        try check(await desk.ask(.refill(node)))
    }

    private func remove(_ node: NodeID, _ status: Status) async throws {
        guard node != status.id else {
            throw OperatorProblem(
                409,
                "\(members[node]?.name ?? "the node") leads; hand leadership over first "
                    + "(roost raft transfer)"
            )
        }
        // Who is on record and in no membership was left so by a removal or a joining that a crash
        // or a new leader cut short.
        if status.membership.contains(node) {
            try checkMajority(without: node, status)
            try await change(.remove(node)) { !$0.contains(node) }
        }
        let name = members[node]?.name
        _ = try await propose(DismissMember(node: node.rawValue).encode(CommandHeader()))
        // As Consul's catalog does with a server that leaves.
        guard let name, !name.isEmpty else { return }
        _ = try await propose(Deregister(node: ByteString(name)).encode(CommandHeader()))
    }

    /// A change that leaves no living majority could be neither agreed on nor taken back.
    private func checkMajority(without node: NodeID, _ status: Status) throws {
        guard status.membership.isVoter(node) else { return }
        let staying = status.membership.incoming.filter { $0 != node }
        let heard = staying.filter { voter in
            if voter == status.id { return true }
            let peer = status.peers.first { $0.id == voter }
            return peer.map { $0.ticksSinceContact < RaftLimits().electionTicks } ?? false
        }
        guard heard.count * 2 > staying.count else {
            throw OperatorProblem(
                409,
                "only \(heard.count) of the \(staying.count) voters that would stay are heard "
                    + "from, and the cluster could decide nothing any more; bring them back first"
            )
        }
    }

    /// Changes the membership, and returns when the change is committed.
    private func change(
        _ change: MembershipChange,
        isDone: @escaping @Sendable (Membership) -> Bool
    ) async throws {
        try check(await desk.ask(.change([change])))
        try await until("the change is in the log and was not agreed on within") {
            let status = try await self.desk.status()
            return status.membershipIndex <= status.commit && !status.membership.isJoint
                && isDone(status.membership)
        }
    }

    private func check(_ result: ReplicaOperation.Result) throws {
        guard case .failed(let error) = result else { return }
        throw OperatorProblem(409, FailureText.operation(error))
    }

    private func until(
        _ failure: String,
        _ isDone: @Sendable () async throws -> Bool
    ) async throws {
        let deadline = HostClock.monotonic() + ServerLimits.operationMilliseconds
        while try await !isDone() {
            guard HostClock.monotonic() < deadline else {
                let seconds = ServerLimits.operationMilliseconds / 1_000
                throw OperatorProblem(500, "\(failure) \(seconds) s")
            }
            try await Task.sleep(for: .milliseconds(ServerLimits.operationPollMilliseconds))
        }
    }

    private func propose(_ payload: [UInt8]) async throws -> Outcome {
        switch try await desk.propose(payload) {
        case .applied(_, let outcome): return outcome
        case .refused(.timedOut):
            throw OperatorProblem(500, "the change was not confirmed in time; it may still happen")
        default: throw OperatorProblem(500, "the cluster did not take the change; try again")
        }
    }

    // MARK: New nodes

    /// Takes a node in as a learner.
    func admit(_ request: JoinRequest) async -> Result<JoinGrant, PeerRefusal> {
        let status = board.current
        guard status.isLeader else {
            guard !status.leaderAddress.isEmpty else {
                return .failure(PeerRefusal(.notReady, "the cluster has no leader"))
            }
            return .failure(PeerRefusal(.notLeader, status.leaderAddress))
        }
        guard !request.name.isEmpty, HostPort(request.address) != nil else {
            let text = "it must say its name and HOST:PORT, not \"\(request.name)\" and "
            return .failure(PeerRefusal(.failed, text + "\"\(request.address)\""))
        }
        do { return .success(try await admitAsLeader(request)) } catch let refusal as PeerRefusal {
            return .failure(refusal)
        } catch let problem as OperatorProblem {
            // Another change, or another leader: it may ask again.
            return .failure(PeerRefusal(.notReady, problem.text))
        } catch {
            return .failure(PeerRefusal(.notReady, "\(error)"))
        }
    }

    private func admitAsLeader(_ request: JoinRequest) async throws -> JoinGrant {
        let membership = try await desk.status().membership
        let taken = members.all.first {
            $0.name == request.name && $0.incarnation != request.incarnation
        }
        if let taken { throw nameTaken(request.name, by: taken.node) }
        try requireRoom(for: request)
        let greatest = (members.all.map(\.node) + membership.members).max()
        let command = AdmitMember(
            least: (greatest?.rawValue ?? 0) + 1,
            name: ByteString(request.name),
            address: ByteString(request.address),
            incarnation: ByteString(request.incarnation)
        )
        let outcome = try await propose(command.encode(CommandHeader()))
        guard case .member(.admitted(let number)) = outcome else {
            guard case .member(.nameTaken(let other)) = outcome else {
                throw OperatorProblem(500, "the command to admit it had another outcome")
            }
            throw nameTaken(request.name, by: NodeID(other))
        }
        let node = NodeID(number)
        // Asked again: what an earlier attempt added may have been cut off by a new leader since.
        if !(try await desk.status().membership.contains(node)) {
            try await change(.addLearner(node)) { $0.contains(node) }
        }
        logger.notice(
            "a node joins",
            metadata: ["name": "\(request.name)", "address": "\(request.address)"]
        )
        return JoinGrant(
            clusterID: clusterID,
            node: node,
            members: members.all.map {
                JoinGrant.Member(node: $0.node, name: $0.name, address: $0.address)
            }
        )
    }

    /// A node keeps the members that it was told of in one record.
    private func requireRoom(for request: JoinRequest) throws {
        let nobody = [UInt8](repeating: 0, count: 16)
        let others = members.all.filter { $0.name != request.name }
        let told = others.map { ($0.name, $0.address) } + [(request.name, request.address)]
        let standing = NodeStanding(
            incarnation: nobody,
            hasBegun: true,
            members: told.map { name, address in
                NodeStanding.Member(
                    node: NodeID(1),
                    name: name,
                    address: address,
                    incarnation: nobody
                )
            }
        )
        guard !standing.isStorable else { return }
        throw PeerRefusal(
            .failed,
            "with it the cluster would have \(told.count) members, whose names and addresses are "
                + "more than a node can keep; remove those that are gone (roost raft remove NAME), "
                + "or choose shorter ones"
        )
    }

    private func nameTaken(_ name: String, by node: NodeID) -> PeerRefusal {
        PeerRefusal(
            .failed,
            "member \(node.rawValue) is called \(name) and has another data directory; remove it "
                + "first (roost raft remove \(name)), or choose another --name"
        )
    }
}

/// Why an operator's request was not carried out.
struct OperatorProblem: Error {
    let status: Int
    let text: String

    init(_ status: Int, _ text: String) {
        self.status = status
        self.text = text
    }
}

/// Who belongs to the cluster, as a node sees it; only the leader knows how far the others are.
struct MemberReport {
    private let status: Status
    private let findings: [NodeID: StateFinding]
    private let members: MemberBook

    init(
        _ report: (status: Status, findings: [NodeID: StateFinding]),
        _ members: MemberBook
    ) {
        status = report.status
        findings = report.findings
        self.members = members
    }

    var json: [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("Term", status.term.rawValue)
        json.member("Leader", ByteString(status.leader.flatMap { members[$0]?.name } ?? ""))
        json.member("AsSeenBy", ByteString(members[status.id]?.name ?? ""))
        json.member("CommitIndex", status.commit.rawValue)
        json.member("LastIndex", status.last.rawValue)
        json.name("Members")
        json.beginArray()
        for node in status.membership.members { write(node, &json) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    private func write(_ node: NodeID, _ json: inout JSONWriter) {
        let member = members[node]
        let peer = status.peers.first { $0.id == node }
        let isSelf = node == status.id
        json.beginObject()
        json.member("ID", node.rawValue)
        json.member("Name", ByteString(member?.name ?? ""))
        json.member("Address", ByteString(member?.address ?? ""))
        json.member("Role", ByteString(role(node)))
        json.member("Voter", status.membership.isVoter(node))
        json.member(
            "State",
            ByteString(peer.map { "\($0.state)" } ?? (isSelf ? "self" : "unknown"))
        )
        json.member("MatchIndex", (peer?.match ?? (isSelf ? status.durable : .zero)).rawValue)
        json.member("Lag", UInt64(peer?.lagCount ?? 0))
        let ticks = Int64(peer?.ticksSinceContact ?? 0)
        json.member("LastContactMilliseconds", UInt64(ticks * ServerLimits.tickMilliseconds))
        write(findings[node], &json)
        json.endObject()
    }

    private func write(_ finding: StateFinding?, _ json: inout JSONWriter) {
        json.member("EqualAt", (finding?.equalAt ?? .zero).rawValue)
        json.member("DiffersAt", (finding?.divergence?.differsAt ?? .zero).rawValue)
        let isWrong = finding?.divergence != nil
        let health = isWrong ? "wrong" : finding?.isDisputed == true ? "disputed" : "good"
        let isKnown = isWrong || finding?.equalAt ?? .zero > .zero
        json.member("Data", ByteString(isKnown ? health : "unknown"))
    }

    private func role(_ node: NodeID) -> String {
        if node == status.leader { return "leader" }
        return status.membership.isVoter(node) ? "follower" : "learner"
    }
}
