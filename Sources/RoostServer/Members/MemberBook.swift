import PeerTransport
import Raft
import RaftStore
import Replica
import Synchronization

/// The members of the cluster by number: their names, addresses and data directories, as far as
/// this node knows them. Written by who starts the node and by the thread that applies, read by
/// everyone.
final class MemberBook: Sendable {
    typealias Member = NodeStanding.Member

    private let members: Mutex<[NodeID: Member]>

    init(_ members: [Member]) {
        self.members = Mutex(
            Dictionary(members.map { ($0.node, $0) }, uniquingKeysWith: { _, last in last })
        )
    }

    subscript(node: NodeID) -> Member? { members.withLock { $0[node] } }

    /// In the order of their numbers.
    var all: [Member] { members.withLock { $0.values.sorted { $0.node < $1.node } } }

    func note(_ member: Member) { members.withLock { $0[member.node] = member } }

    func forget(_ node: NodeID) { _ = members.withLock { $0.removeValue(forKey: node) } }

    func address(of node: NodeID?) -> String {
        guard let node, let member = self[node] else { return "" }
        return member.address
    }

    /// What clients are told of a membership.
    func servers(_ membership: Membership?) -> [ReplicaStatus.Server] {
        guard let membership else { return [] }
        return membership.members.map { node in
            let member = self[node]
            return ReplicaStatus.Server(
                node: node,
                name: member?.name ?? "",
                address: member?.address ?? "",
                isVoter: membership.isVoter(node)
            )
        }
    }

    var names: [NodeID: String] { members.withLock { $0.mapValues(\.name) } }

    var peers: [PeerAddress] { all.compactMap(PeerAddress.init) }
}

extension PeerAddress {
    /// Nil if the address is none.
    init?(_ member: NodeStanding.Member) {
        self.init(node: member.node, name: member.name, text: member.address)
    }
}
