import Raft
import RaftStore
import Replica
import SeededRandom
import Testing

@testable import Simulation

/// The first night of the simulator (seed 6): a node took a snapshot while the disk of its log was
/// full, could not note it there, and ended, though a full disk is to be survived. The snapshot now
/// waits for room, and the log keeps what it covers.
@Suite struct FullDiskTests {
    private let log = SimulatedLog(membership: Membership(voters: [NodeID(1)]), mutant: nil)

    @Test func `a snapshot that a full disk cannot note is noted when there is room`() throws {
        var consensus = try Consensus(
            id: NodeID(1),
            restored: log.restoredState(applied: .zero),
            log: log,
            limits: ReplicaLimits(),
            raftLimits: RaftLimits(),
            random: SeededGenerator(seed: 1)
        )
        let manifest = SnapshotManifest(
            index: .zero,
            term: .zero,
            membership: MembershipRecord(
                index: .zero,
                membership: Membership(voters: [NodeID(1)])
            ),
            byteCount: 0,
            sha256: [UInt8](repeating: 0, count: 32)
        )
        log.isFull = true
        try consensus.take(manifest)
        #expect(log.manifests.isEmpty)
        log.isFull = false
        var effects: [ConsensusEffect] = []
        try consensus.tick(now: 50, wall: 50, &effects)
        #expect(log.manifests == [manifest])
    }
}
