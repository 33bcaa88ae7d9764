import Synchronization
import Testing

@testable import Replica

/// Nothing comes out before the snapshot that shows it.
@Suite struct LoopInboxTests {
    private func notice(_ transaction: UInt64) -> LoopNotice {
        LoopNotice(transaction: transaction, body: .barrier(index: transaction, []))
    }

    private func refusal() -> LoopNotice {
        LoopNotice(transaction: 0, body: .refused([], .noLeader))
    }

    private func taken(_ inbox: LoopInbox, _ transaction: UInt64) -> [UInt64] {
        inbox.take(upTo: transaction).map(\.transaction)
    }

    @Test func `a refusal does not let out what stands before it`() {
        let inbox = LoopInbox {}
        inbox.announce(notice(101))
        inbox.post(refusal())
        #expect(taken(inbox, 100).isEmpty)
        #expect(taken(inbox, 101) == [101, 0])
        #expect(taken(inbox, 101).isEmpty)
    }

    @Test func `notices come in their order, as far as the snapshot goes`() {
        let inbox = LoopInbox {}
        for transaction: UInt64 in [3, 3, 4, 5] { inbox.post(notice(transaction)) }
        #expect(taken(inbox, 4) == [3, 3, 4])
        #expect(taken(inbox, 9) == [5])
    }

    @Test func `a loop that nothing concerns sleeps until much has gathered`() {
        let rings = Mutex(0)
        let inbox = LoopInbox { rings.withLock { $0 += 1 } }
        for number in 1..<ReplicaLimits.quietNoticesMax {
            inbox.announce(notice(UInt64(number)))
            inbox.ringListener()
        }
        #expect(rings.withLock { $0 } == 0)
        inbox.announce(notice(100))
        inbox.ringListener()
        #expect(rings.withLock { $0 } == 1)
        #expect(taken(inbox, 100).count == ReplicaLimits.quietNoticesMax)
    }

    @Test func `a loop that begins to listen is told of what came meanwhile`() {
        let rings = Mutex(0)
        let inbox = LoopInbox { rings.withLock { $0 += 1 } }
        inbox.announce(notice(1))
        inbox.ringListener()
        inbox.listen(true)
        #expect(rings.withLock { $0 } == 1)
        #expect(taken(inbox, 1) == [1])
        inbox.announce(notice(2))
        inbox.ringListener()
        #expect(rings.withLock { $0 } == 2)
        #expect(taken(inbox, 2) == [2])
        inbox.listen(false)
        inbox.announce(notice(3))
        inbox.ringListener()
        #expect(rings.withLock { $0 } == 2)
    }
}
