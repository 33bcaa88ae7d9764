import Bytes
import Logging
import PeerProtocol
import PeerTransport
import Raft
import RaftStore
import Replica
import StateMachine
import Synchronization

/// This node's part in the talk of its cluster: who the members are, the gate, and the links.
final class Cluster: Sendable {
    let members: MemberBook
    let links: PeerLinks
    let gate: PeerGate
    let security: PeerSecurity
    private let host: String
    private let port: Int
    private let hasBegun: Bool
    private let log: LogStanding
    private let requests = StaffedDesk()
    private let isTalking = Atomic<Bool>(false)
    private let logger: Logger

    init(
        _ storage: Storage,
        _ configuration: ServerConfiguration,
        _ inbox: Mailbox<ReplicaInput>,
        _ security: PeerSecurity,
        logger: Logger
    ) {
        let identity = storage.log.identity
        let standing = storage.log.standing
        members = MemberBook(Self.members(storage, configuration))
        gate = PeerGate(
            clusterID: identity.clusterID,
            node: identity.node,
            name: identity.name,
            address: configuration.join == nil
                ? members.address(of: identity.node) : Relocation.address(configuration),
            incarnation: standing.incarnation,
            founders: standing.hasBegun ? standing.directories : nil
        )
        self.security = security
        let requests = self.requests
        links = PeerLinks(
            gate: gate,
            security: security,
            snapshots: storage.snapshots,
            logger: logger
        ) { delivery in
            switch delivery {
            case .join(let request, let answer):
                let isTaken = requests.take { staff in answer(await staff.admit(request)) }
                if !isTaken { answer(.failure(PeerRefusal(.notReady, "it has not started yet"))) }
            case .operate(let request, let answer):
                let isTaken = requests.take { staff in answer(await staff.performAsLeader(request))
                }
                if !isTaken { answer(.failure(500, "the node has not started yet")) }
            case .introduced(let peer): requests.introduce(peer)
            default:
                if let input = ReplicaInput(delivery) { inbox.post(input) }
            }
        }
        host = configuration.bind
        port = configuration.ownPeerPort
        hasBegun = standing.hasBegun
        log = LogStanding(storage.log)
        self.logger = logger
    }

    /// What the directory knows, at the addresses that the operator says now.
    private static func members(
        _ storage: Storage,
        _ configuration: ServerConfiguration
    ) -> [NodeStanding.Member] {
        let identity = storage.log.identity
        let standing = storage.log.standing
        guard !standing.members.isEmpty else {
            let place = HostPort(host: configuration.advertise, port: configuration.peerPort)
            return [
                NodeStanding.Member(
                    node: identity.node,
                    name: identity.name,
                    address: place.text,
                    incarnation: standing.incarnation
                )
            ]
        }
        return standing.members.map { member in
            var member = member
            if let told = configuration.cluster.first(where: { $0.name == member.name }) {
                member.address = told.place.text
            }
            return member
        }
    }

    /// Listens, and returns when this node may take part.
    func open() async throws {
        let bound: Int
        do { bound = try await links.listen(host: host, port: port) } catch {
            throw StartProblem.listen(
                what: "the peer port",
                address: host,
                port: port,
                reason: "\(error)"
            )
        }
        if port == 0 { noteOwnPort(bound) }
        if !hasBegun { try await found() }
    }

    /// Port 0 took one that nobody knew before.
    private func noteOwnPort(_ bound: Int) {
        guard var own = members[gate.node], let colon = own.address.lastIndex(of: ":") else {
            return
        }
        own.address = "\(own.address[..<colon]):\(bound)"
        members.note(own)
    }

    /// From now on requests of operators and of new nodes are taken.
    func take(requestsBy staff: Operator) {
        requests.staff(staff) { [weak self] in self?.meet($0) }
    }

    /// A member that this node has not heard of greets it: it must be answered, since it may lead.
    private func meet(_ peer: PeerAddress) {
        guard members[peer.node] == nil else { return }
        logger.info("met a member", metadata: ["peer": "\(peer.name)", "address": "\(peer.text)"])
        members.note(
            NodeStanding.Member(
                node: peer.node,
                name: peer.name,
                address: peer.text,
                incarnation: [UInt8](repeating: 0, count: 16)
            )
        )
        links.connect(to: members.peers)
    }

    /// The members that joined later, as the state has them now.
    func update(_ records: [MemberRecord]) {
        var dismissed: Set<NodeID> = []
        for record in records {
            let node = NodeID(record.node)
            // The record of one that was removed has no name.
            guard !record.name.bytes.isEmpty, record.incarnation.bytes.count == 16 else {
                members.forget(node)
                dismissed.insert(node)
                continue
            }
            members.note(
                NodeStanding.Member(
                    node: node,
                    name: "\(record.name)",
                    address: "\(record.address)",
                    incarnation: record.incarnation.bytes
                )
            )
        }
        guard !gate.isNew else { return }
        let directories = Dictionary(
            members.all.map { ($0.node, $0.incarnation) },
            uniquingKeysWith: { _, last in last }
        )
        gate.found(with: directories, named: members.names, without: dismissed)
        if isTalking.load(ordering: .acquiring) { links.connect(to: members.peers) }
    }

    /// Reaches out to the others; what they say arrives from now on.
    func connect() {
        isTalking.store(true, ordering: .releasing)
        gate.open()
        links.connect(to: members.peers)
    }

    func stop() async throws { try await links.stop() }

    private func found() async throws {
        let others = members.peers.filter { $0.node != gate.node }
        var founding = Founding(gate, security, peers: others, logger: logger)
        let directories = try await founding.complete()
        for member in members.all {
            var member = member
            member.incarnation = directories[member.node] ?? member.incarnation
            members.note(member)
        }
        try log.begin(with: members.all)
        gate.found(with: directories, named: members.names)
        logger.notice(
            "the cluster begins",
            metadata: ["members": "\(members.all.map(\.name).joined(separator: ","))"]
        )
    }
}

/// Passes requests on to who carries them out, once there is somebody.
private final class StaffedDesk: Sendable {
    private let member = Mutex<Operator?>(nil)
    private let usher = Mutex<(@Sendable (PeerAddress) -> Void)?>(nil)

    func staff(_ staff: Operator, usher: @escaping @Sendable (PeerAddress) -> Void) {
        member.withLock { $0 = staff }
        self.usher.withLock { $0 = usher }
    }

    func introduce(_ peer: PeerAddress) { usher.withLock { $0 }?(peer) }

    /// False before the node has started: nobody is there.
    func take(_ job: @escaping @Sendable (Operator) async -> Void) -> Bool {
        guard let staff = member.withLock({ $0 }) else { return false }
        Task { await job(staff) }
        return true
    }
}

/// The log's record of the standing, written before the log's thread starts.
///
/// `@unchecked Sendable`: it is used once, by `Cluster.open`, while nobody else has the log yet.
private final class LogStanding: @unchecked Sendable {
    private let log: WriteAheadLog

    init(_ log: WriteAheadLog) {
        self.log = log
    }

    func begin(with members: [NodeStanding.Member]) throws(StartProblem) {
        var standing = log.standing
        standing.hasBegun = true
        standing.members = members
        do { try log.setStanding(standing) } catch { throw .storage(error) }
    }
}

extension NodeStanding {
    /// The members' data directories; zeros where one is not known.
    var directories: [NodeID: [UInt8]] {
        Dictionary(
            members.map { ($0.node, $0.incarnation) },
            uniquingKeysWith: { _, last in last }
        )
    }
}

extension ReplicaInput {
    /// Nil for what is not for the replica.
    init?(_ delivery: PeerDelivery) {
        switch delivery {
        case .messages(let messages): self = .messages(messages)
        case .requests(let requests, let peer): self = .forwarded(requests, from: peer)
        case .answers(let answers): self = .forwardAnswers(answers)
        case .stateReport(let report, let peer): self = .stateReport(report, from: peer)
        case .stateVerdict(let verdict, let peer): self = .stateVerdict(verdict, from: peer)
        case .lost(let peer): self = .lost(peer)
        case .snapshotReceived(let manifest, let leader, let term):
            self = .snapshotReceived(manifest, from: leader, term: term)
        case .snapshotSent(let peer, let succeeded):
            self = .snapshotSent(to: peer, succeeded: succeeded)
        case .join, .operate, .introduced: return nil
        case .reached(let peer): self = .reached(peer)
        case .died(let peer): self = .died(peer)
        case .unreached(let peer): self = .unreached(peer)
        case .dismissed(let peer): self = .dismissed(by: peer)
        }
    }
}
