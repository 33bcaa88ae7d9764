package import Raft
import Synchronization

/// What front ends tell their clients about the cluster.
package struct ReplicaStatus: Sendable {
    package var node: NodeID
    package var name: String
    package var role: Role = .follower
    package var term: UInt64 = 0
    package var leader: NodeID?
    /// HOST:PORT of the leader's peer port; empty if none is known.
    package var leaderAddress = ""
    /// HOST:PORT of this node's peer port.
    package var ownAddress = ""
    /// The members as far as this node knows, the voters first.
    package var servers: [Server] = [] {
        didSet {
            peerAddresses = servers.filter(\.isVoter).map(\.address)
            isVoter = servers.contains { $0.node == node && $0.isVoter }
        }
    }
    /// HOST:PORT of every voter's peer port.
    package private(set) var peerAddresses: [String] = []
    /// Whether this node is one of the voters.
    package private(set) var isVoter = true
    package var applied: UInt64 = 0
    package var commit: UInt64 = 0
    /// This node's state was found wrong: it serves nobody.
    package var divergence: Divergence?
    /// A peer said that this node was removed from the cluster: it serves nobody.
    package var isDismissed = false
    /// Milliseconds since the leader was heard from; 0 on the leader.
    package var lastContactMilliseconds: Int64 = 0

    /// Monotonic milliseconds as of which the rest is true: of a leader, when a quorum knew no
    /// other one; else of the replica's last turn. It is old when its thread waits for a disk, or
    /// the process was paused.
    package var asOf: Int64 = 0

    /// As a leader it has asked another node to lead, which may do so at any moment from then on,
    /// whatever a quorum knew before.
    package var isHandingOver = false

    package init(node: NodeID, name: String) {
        self.node = node
        self.name = name
    }

    /// A member of the cluster.
    package struct Server: Sendable {
        package var node: NodeID
        package var name: String
        /// HOST:PORT of its peer port; empty if this node does not know it yet.
        package var address: String
        package var isVoter: Bool

        package init(node: NodeID, name: String, address: String, isVoter: Bool) {
            self.node = node
            self.name = name
            self.address = address
            self.isVoter = isVoter
        }
    }

    /// Whether the followers that confirmed it still wait for their leader. One that restarted, or
    /// found the leader's port closed, may vote sooner. Alone, a leader has nobody to ask.
    package func isRecent(now: @autoclosure () -> Int64) -> Bool {
        isAlone || !isHandingOver && now() - asOf < ReplicaLimits.leaderWordMilliseconds
    }

    package var isLeader: Bool { role == .leader }
    package var knowsLeader: Bool { leader != nil }
    /// Whether it needs nobody else to lead.
    package var isAlone: Bool { isVoter && peerAddresses.count <= 1 }

    /// Why this node serves nobody, for whoever asks it; nil: it serves.
    package var whyUnserving: String? {
        if isDismissed { return "this node was removed from the cluster and serves nobody" }
        return divergence?.text
    }

    // MARK: Keeping it

    /// Who leads has changed.
    package mutating func note(_ change: Leadership, leaderAddress: String) {
        role = change.role
        term = change.term.rawValue
        leader = change.leader
        isHandingOver = false
        self.leaderAddress = leaderAddress
        // A leader need not hear from itself, and another's word has just come.
        if change.leader != nil { lastContactMilliseconds = 0 }
    }

    /// What a tick of Raft's clock left. The role is the one that was published: a leader that
    /// steps down in this very tick must not seem confirmed until the world knows that it did.
    package mutating func note(contact status: Status, now: Int64, tickMilliseconds: Int64) {
        if !isLeader { asOf = now }
        commit = max(commit, status.commit.rawValue)
        let silence = Int64(status.ticksSinceLeader) * tickMilliseconds
        lastContactMilliseconds = status.role == .leader ? 0 : silence
    }

    /// A quorum knew no other leader when it was asked.
    package mutating func note(confirmedAt time: Int64) { asOf = time }
}

/// The status, written by the replica's thread and read by every event loop.
package final class StatusBoard: Sendable {
    private let status: Mutex<ReplicaStatus>

    package init(_ status: ReplicaStatus) {
        self.status = Mutex(status)
    }

    package var current: ReplicaStatus { status.withLock { $0 } }

    package func update(_ change: (inout ReplicaStatus) -> Void) {
        status.withLock { change(&$0) }
    }
}
