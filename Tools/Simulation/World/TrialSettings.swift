import Raft
import Replica

/// How one run is set up; drawn from its seed, so that runs differ in more than their faults.
struct TrialSettings {
    var nodeCount: Int
    var replica = ReplicaLimits()
    var raft = RaftLimits()
    /// As `ServerLimits.tickMilliseconds`.
    var tickMilliseconds: Int64 = 50
    var entriesPerSnapshot: Int
    var snapshotMicrosecondsMax: Int64
    var faultyMicroseconds: Int64
    var keyClientCount: Int
    var znodeClientCount: Int
    /// So many own ephemerals, and so many take locks.
    var ownerCount: Int
    /// The longest that a client thinks between two requests.
    var thinkMicroseconds: Int64
    /// The usual pause between two faults.
    var faultMicroseconds: Int64
    /// Which faults this run has.
    var faults: [FaultKind]

    init(_ dice: Dice, nodeCount: Int?) {
        self.nodeCount = nodeCount ?? (dice.chance(650) ? 3 : 5)
        // Mostly the log is short, so that whoever is away for a while needs a snapshot.
        let isLogShort = dice.chance(600)
        entriesPerSnapshot = dice.pick(isLogShort ? [15, 40] : [40, 150, 600, 100_000])
        snapshotMicrosecondsMax = dice.pick([50_000, 1_000_000, 8_000_000])
        faultyMicroseconds = dice.number(20...90) * 1_000_000
        keyClientCount = dice.number(2...5)
        znodeClientCount = dice.number(2...4)
        ownerCount = dice.number(1...3)
        thinkMicroseconds = dice.pick([120_000, 600_000, 2_000_000])
        faultMicroseconds = dice.pick([400_000, 1_500_000, 5_000_000])
        faults = FaultKind.allCases.filter { _ in dice.chance(600) }
        replica.trailingEntries = UInt64(dice.pick(isLogShort ? [0, 5] : [0, 5, 50, 500]))
        setRaft(dice)
    }

    /// Small bounds, so that they are met.
    private mutating func setRaft(_ dice: Dice) {
        raft.tailBytesMax = dice.pick([0, 4_000, 32 << 20])
        raft.appendBytesMax = dice.pick([300, 4_000, 1 << 20])
        raft.inflightCountMax = dice.pick([2, 16, 256])
        raft.committedBytesMax = dice.pick([500, 16 << 20])
        raft.applyingBytesMax = dice.pick([2_000, 64 << 20])
        raft.isPreVoteEnabled = dice.chance(850)
    }
}
