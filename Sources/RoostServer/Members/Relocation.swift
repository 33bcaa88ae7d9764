import Bytes
import Logging
import PeerProtocol
import PeerTransport
import Raft
import RaftStore
import StateMachine

/// Tells the cluster where a node that joined is now, if that is not where it was when it stopped.
///
/// The first voters are on no record; where they are, every node's `--cluster` says.
struct Relocation: Sendable {
    private let request: JoinRequest
    private let gate: PeerGate
    private let security: PeerSecurity
    private let members: MemberBook
    private let logger: Logger

    /// Nil if there is nothing to tell.
    init?(
        _ cluster: Cluster,
        _ records: [MemberRecord],
        _ configuration: ServerConfiguration,
        logger: Logger
    ) {
        let gate = cluster.gate
        let own = records.first { $0.node == gate.node.rawValue && !$0.name.bytes.isEmpty }
        let address = Self.address(configuration)
        guard let own, "\(own.address)" != address, configuration.ownPeerPort != 0 else {
            return nil
        }
        request = JoinRequest(name: gate.name, address: address, incarnation: gate.incarnation)
        self.gate = gate
        security = cluster.security
        members = cluster.members
        self.logger = logger
    }

    /// What a node that is on no list says of itself.
    static func address(_ configuration: ServerConfiguration) -> String {
        HostPort(host: configuration.advertise, port: configuration.ownPeerPort).text
    }

    /// Asks the members in turn until the leader has taken note. One that was removed is told so
    /// by the greeting, before it asks: else it would be taken for a new one.
    /// - Throws: when the task is cancelled, or the node was removed.
    func announce() async throws {
        while true {
            for peer in members.peers where peer.node != gate.node {
                do {
                    _ = try await PeerLinks.greet(peer, gate, security)
                    _ = try await PeerLinks.join(peer, request, security)
                    logger.notice(
                        "the cluster knows the new address",
                        metadata: ["address": "\(request.address)"]
                    )
                    return
                } catch DialProblem.refused(let refusal) where refusal.reason == .notMember {
                    throw DialProblem.refused(refusal)
                } catch {
                    // Who does not lead refuses.
                    logger.debug("not told yet", metadata: ["peer": "\(peer.name): \(error)"])
                }
            }
            try await Task.sleep(for: .milliseconds(ServerLimits.candidacyPauseMilliseconds))
        }
    }
}
