import SeededRandom
import Testing

@testable import Raft

@Suite struct ValueTests {
    private let membership = Membership(
        incoming: [NodeID(3), NodeID(1), NodeID(3)],
        outgoing: [NodeID(2)],
        learners: [NodeID(9)],
        learnersNext: [NodeID(2)],
        autoLeave: true
    )

    @Test func `a membership survives its encoding`() {
        #expect(Membership(encoded: membership.encoded()[...]) == membership)
        #expect(membership.incoming == [NodeID(1), NodeID(3)])
        #expect(Membership(encoded: Membership().encoded()[...]) == Membership())
    }

    @Test func `no damaged encoding of a membership is taken for one, nor crashes`() {
        let bytes = membership.encoded()
        for length in 0..<bytes.count { #expect(Membership(encoded: bytes[..<length]) == nil) }
        #expect(Membership(encoded: (bytes + [0])[...]) == nil)
        var unsorted = bytes
        (unsorted[10], unsorted[18]) = (unsorted[18], unsorted[10])
        #expect(Membership(encoded: unsorted[...]) == nil)
        for position in bytes.indices {
            var spoiled = bytes
            spoiled[position] ^= 0xFF
            _ = Membership(encoded: spoiled[...])
        }
    }

    @Test func `a node that a list of changes takes in cannot be made a voter by the same list`() {
        let two = Membership(voters: [NodeID(1), NodeID(2)], learners: [NodeID(3)])
        let promoted = try? two.changed(by: [.promote(NodeID(3))])
        #expect(promoted?.incoming.contains(NodeID(3)) == true)
        let changes = [MembershipChange.addLearner(NodeID(4)), .promote(NodeID(4))]
        #expect(throws: RaftError.membershipChangeInvalid(.promote(NodeID(4)))) {
            try two.changed(by: changes)
        }
    }

    /// A record of a store has 2,000 bytes: a membership of 249 was taken, and ended every node.
    @Test func `the largest membership fits in a record, and a larger one is refused`() throws {
        let most = Membership.membersMax
        let voters = (1...UInt64(most)).map { NodeID($0) }
        let joint = try Membership(voters: Array(voters.dropLast()), learners: [voters[most - 1]])
            .changed(by: [.promote(voters[most - 1])])
        #expect(joint.isJoint)
        #expect(
            MembershipRecord.encoded([MembershipRecord(index: .zero, membership: joint)]).count
                < 1_900
        )
        #expect(Membership(encoded: joint.encoded()[...]) == joint)
        let change = MembershipChange.addLearner(NodeID(UInt64(most) + 1))
        #expect(throws: RaftError.membershipChangeInvalid(change)) {
            try Membership(voters: voters).changed(by: [change])
        }
        let ids = (1...UInt64(most)).map { NodeID($0 + 1_000) }
        let three = Membership(incoming: voters, outgoing: ids, learners: [NodeID(5_000)])
        #expect(Membership(encoded: three.encoded()[...]) == nil)
    }

    @Test func `membership records survive their encoding`() {
        let records = [
            MembershipRecord(index: .zero, membership: Membership(voters: [NodeID(1)])),
            MembershipRecord(index: LogIndex(7), membership: membership),
        ]
        let bytes = MembershipRecord.encoded(records)
        #expect(MembershipRecord.records(encoded: bytes[...]) == records)
        for length in 0..<bytes.count {
            #expect(MembershipRecord.records(encoded: bytes[..<length]) == nil)
        }
    }
}

@Suite struct QuorumTests {
    private func value(_ voters: [UInt64: UInt64], _ membership: Membership) -> UInt64 {
        membership.quorumValue { voters[$0.rawValue] ?? 0 }
    }

    @Test func `a majority's value is the one that more than half have reached`() {
        let three = Membership(voters: [NodeID(1), NodeID(2), NodeID(3)])
        #expect(value([1: 5, 2: 3, 3: 9], three) == 5)
        let four = Membership(voters: [NodeID(1), NodeID(2), NodeID(3), NodeID(4)])
        #expect(value([1: 5, 2: 5, 3: 9, 4: 1], four) == 5)
        #expect(value([1: 9, 2: 9, 3: 1, 4: 1], four) == 1)
        #expect(value([1: 7], Membership(voters: [NodeID(1)])) == 7)
        #expect(value([:], Membership()) == 0)
    }

    @Test func `a joint membership needs both sides`() {
        let joint = Membership(
            incoming: [NodeID(1), NodeID(4), NodeID(5)],
            outgoing: [NodeID(1), NodeID(2), NodeID(3)]
        )
        #expect(value([1: 9, 4: 9, 5: 9], joint) == 0)
        #expect(value([1: 9, 4: 9, 3: 4], joint) == 4)
        #expect(joint.result { [1, 4].contains($0.rawValue) ? true : nil } == .undecided)
        #expect(joint.result { [1, 4, 2].contains($0.rawValue) ? true : nil } == .won)
        #expect(joint.result { [2, 3].contains($0.rawValue) ? false : true } == .lost)
    }

    @Test func `learners decide nothing`() {
        let membership = Membership(voters: [NodeID(1)], learners: [NodeID(2), NodeID(3)])
        #expect(value([2: 9, 3: 9], membership) == 0)
    }
}

@Suite struct TailTests {
    private func entry(_ index: UInt64, _ term: UInt64 = 1) -> Entry {
        Entry(index: LogIndex(index), term: Term(term), payload: [1, 2, 3])
    }

    @Test func `entries pass through the tail while its ends move`() {
        var tail = LogTail(after: LogIndex(10), term: Term(2))
        for index in 11...5_000 { tail.append(entry(UInt64(index), 3)) }
        #expect(tail.term(at: LogIndex(10)) == Term(2))
        tail.dropFront(upTo: LogIndex(3_000), keepingBytes: 0)
        #expect(tail.first == LogIndex(3_001))
        #expect(tail.term(at: LogIndex(3_000)) == Term(3))
        #expect(tail.term(at: LogIndex(2_999)) == nil)
        tail.truncate(from: LogIndex(3_003))
        #expect(tail.last == LogIndex(3_002))
        #expect(tail.weightBytes == 2 * entry(1).weightBytes)
        tail.dropFront(upTo: LogIndex(9_000), keepingBytes: 0)
        #expect(tail.last == LogIndex(3_002))
        #expect(tail.lastTerm == Term(3))
        tail.append(entry(3_003, 4))
        #expect(tail.copy(from: LogIndex(3_003), to: LogIndex(3_004)) == [entry(3_003, 4)])
    }

    @Test func `a window forgets what was answered and grows to its bound`() {
        var inflights = Inflights()
        for index in 1...20 { inflights.add(last: LogIndex(UInt64(index)), bytes: 10) }
        #expect(inflights.isFull(countMax: 20, bytesMax: 1_000))
        inflights.free(upTo: LogIndex(7))
        #expect(inflights.count == 13)
        #expect(inflights.bytes == 130)
        for index in 21...40 { inflights.add(last: LogIndex(UInt64(index)), bytes: 10) }
        inflights.free(upTo: LogIndex(39))
        #expect(inflights.count == 1)
        #expect(inflights.isFull(countMax: 20, bytesMax: 10))
        inflights.free(upTo: LogIndex(40))
        #expect(!inflights.isFull(countMax: 20, bytesMax: 0))
    }
}

@Suite struct NodeTests {
    private func single() throws -> Member {
        let member = try Member(
            id: NodeID(1),
            restored: .bootstrap(Membership(voters: [NodeID(1)])),
            limits: RaftLimits()
        )
        try member.change { node throws(RaftError) in node.campaign() }
        try run(member)
        return member
    }

    private func run(_ member: Member) throws {
        while let ready = try member.change({ node throws(RaftError) in try node.ready() }) {
            if let write = ready.write { member.pending.append(write) }
            if let last = ready.committed.last {
                member.disk.apply(upTo: last.index)
                try member.change { node throws(RaftError) in node.applied(upTo: last.index) }
            }
            while member.storeNext() != nil {}
        }
    }

    @Test func `an error of the disk is thrown, and nothing is lost by it`() throws {
        let limits = RaftLimits()
        let voter = Membership(voters: [NodeID(1)])
        let first = try single()
        _ = try first.change { node throws(RaftError) in try node.propose([[1], [2]]) }
        try run(first)
        // After a restart the committed entries come from the disk.
        var restored = first.disk.restored
        restored.applied = .zero
        let disk = MemoryLog(restored)
        var write = LogWrite(id: WriteID(1), hardState: restored.hardState)
        write.entries = first.disk.all
        disk.store(write)
        var node = try RaftNode(
            id: NodeID(1),
            restored: restored,
            storage: disk,
            limits: limits,
            random: SeededGenerator(seed: 1)
        )
        disk.readError = .failed(code: 5, "read")
        #expect(throws: RaftError.storage(.failed(code: 5, "read"))) { _ = try node.ready() }
        disk.readError = nil
        let ready = try node.ready()
        #expect(ready?.committed.map(\.index) == [LogIndex(1)])
        #expect(node.membership(at: .zero) == voter)
    }

    @Test func `a state that contradicts its log is refused with the numbers`() {
        var restored = RestoredState.bootstrap(Membership(voters: [NodeID(1)]))
        restored.applied = LogIndex(3)
        #expect(throws: RaftError.restoredStateInvalid("applied 3 > last entry 0")) {
            _ = try Member(id: NodeID(1), restored: restored, limits: RaftLimits())
        }
    }

    @Test func `a lone voter takes twenty thousand entries in batches`() throws {
        let member = try single()
        let batch = (0..<100).map { [UInt8](repeating: UInt8($0), count: 16) }
        for _ in 0..<200 {
            _ = try member.change { node throws(RaftError) in try node.propose(batch) }
            try run(member)
        }
        #expect(member.look { $0.status().applied } == LogIndex(20_001))
    }
}
