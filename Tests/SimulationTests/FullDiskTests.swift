import Raft
import RaftStore
import SeededRandom
import Testing
import Watches

@testable import Replica
@testable import Simulation

/// The first night of the simulator (seed 6): a node took a snapshot while the disk of its log was
/// full, could not note it there, and ended, though a full disk is to be survived. The snapshot now
/// waits for room, and the log keeps what it covers.
@Suite struct FullDiskTests {
    private let log = SimulatedLog(membership: Membership(voters: [NodeID(1)]), mutant: nil)

    private func manifest(_ index: UInt64, term: UInt64) -> SnapshotManifest {
        SnapshotManifest(
            index: LogIndex(index),
            term: Term(term),
            membership: MembershipRecord(
                index: .zero,
                membership: Membership(voters: [NodeID(1)])
            ),
            byteCount: 0,
            sha256: [UInt8](repeating: 0, count: 32)
        )
    }

    private func consensus(_ limits: ReplicaLimits = ReplicaLimits()) throws -> Consensus {
        try Consensus(
            id: NodeID(1),
            restored: log.restoredState(applied: .zero),
            log: log,
            limits: limits,
            raftLimits: RaftLimits(),
            random: SeededGenerator(seed: 1)
        )
    }

    /// Behind the newest one only, the older one led nowhere: a bad bit in the newest lost the
    /// node.
    @Test func `the log is kept behind the older of two snapshots`() throws {
        var limits = ReplicaLimits()
        limits.trailingEntries = 5
        var consensus = try consensus(limits)
        var effects: [ConsensusEffect] = []
        consensus.standForElectionIfAlone()
        for index: UInt64 in 1...60 {
            while let write = try consensus.advance(&effects) {
                try consensus.store(write, &effects)
            }
            let applied = ApplyReport(applied: LogIndex(index))
            try consensus.take(applied, now: 0, wall: 0, &effects)
            let payload = [UInt8](repeating: 1, count: 64)
            let origin = Origin(loop: 0, slot: ClientSlot(rawValue: 0), generation: 0, tag: 0)
            var requests = LoopRequests()
            requests.proposals = [PendingProposal(payload: payload, origin: origin)]
            try consensus.take(requests, now: 0, wall: 0, &effects)
        }
        var firsts: [UInt64] = []
        for index: UInt64 in [20, 40, 42, 58] {
            try consensus.take(manifest(index, term: 1))
            firsts.append(try log.firstIndex().rawValue)
        }
        #expect(firsts == [1, 21, 38, 43], "of one alone all is kept; then the older, or five")
    }

    @Test func `a snapshot that a full disk cannot note is noted when there is room`() throws {
        var consensus = try consensus()
        let manifest = manifest(0, term: 0)
        log.isFull = true
        try consensus.take(manifest)
        #expect(log.manifests.isEmpty)
        log.isFull = false
        var effects: [ConsensusEffect] = []
        try consensus.tick(now: 50, wall: 50, &effects)
        #expect(log.manifests == [manifest])
    }
}
