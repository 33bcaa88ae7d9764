import Raft
import SeededRandom

/// A node with its disk and a state machine that remembers what it applied.
final class Member {
    let id: NodeID
    let disk: MemoryLog
    private(set) var node: RaftNode
    /// Handed out and not stored yet.
    var pending: [LogWrite] = []
    /// Writes stay pending until this is false.
    var isDiskHeld = false
    var isDown = false
    private let limits: RaftLimits
    private var restarts: UInt64 = 0

    init(id: NodeID, restored: RestoredState, limits: RaftLimits) throws {
        self.id = id
        self.limits = limits
        disk = MemoryLog(restored)
        node = try RaftNode(
            id: id,
            restored: restored,
            storage: disk,
            limits: limits,
            random: SeededGenerator(seed: id.rawValue)
        )
    }

    /// Lets one thing happen to the node.
    func change<Result>(_ body: (inout RaftNode) throws(RaftError) -> Result) throws(RaftError)
        -> Result
    {
        try body(&node)
    }

    func look<Result>(_ body: (borrowing RaftNode) throws -> Result) rethrows -> Result {
        try body(node)
    }

    /// Stores the oldest write that is due.
    func storeNext() -> LogWrite? {
        guard !pending.isEmpty else { return nil }
        let write = pending.removeFirst()
        disk.store(write)
        node.persisted(write.id)
        return write
    }

    /// The power goes: what was not stored is lost.
    func crash() {
        pending.removeAll()
        isDown = true
    }

    func restart() throws {
        restarts += 1
        isDown = false
        node = try RaftNode(
            id: id,
            restored: disk.restored,
            storage: disk,
            limits: limits,
            random: SeededGenerator(seed: id.rawValue &+ restarts << 32)
        )
    }
}
