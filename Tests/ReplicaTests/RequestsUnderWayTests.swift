import Testing
import Watches

@testable import Raft
@testable import Replica

/// Every request is answered once, and never with the outcome of another one.
@Suite struct RequestsUnderWayTests {
    private static func origin(_ tag: UInt32) -> Origin {
        Origin(loop: 0, slot: ClientSlot(rawValue: 1), generation: 0, tag: tag)
    }

    private static func proposal(_ tag: UInt32) -> PendingProposal {
        PendingProposal(payload: [UInt8(tag)], origin: origin(tag))
    }

    private static let leader = NodeID(1)

    private static func request(_ tag: UInt32, until deadline: Int64) -> HeldProposal {
        HeldProposal(proposal: proposal(tag), deadline: deadline)
    }

    private static func entry(_ index: UInt64, _ term: UInt64) -> Entry {
        Entry(index: LogIndex(index), term: Term(term))
    }

    @Test func `an entry of the term answers, one of another term tells of the loss`() {
        var table = RequestsUnderWay(firstForward: 0)
        var lost: [Origin] = []
        let result1 = table.place(Self.origin(1), at: LogIndex(5), term: Term(2), until: 100)
        #expect(result1)
        let result2 = table.place(Self.origin(2), at: LogIndex(6), term: Term(2), until: 100)
        #expect(result2)
        let result3 = table.settle(Self.entry(5, 2), &lost)
        #expect(result3 == Self.origin(1))
        #expect(lost.isEmpty)
        let result4 = table.settle(Self.entry(6, 3), &lost)
        #expect(result4 == nil)
        #expect(lost == [Self.origin(2)])
    }

    @Test func `a new leader's shorter log places requests before older ones`() {
        var table = RequestsUnderWay(firstForward: 0)
        var lost: [Origin] = []
        let result5 = table.place(Self.origin(1), at: LogIndex(9), term: Term(2), until: 100)
        #expect(result5)
        let result6 = table.place(Self.origin(2), at: LogIndex(7), term: Term(3), until: 100)
        #expect(result6)
        let result7 = table.place(Self.origin(3), at: LogIndex(9), term: Term(3), until: 100)
        #expect(result7)
        let result8 = table.settle(Self.entry(7, 3), &lost)
        #expect(result8 == Self.origin(2))
        let result9 = table.settle(Self.entry(9, 3), &lost)
        #expect(result9 == Self.origin(3))
        #expect(lost == [Self.origin(1)])
    }

    @Test func `a place below what was handed out is refused`() {
        var table = RequestsUnderWay(firstForward: 0)
        var lost: [Origin] = []
        _ = table.settle(Self.entry(8, 1), &lost)
        let result10 = table.place(Self.origin(1), at: LogIndex(8), term: Term(1), until: 100)
        #expect(!result10)
    }

    @Test func `what was sent is lost with the leader, and a late answer finds nothing`() {
        var table = RequestsUnderWay(firstForward: 0)
        let first = table.send(Self.request(1, until: 50), to: Self.leader, until: 100)
        let second = table.send(Self.request(2, until: 50), to: Self.leader, until: 100)
        let result11 = table.answered(first.id)
        #expect(result11?.proposal.origin == Self.origin(1))
        let result12 = table.loseSent { $0 == Self.leader }
        #expect(result12 == [Self.origin(2)])
        let result13 = table.answered(second.id)
        #expect(result13 == nil)
        #expect(table.sentCount == 0)
    }

    @Test func `a bounced request keeps its first deadline, and is not sent behind a later one`() {
        var table = RequestsUnderWay(firstForward: 7 << 20)
        let sent = table.send(Self.request(1, until: 50), to: Self.leader, until: 100)
        #expect(sent.id.rawValue > 7 << 20)
        guard let bounced = table.answered(sent.id) else {
            Issue.record("the answer finds its request")
            return
        }
        #expect(bounced.deadline == 50)
        table.hold(bounced)
        #expect(table.holdsProposals)
        var later = Self.request(5, until: 50)
        later.arrival = bounced.arrival + 1
        var stranger = later
        stranger.proposal.origin.slot = ClientSlot(rawValue: 2)
        let none = table.dropHeld(before: stranger)
        #expect(none.isEmpty)
        let dropped = table.dropHeld(before: later)
        #expect(dropped == [Self.origin(1)])
        #expect(!table.holdsProposals)
    }

    @Test func `what a leader that handed over sends back goes before what came after it`() {
        var table = RequestsUnderWay(firstForward: 0)
        let first = table.send(Self.request(1, until: 50), to: Self.leader, until: 100)
        let second = table.send(Self.request(2, until: 50), to: Self.leader, until: 100)
        let third = table.send(Self.request(3, until: 50), to: Self.leader, until: 100)
        table.stray(from: nil, until: 10)
        table.stray(from: NodeID(2), until: 20)
        table.hold(Self.request(4, until: 50))
        #expect(table.hasStrays)
        for sent in [first, second] {
            if let request = table.answered(sent.id) { table.hold(request) }
        }
        let early = table.loseLateStrays(now: 9)
        #expect(early.isEmpty && table.hasStrays)
        let late = table.loseLateStrays(now: 10)
        #expect(late == [Self.origin(3)] && !table.hasStrays)
        let tooLate = table.answered(third.id)
        #expect(tooLate == nil)
        let held = table.takeHeld()
        #expect(held.proposals.map(\.proposal.origin.tag) == [1, 2, 4])
    }

    /// The leader gave up a transfer in between: it refused the first and took the second.
    @Test func `a refused request waits for the answers to those that were sent after it`() {
        var table = RequestsUnderWay(firstForward: 0)
        let sent = (1...3).map {
            table.send(Self.request($0, until: 50), to: Self.leader, until: 100)
        }
        guard let second = table.answered(sent[1].id) else {
            Issue.record("the answer finds its request")
            return
        }
        table.hold(second)
        let early = table.mayRetry
        #expect(!early)
        guard let third = table.answered(sent[2].id) else {
            Issue.record("the answer finds its request")
            return
        }
        let overtaken = table.dropHeld(before: third)
        #expect(overtaken == [Self.origin(2)])
        table.hold(Self.request(4, until: 50))
        let afterwards = table.mayRetry
        #expect(afterwards, "the first was sent before it, and may stay there")
    }

    @Test func `what is held is taken once and in order`() {
        var table = RequestsUnderWay(firstForward: 0)
        table.hold(Self.request(1, until: 50))
        table.hold(Self.request(2, until: 60))
        table.hold(Self.origin(3), until: 60)
        let held = table.takeHeld()
        #expect(held.proposals.map(\.proposal.origin) == [Self.origin(1), Self.origin(2)])
        #expect(held.barriers.map(\.origin) == [Self.origin(3)])
        #expect(table.heldCount == 0)
    }

    @Test func `each request ends when its time is up, and says whether it may have happened`() {
        var table = RequestsUnderWay(firstForward: 0)
        table.hold(Self.request(1, until: 10))
        table.hold(Self.origin(2), until: 20)
        _ = table.send(Self.request(3, until: 50), to: Self.leader, until: 10)
        let isPlaced = table.place(Self.origin(4), at: LogIndex(3), term: Term(1), until: 10)
        #expect(isPlaced)
        let early = table.expire(now: 9)
        #expect(early.unled.isEmpty && early.unknown.isEmpty)
        let due = table.expire(now: 10)
        #expect(due.unled == [Self.origin(1)])
        #expect(due.unknown == [Self.origin(3), Self.origin(4)])
        let last = table.expire(now: 20)
        #expect(last.unled == [Self.origin(2)] && last.unknown.isEmpty)
    }

    @Test func `a snapshot ends what it covers`() {
        var table = RequestsUnderWay(firstForward: 0)
        let result18 = table.place(Self.origin(1), at: LogIndex(3), term: Term(1), until: 10)
        #expect(result18)
        let result19 = table.place(Self.origin(2), at: LogIndex(9), term: Term(1), until: 10)
        #expect(result19)
        let result20 = table.skip(upTo: LogIndex(5))
        #expect(result20 == [Self.origin(1)])
        var lost: [Origin] = []
        let result21 = table.settle(Self.entry(9, 1), &lost)
        #expect(result21 == Self.origin(2))
    }

    @Test func `what was sent is counted in bytes until it is answered, lost or too old`() {
        var table = RequestsUnderWay(firstForward: 0)
        let ids = (1...4).map { tag in
            table.send(Self.request(UInt32(tag), until: 50), to: Self.leader, until: 10).id
        }
        #expect(table.sentBytes == 4)
        _ = table.answered(ids[0])
        _ = table.answered(ids[0])
        #expect(table.sentBytes == 3)
        _ = table.expire(now: 10)
        #expect(table.sentBytes == 0)
        _ = table.send(Self.request(5, until: 50), to: Self.leader, until: 90)
        _ = table.loseSent { $0 == Self.leader }
        #expect(table.sentBytes == 0)
    }
}
