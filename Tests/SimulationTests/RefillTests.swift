import Raft
import RaftStore
import SeededRandom
import StateMachine
import Testing

@testable import Replica
@testable import Simulation

/// What a follower does with what leaders say of its state, step by step.
@Suite struct RefillTests {
    private static let voters = Membership(voters: [NodeID(1), NodeID(2), NodeID(3)])

    /// Node 2, and what it was told to do.
    private struct Follower: ~Copyable {
        let log = SimulatedLog(membership: RefillTests.voters, mutant: nil)
        var consensus: Consensus
        var effects: [ConsensusEffect] = []
        private var now: Int64 = 0

        init(divergence: Divergence?) throws {
            consensus = try Consensus(
                id: NodeID(2),
                restored: log.restoredState(applied: .zero),
                log: log,
                limits: ReplicaLimits(),
                raftLimits: RaftLimits(),
                random: SeededGenerator(seed: 1),
                divergence: divergence
            )
        }

        mutating func advance() throws {
            while let write = try consensus.advance(&effects) {
                try consensus.store(write, &effects)
            }
        }

        mutating func tick() throws {
            now += 1_000
            try consensus.tick(now: now, wall: now, &effects)
            try advance()
        }

        /// Entries of a leader's, all committed.
        mutating func append(_ indexes: ClosedRange<UInt64>, of leader: NodeID, term: Term) throws {
            let previous = LogIndex(indexes.lowerBound).previous
            let append = Message.Append(
                previousIndex: previous,
                previousTerm: log.entry(at: previous)?.term ?? .zero,
                commit: LogIndex(indexes.upperBound),
                entries: indexes.map { Entry(index: LogIndex($0), term: term) }
            )
            let message = Message(from: leader, to: NodeID(2), term: term, body: .append(append))
            try consensus.take(.messages([message]), now: now, wall: now, &effects)
            try advance()
            try advance()
        }

        mutating func receive(_ manifest: SnapshotManifest, of leader: NodeID) throws {
            let input = ReplicaInput.snapshotReceived(manifest, from: leader, term: Term(1))
            try consensus.take(input, now: now, wall: now, &effects)
            try advance()
        }

        mutating func take(_ input: ReplicaInput) throws {
            try consensus.take(input, now: now, wall: now, &effects)
        }

        /// Which snapshots it was told to install since it was last asked, and how.
        mutating func installations() -> [String] {
            defer { effects = [] }
            return effects.compactMap { effect in
                switch effect {
                case .order(.refill(let manifest)): "refill \(manifest.name)"
                case .order(.install(let manifest)): "install \(manifest.name)"
                default: nil
                }
            }
        }
    }

    private func manifest(_ index: UInt64) -> SnapshotManifest {
        SnapshotManifest(
            index: LogIndex(index),
            term: Term(1),
            membership: MembershipRecord(index: .zero, membership: Self.voters),
            byteCount: 0,
            sha256: [UInt8](repeating: 0, count: 32)
        )
    }

    private var found: Divergence { Divergence(equalAt: .zero, differsAt: LogIndex(1)) }

    /// An operator who asks twice, or a leader that did not hear of the first one's arrival, has a
    /// second snapshot sent while the first is being installed. It took the first one's place on
    /// record, whose file was then removed before it was read, or put the state back behind what
    /// was served from it already.
    @Test func `a refill that is under way is not begun again`() throws {
        var follower = try Follower(divergence: found)
        try follower.append(1...9, of: NodeID(1), term: Term(1))
        try follower.receive(manifest(5), of: NodeID(1))
        try follower.tick()
        #expect(follower.installations() == ["refill 5-1"])
        for index in [5, 7] as [UInt64] {
            try follower.receive(manifest(index), of: NodeID(1))
            try follower.tick()
        }
        #expect(follower.installations() == [])
        #expect(follower.log.manifests == [manifest(5)])

        var report = ApplyReport(applied: LogIndex(5))
        report.beginsSince = 0
        try follower.take(.report(report))
        #expect(follower.consensus.divergence == found)
        try follower.take(.report(ApplyReport(applied: LogIndex(9))))
        #expect(follower.consensus.divergence == nil)
    }

    /// A node that was away for long is sent a snapshot by Raft, and one more by the operator.
    @Test func `a snapshot that is being installed stays on record when another comes`() throws {
        var follower = try Follower(divergence: found)
        try follower.append(1...9, of: NodeID(1), term: Term(1))
        try follower.receive(manifest(20), of: NodeID(1))
        #expect(follower.installations() == ["refill 20-1"])
        #expect(follower.log.manifests == [manifest(20)])
        try follower.receive(manifest(30), of: NodeID(1))
        #expect(follower.installations() == ["install 30-1"])
        #expect(follower.log.manifests == [manifest(20), manifest(30)])
    }

    /// What an old leader had found equal was not shown to the new one, and counted as if it had
    /// found it: a leader with a wrong state had a majority by it.
    @Test func `a new leader compares for itself`() throws {
        var follower = try Follower(divergence: nil)
        try follower.append(1...4, of: NodeID(1), term: Term(1))
        var report = ApplyReport(applied: LogIndex(4))
        report.marks = [StateMark(index: 3, digest: 3), StateMark(index: 4, digest: 4)]
        try follower.take(.report(report))
        let verdict = StateVerdict(equalAt: LogIndex(4))
        try follower.take(.stateVerdict(verdict, from: NodeID(1)))
        #expect(follower.consensus.ownFinding.equalAt == LogIndex(4))

        try follower.append(5...5, of: NodeID(3), term: Term(2))
        follower.effects = []
        try follower.tick()
        let told = follower.effects.compactMap { effect -> StateReport? in
            if case .report(to: NodeID(3), let report) = effect { report } else { nil }
        }
        #expect(told == [StateReport(since: 0, equalAt: .zero, marks: report.marks)])
    }
}
