package import Bytes
package import Commands
package import Watches

/// Whom an answer goes to: a request of a connection on an event loop.
package struct Origin: Hashable, Sendable {
    package var loop: UInt8
    package var slot: ClientSlot
    /// Which tenant of the slot it is; answers to an earlier one are dropped.
    package var generation: UInt32
    /// The connection's own number for the request.
    package var tag: UInt32

    func isOfSameConnection(as other: Origin) -> Bool {
        loop == other.loop && slot == other.slot && generation == other.generation
    }
}

/// A command that a connection wants in the log.
package struct PendingProposal: Sendable {
    package var payload: [UInt8]
    package var origin: Origin
}

/// The name of a TTL check: a node's check of this id.
package struct CheckKey: Hashable, Sendable {
    package var node: ByteString
    package var check: ByteString

    package init(node: ByteString, check: ByteString) {
        self.node = node.lowercased
        self.check = check.lowercased
    }
}

/// Signs of life since the last batch; they go to the leader and not into the log.
package struct Heartbeats: Sendable {
    package var zooKeeper: Set<SessionID> = []
    package var consul: Set<ByteString> = []
    package var checks: Set<CheckKey> = []

    package init() {}

    package var isEmpty: Bool { zooKeeper.isEmpty && consul.isEmpty && checks.isEmpty }
}

/// What one event loop asks for in one of its ticks.
package struct LoopRequests: Sendable {
    package var proposals: [PendingProposal] = []
    package var barriers: [Origin] = []
    /// Wait until what a leader has told anybody to be committed is applied here; on a follower,
    /// as a barrier.
    package var catchUps: [Origin] = []
    package var heartbeats = Heartbeats()

    package var isEmpty: Bool {
        proposals.isEmpty && barriers.isEmpty && catchUps.isEmpty && heartbeats.isEmpty
    }
}

/// Why a request was not carried out.
package enum Refusal: Hashable, Sendable {
    /// No leader is known, or leadership was lost while the request was under way.
    case noLeader
    /// The disk has no room; reads and deletes go on.
    case diskFull(String)
    /// Too much is under way already.
    case overloaded
    case tooLarge(bytes: Int, bound: Int)
    case timedOut
    case stopping
    /// The leader, of an older version, cannot apply it.
    case unknownCommand
}

/// The answer to a proposal or a barrier.
package enum Completion: Sendable {
    /// The command is in the log at `index`, durable on a majority, and applied here.
    case applied(index: UInt64, Outcome)
    /// Everything up to `index` is applied here, which is all that was committed when asked.
    case barrier(index: UInt64)
    case refused(Refusal)
}

/// Why a connection's session ended.
package enum SessionEnd: Hashable, Sendable {
    case closed
    /// Another connection took the session over.
    case moved
}
