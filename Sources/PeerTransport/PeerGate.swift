import PeerProtocol
package import Raft
import Synchronization

/// Says who may talk to this node, and how it presents itself.
///
/// Data directories have names of their own, their incarnations: a node that lost its disk comes
/// back with another one, and must not vote as if it remembered. The first voters therefore begin
/// together: each waits until every other one is new too, or knows this very directory as one of
/// those it began with; and remembers the directories that it began with. Later members it may
/// meet before it has heard of them, since they may lead it: only who was removed is sent away.
package final class PeerGate: Sendable {
    package let clusterID: [UInt8]
    package let node: NodeID
    package let name: String
    /// HOST:PORT by which the others reach this node.
    package let address: String
    package let incarnation: [UInt8]
    private let state: Mutex<State>

    private struct State {
        /// The members and their directories, zeros where one is not known; nil: the node has not
        /// begun.
        var founders: [NodeID: [UInt8]]?
        var names: [NodeID: String] = [:]
        var dismissed: Set<NodeID> = []
        var isServing = false
    }

    package init(
        clusterID: [UInt8],
        node: NodeID,
        name: String,
        address: String,
        incarnation: [UInt8],
        founders: [NodeID: [UInt8]]?
    ) {
        self.clusterID = clusterID
        self.node = node
        self.name = name
        self.address = address
        self.incarnation = incarnation
        state = Mutex(State(founders: founders))
    }

    /// These are the members, and their directories as far as they are known.
    package func found(
        with founders: [NodeID: [UInt8]],
        named names: [NodeID: String] = [:],
        without dismissed: Set<NodeID> = []
    ) {
        state.withLock {
            $0.founders = founders
            $0.names.merge(names) { _, new in new }
            $0.dismissed = dismissed
        }
    }

    /// The name of a node whose number is known.
    func name(of peer: NodeID) -> String? { state.withLock { $0.names[peer] } }

    func knows(_ peer: NodeID) -> Bool { state.withLock { $0.founders?[peer] != nil } }

    /// Whether the peer was removed. It has to greet again, to be told so.
    func hasDismissed(_ peer: NodeID) -> Bool { state.withLock { $0.dismissed.contains(peer) } }

    /// From now on messages are taken.
    package func open() { state.withLock { $0.isServing = true } }

    package var isNew: Bool { state.withLock { $0.founders == nil } }

    func hello(to peer: NodeID, for purpose: PeerHello.Purpose) -> PeerHello {
        PeerHello(
            clusterID: clusterID,
            from: node,
            to: peer,
            incarnation: incarnation,
            name: name,
            address: address,
            purpose: purpose
        )
    }

    func answer(_ hello: PeerHello) -> Result<PeerWelcome, RefusedPeer> {
        guard hello.clusterID == clusterID else {
            return .failure(
                RefusedPeer(
                    .otherCluster,
                    "\(name) belongs to another cluster than \(hello.name); "
                        + "do both have the same --cluster?"
                )
            )
        }
        guard hello.to == node else {
            return .failure(
                RefusedPeer(
                    .otherNode,
                    "this is node \(node.rawValue) (\(name)), not \(hello.to.rawValue)"
                )
            )
        }
        let (founders, dismissed, isServing) = state.withLock {
            ($0.founders, $0.dismissed, $0.isServing)
        }
        let known = founders?[hello.from]
        if dismissed.contains(hello.from) {
            return .failure(
                RefusedPeer(
                    .notMember,
                    "\(hello.name) is no member of the cluster any more, says \(name): "
                        + "it was removed"
                )
            )
        }
        if hello.purpose != .founding {
            guard isServing else {
                return .failure(RefusedPeer(.notReady, "\(name) has not started yet"))
            }
            if let known, known.contains(where: { $0 != 0 }), known != hello.incarnation {
                return .failure(
                    RefusedPeer(
                        .otherDirectory,
                        "\(hello.name) comes with another data directory than it began with; "
                            + "remove it from the cluster and let it join anew"
                    )
                )
            }
        }
        return .success(
            PeerWelcome(
                incarnation: incarnation,
                isNew: founders == nil,
                knowsFounder: known == hello.incarnation
            )
        )
    }
}

/// Why a peer is not talked to.
struct RefusedPeer: Error {
    let refusal: PeerRefusal

    init(_ reason: PeerRefusal.Reason, _ text: String) {
        refusal = PeerRefusal(reason, text)
    }
}
