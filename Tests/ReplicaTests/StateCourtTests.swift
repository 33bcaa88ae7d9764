import Raft
import StateMachine
import Testing

@testable import Replica

/// Who is wrong, and from where on, is decided by digests alone.
@Suite struct StateCourtTests {
    private let leader = NodeID(1)
    private let voters = (1...UInt64(3)).map { NodeID($0) }

    /// The state of index i has the digest i; from `wrongFrom` on another one.
    private func marks(
        _ indexes: [UInt64],
        wrongFrom: UInt64 = .max,
        as salt: UInt64 = 1 << 40
    ) -> [StateMark] {
        indexes.map { StateMark(index: $0, digest: $0 >= wrongFrom ? $0 + salt : $0) }
    }

    private func journal(_ indexes: [UInt64], wrongFrom: UInt64 = .max) -> StateJournal {
        var journal = StateJournal()
        journal.add(marks(indexes, wrongFrom: wrongFrom))
        return journal
    }

    private func report(_ marks: [StateMark], since: UInt64 = 0) -> StateReport {
        StateReport(since: since, equalAt: .zero, marks: marks)
    }

    private static let indexes: [UInt64] = [256, 300, 512, 768, 900]

    @Test func `a follower that differs from leader and majority is told from where on`() {
        let own = journal(Self.indexes)
        var court = StateCourt()
        court.hear(report(marks(Self.indexes)), from: NodeID(2), journal: own)
        court.hear(report(marks(Self.indexes, wrongFrom: 500)), from: NodeID(3), journal: own)
        let judgement = court.judge(own, voters: voters, own: leader, now: 0)
        #expect(judgement.own == nil)
        #expect(judgement.verdicts.map(\.node) == [NodeID(2), NodeID(3)])
        #expect(judgement.verdicts[0].verdict == StateVerdict(equalAt: LogIndex(900)))
        let difference = StateVerdict.Difference(
            first: LogIndex(512),
            evidence: StateMark(index: 900, digest: 900)
        )
        #expect(
            judgement.verdicts[1].verdict
                == StateVerdict(equalAt: LogIndex(300), difference: difference)
        )
    }

    @Test func `a leader that differs from a majority is wrong itself`() {
        let own = journal(Self.indexes, wrongFrom: 500)
        var court = StateCourt()
        court.hear(report(marks(Self.indexes)), from: NodeID(2), journal: own)
        let alone = court.judge(own, voters: voters, own: leader, now: 0)
        #expect(alone.own == nil && alone.verdicts[0].verdict.difference == nil)
        court.hear(report(marks(Self.indexes)), from: NodeID(3), journal: own)
        let judgement = court.judge(own, voters: voters, own: leader, now: 1_000)
        #expect(
            judgement.own == Divergence(equalAt: LogIndex(300), differsAt: LogIndex(512))
        )
    }

    @Test func `without a majority the leader's word counts, after a while`() {
        let own = journal(Self.indexes)
        let wrong = report(marks(Self.indexes, wrongFrom: 500))
        var court = StateCourt()
        for now in stride(from: Int64(0), to: ReplicaLimits.disputeMilliseconds, by: 1_000) {
            court.hear(wrong, from: NodeID(3), journal: own)
            let judgement = court.judge(own, voters: voters, own: leader, now: now)
            #expect(judgement.verdicts.map(\.verdict.difference) == [nil])
            #expect(court.findings[NodeID(3)]?.isDisputed == true)
        }
        court.hear(wrong, from: NodeID(3), journal: own)
        let end = ReplicaLimits.disputeMilliseconds
        let judgement = court.judge(own, voters: voters, own: leader, now: end)
        #expect(judgement.verdicts.first?.verdict.difference?.first == LogIndex(512))
    }

    /// Of three nodes one was away, the leader's state went wrong, and the leader's word counted
    /// against a node that was right. The one that came back was alone against the leader again,
    /// and was stopped too, though the two were the majority.
    @Test func `whoever the leader's word stopped still has a voice when others say the same`() {
        let own = journal(Self.indexes, wrongFrom: 500)
        var court = StateCourt()
        court.hear(report(marks(Self.indexes)), from: NodeID(3), journal: own)
        _ = court.judge(own, voters: voters, own: leader, now: 0)
        court.hear(report([]), from: NodeID(3), journal: own)
        let end = ReplicaLimits.disputeMilliseconds
        let alone = court.judge(own, voters: voters, own: leader, now: end)
        #expect(alone.own == nil && alone.verdicts.first?.verdict.difference != nil)

        var stopped = report([])
        stopped.divergence = Divergence(equalAt: LogIndex(300), differsAt: LogIndex(512))
        court.hear(stopped, from: NodeID(3), journal: own)
        let quiet = court.judge(own, voters: voters, own: leader, now: end + 1_000)
        #expect(quiet.own == nil)
        court.hear(report(marks([512, 900])), from: NodeID(2), journal: own)
        let judgement = court.judge(own, voters: voters, own: leader, now: end + 2_000)
        #expect(judgement.own == Divergence(equalAt: LogIndex(300), differsAt: LogIndex(512)))
        #expect(judgement.verdicts.isEmpty)
    }

    /// A node that was disputed and then away kept the clock of the dispute running: the next one
    /// to differ was stopped at once by the leader's word alone.
    @Test func `each dispute has its own time`() {
        let own = journal(Self.indexes)
        var court = StateCourt()
        let other = marks(Self.indexes, wrongFrom: 500, as: 1 << 50)
        court.hear(report(other), from: NodeID(2), journal: own)
        _ = court.judge(own, voters: voters, own: leader, now: 0)
        let end = ReplicaLimits.disputeMilliseconds
        court.hear(report(marks(Self.indexes, wrongFrom: 800)), from: NodeID(3), journal: own)
        let judgement = court.judge(own, voters: voters, own: leader, now: end)
        #expect(judgement.verdicts.map(\.node) == [NodeID(3)])
        #expect(judgement.verdicts.first?.verdict.difference == nil)
        court.hear(report([]), from: NodeID(3), journal: own)
        let later = court.judge(own, voters: voters, own: leader, now: 2 * end)
        #expect(later.verdicts.first?.verdict.difference?.first == LogIndex(900))
    }

    @Test func `the earliest difference is kept, whenever it comes to light`() {
        let own = journal(Self.indexes)
        var court = StateCourt()
        for index in [900, 512] as [UInt64] {
            court.hear(report(marks([index], wrongFrom: 1)), from: NodeID(3), journal: own)
            _ = court.judge(own, voters: voters, own: leader, now: 0)
        }
        court.hear(report(marks([900])), from: NodeID(2), journal: own)
        court.hear(report([]), from: NodeID(3), journal: own)
        let judgement = court.judge(own, voters: voters, own: leader, now: 0)
        #expect(judgement.verdicts.last?.verdict.difference?.first == LogIndex(512))
    }

    @Test func `two that differ from the leader and from each other do not outvote it`() {
        let own = journal(Self.indexes)
        var court = StateCourt()
        court.hear(report(marks(Self.indexes, wrongFrom: 500)), from: NodeID(2), journal: own)
        let other = marks(Self.indexes, wrongFrom: 500, as: 1 << 50)
        court.hear(report(other), from: NodeID(3), journal: own)
        let judgement = court.judge(own, voters: voters, own: leader, now: 0)
        #expect(judgement.own == nil)
        #expect(judgement.verdicts.allSatisfy { $0.verdict.difference == nil })
    }

    @Test func `a learner is judged and has no vote`() {
        let own = journal(Self.indexes)
        let wrong = report(marks(Self.indexes, wrongFrom: 500))
        var court = StateCourt()
        for learner in [NodeID(4), NodeID(5), NodeID(6)] {
            court.hear(wrong, from: learner, journal: own)
        }
        court.hear(report(marks(Self.indexes)), from: NodeID(2), journal: own)
        let judgement = court.judge(own, voters: voters, own: leader, now: 0)
        #expect(judgement.own == nil)
        #expect(judgement.verdicts.count { $0.verdict.difference != nil } == 3)
    }

    @Test func `what a follower applied before the leader is compared when the leader has it`() {
        var own = journal([256])
        var court = StateCourt()
        court.hear(report(marks([256, 512], wrongFrom: 500)), from: NodeID(3), journal: own)
        court.hear(report(marks([256, 512])), from: NodeID(2), journal: own)
        let early = court.judge(own, voters: voters, own: leader, now: 0)
        #expect(early.verdicts.allSatisfy { $0.verdict.difference == nil })
        own.add(marks([512]))
        court.hear(report([]), from: NodeID(3), journal: own)
        let judgement = court.judge(own, voters: voters, own: leader, now: 1_000)
        #expect(judgement.verdicts.first?.verdict.difference?.first == LogIndex(512))
    }

    @Test func `digests of different making are not compared`() {
        let own = journal(Self.indexes)
        let wrong = marks(Self.indexes, wrongFrom: 1)
        var court = StateCourt()
        court.hear(report(wrong, since: 100), from: NodeID(2), journal: own)
        court.hear(report(wrong, since: 100), from: NodeID(3), journal: own)
        let judgement = court.judge(own, voters: voters, own: leader, now: 60_000)
        #expect(judgement.own == nil)
        #expect(judgement.verdicts.allSatisfy { $0.verdict == StateVerdict(equalAt: .zero) })
    }

    @Test func `a node that knows it is wrong is shown so, and good again when it was refilled`() {
        let own = journal(Self.indexes)
        var court = StateCourt()
        var report = StateReport(since: 0, equalAt: LogIndex(300), marks: [])
        let divergence = Divergence(equalAt: LogIndex(300), differsAt: LogIndex(512))
        report.divergence = divergence
        court.hear(report, from: NodeID(3), journal: own)
        _ = court.judge(own, voters: voters, own: leader, now: 0)
        #expect(court.findings[NodeID(3)]?.divergence == divergence)
        court.hear(self.report(marks([900])), from: NodeID(3), journal: own)
        _ = court.judge(own, voters: voters, own: leader, now: 1_000)
        let good = StateFinding(equalAt: LogIndex(900), divergence: nil, isDisputed: false)
        #expect(court.findings[NodeID(3)] == good)
        court.keep([NodeID(1), NodeID(2)])
        #expect(court.findings.isEmpty)
    }

    // MARK: The journal

    @Test func `the journal is bounded, and keeps the newest`() {
        var journal = StateJournal()
        let count = UInt64(ReplicaLimits.checkpointsMax) * 5
        for number in 1...count {
            journal.add([StateMark(index: number * 256, digest: number)])
            journal.add([StateMark(index: number * 256 + 1, digest: number)])
        }
        #expect(journal.digest(at: count * 256) == count)
        let oldest = (count - UInt64(ReplicaLimits.checkpointsMax) + 1) * 256
        #expect(journal.digest(at: oldest) != nil)
        #expect(journal.digest(at: 256) == nil)
        #expect(journal.newest == LogIndex(count * 256 + 1))
        let marks = journal.marks(after: .zero)
        #expect(marks.count <= ReplicaLimits.reportedMarksMax && marks.count > 128)
        #expect(marks.last?.index == count * 256 + 1)
        #expect(zip(marks, marks.dropFirst()).allSatisfy { $0.index < $1.index })
        #expect(journal.marks(after: journal.newest).isEmpty)
    }

    @Test func `a journal that begins anew knows nothing of the state before`() {
        var journal = journal(Self.indexes)
        journal.begin(since: 7)
        #expect(journal.since == 7 && journal.newest == .zero)
        #expect(journal.digest(at: 256) == nil)
    }
}
