import Bytes
import Commands
import Logging
import Raft
import RaftStore
import Replica

/// Has Consul's catalog say which members are alive, as the leader sees it: a member that was not
/// heard from for a while becomes critical by its check serfHealth, and passing when it is heard
/// again. With it end the sessions that depend on it, as they do when Consul's gossip finds a dead
/// node.
struct RollCall: Sendable {
    private let desk: ReplicaDesk
    private let board: StatusBoard
    private let members: MemberBook
    private let logger: Logger

    init(_ desk: ReplicaDesk, _ board: StatusBoard, _ members: MemberBook, logger: Logger) {
        self.desk = desk
        self.board = board
        self.members = members
        self.logger = logger
    }

    /// - Throws: when the task is cancelled.
    func call() async throws {
        /// What was said in this term.
        var told: [NodeID: Bool] = [:]
        var term = Term(0)
        while true {
            try await Task.sleep(for: .milliseconds(ServerLimits.rollCallMilliseconds))
            guard board.current.isLeader, let status = try await desk.statusIfTold(),
                status.role == .leader
            else { continue }
            if status.term != term {
                term = status.term
                told = [status.id: false]
            }
            for (node, isAlive) in Self.alive(status) where told[node] != isAlive {
                // A member that is on no record registers itself when it starts.
                if await tell(node, isAlive, term) { told[node] = isAlive }
            }
        }
    }

    /// Who is certainly there, and who certainly is not.
    static func alive(_ status: Status) -> [(node: NodeID, isAlive: Bool)] {
        var found = [(node: status.id, isAlive: true)]
        for peer in status.peers {
            let silence = Int64(peer.ticksSinceContact) * ServerLimits.tickMilliseconds
            if silence >= ServerLimits.memberSilenceMilliseconds {
                found.append((peer.id, false))
            } else if silence < ServerLimits.rollCallMilliseconds {
                found.append((peer.id, true))
            }
        }
        return found
    }

    /// Whether the cluster has taken note.
    private func tell(_ node: NodeID, _ isAlive: Bool, _ term: Term) async -> Bool {
        guard let member = members[node] else { return false }
        let command = UpdateCheck(
            node: ByteString(member.name),
            checkID: "serfHealth",
            status: isAlive ? .passing : .critical,
            output: isAlive ? "Agent alive and reachable" : "Agent not live or unreachable",
            term: term.rawValue
        )
        do {
            let answer = try await desk.propose(command.encode(CommandHeader()))
            guard case .applied = answer else { return false }
        } catch {
            logger.debug("the roll call is repeated", metadata: ["reason": "\(error)"])
            return false
        }
        if !isAlive { logger.warning("a member is silent", metadata: ["member": "\(member.name)"]) }
        return true
    }
}
