import Raft
import Testing

@testable import RaftStore

/// A power cut while a leader's snapshot was taken over left nodes that refused to start (seed 94
/// of the simulator): their state and their log did not reach each other.
@Suite struct StartRepairTests {
    private func snapshot(_ index: UInt64, term: UInt64 = 1) -> SnapshotManifest {
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

    private func due(
        _ applied: UInt64,
        log: ClosedRange<UInt64>,
        newest: UInt64?
    ) -> StartRepair {
        StartRepair.due(
            applied: (LogIndex(applied), Term(1)),
            first: LogIndex(log.lowerBound),
            last: LogIndex(log.upperBound),
            term: { _ in Term(1) },
            newest: { newest.map { snapshot($0) } }
        )
    }

    /// The log has 6 to 10 of term 2, which nobody agreed on; the leader's snapshot of 8 was of
    /// term 3. By their indexes alone they went together, and the node never took an entry again.
    @Test func `a log of other entries begins behind the state's snapshot`() {
        let due = { (newest: SnapshotManifest?) in
            StartRepair.due(
                applied: (LogIndex(8), Term(3)),
                first: LogIndex(1),
                last: LogIndex(10),
                term: { $0 > LogIndex(5) ? Term(2) : Term(1) },
                newest: { newest }
            )
        }
        let taken = snapshot(8, term: 3)
        #expect(due(taken) == .beginBehind(taken))
        #expect(due(snapshot(8, term: 2)) == .keep)
        #expect(due(snapshot(9, term: 3)) == .keep)
        #expect(due(nil) == .keep)
    }

    @Test func `a state of the same index and another term is no snapshot's of this index`() {
        let repair = StartRepair.due(
            applied: (LogIndex(25), Term(3)),
            first: LogIndex(10),
            last: LogIndex(20),
            term: { _ in Term(1) },
            newest: { snapshot(25, term: 4) }
        )
        #expect(repair == .keep)
    }

    @Test func `a state that reaches the log is kept, and no snapshot is looked at`() {
        for applied: UInt64 in [9, 10, 15, 20] {
            let repair = StartRepair.due(
                applied: (LogIndex(applied), Term(1)),
                first: LogIndex(10),
                last: LogIndex(20),
                term: { _ in Term(1) },
                newest: {
                    Issue.record("the snapshot is read for nothing")
                    return snapshot(20)
                }
            )
            #expect(repair == .keep)
        }
    }

    @Test func `a state that the log does not reach back to is installed from a snapshot`() {
        #expect(due(3, log: 10...20, newest: 9) == .install(snapshot(9)))
        #expect(due(8, log: 10...20, newest: 15) == .install(snapshot(15)))
        #expect(due(3, log: 10...20, newest: 25) == .install(snapshot(25)))
    }

    @Test func `after an install the log may have to begin behind the snapshot`() {
        #expect(due(25, log: 10...20, newest: 25) == .beginBehind(snapshot(25)))
    }

    @Test func `a log that ends before the state begins behind that state's snapshot only`() {
        #expect(due(25, log: 10...20, newest: 30) == .keep)
        #expect(due(25, log: 10...20, newest: 24) == .keep)
        #expect(due(25, log: 10...20, newest: nil) == .keep)
    }

    @Test func `a gap that no snapshot closes is left for the caller to see`() {
        #expect(due(3, log: 10...20, newest: 8) == .keep)
        #expect(due(3, log: 10...20, newest: nil) == .keep)
        #expect(due(8, log: 10...20, newest: 8) == .keep)
    }

    @Test func `an empty log behind a snapshot goes with that snapshot's state`() {
        let empty = { (applied: UInt64) in
            StartRepair.due(
                applied: (LogIndex(applied), Term(1)),
                first: LogIndex(10),
                last: LogIndex(9),
                term: { _ in Term(1) },
                newest: { snapshot(9) }
            )
        }
        #expect(empty(9) == .keep)
        #expect(empty(3) == .install(snapshot(9)))
    }
}
