import Logging
import PeerProtocol
import PeerTransport
import Raft
import RaftStore

/// The beginning of a cluster of several: each first voter waits until every other one is new too,
/// or knows this very data directory as one of those it began with. So a node that lost its disk
/// cannot take part again as if it remembered its votes.
struct Founding {
    private let gate: PeerGate
    private let security: PeerSecurity
    private let peers: [PeerAddress]
    private let logger: Logger
    private var trouble: [NodeID: String] = [:]

    init(_ gate: PeerGate, _ security: PeerSecurity, peers: [PeerAddress], logger: Logger) {
        self.gate = gate
        self.security = security
        self.peers = peers
        self.logger = logger
    }

    /// Returns when all are there, with their directories.
    /// - Throws: `StartProblem.foundedWithout`, or a cancellation.
    mutating func complete() async throws -> [NodeID: [UInt8]] {
        logger.notice(
            "waiting for the other first voters",
            metadata: ["peers": "\(peers.map { "\($0.name)=\($0.text)" }.joined(separator: ","))"]
        )
        while true {
            if let found = try await greetAll() { return found }
            try await Task.sleep(for: .milliseconds(ServerLimits.foundingPauseMilliseconds))
        }
    }

    /// One round: a directory that was replaced since an earlier round must not count.
    private mutating func greetAll() async throws -> [NodeID: [UInt8]]? {
        var found = [gate.node: gate.incarnation]
        for peer in peers {
            do {
                let welcome = try await PeerLinks.greet(peer, gate, security)
                guard welcome.isNew || welcome.knowsFounder else {
                    throw StartProblem.foundedWithout(peer: peer.name)
                }
                found[peer.node] = welcome.incarnation
                trouble[peer.node] = nil
            } catch let problem as StartProblem {
                throw problem
            } catch {
                tell(peer, "\(error)")
                return nil
            }
        }
        return found
    }

    private mutating func tell(_ peer: PeerAddress, _ reason: String) {
        guard trouble[peer.node] != reason else { return }
        trouble[peer.node] = reason
        logger.notice(
            "a first voter is not there yet",
            metadata: [
                "peer": "\(peer.name)", "address": "\(peer.text)", "reason": "\(reason)",
            ]
        )
    }
}
