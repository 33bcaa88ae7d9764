import Raft

/// The generator of the tests: SplitMix64, equal on every machine.
struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

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
