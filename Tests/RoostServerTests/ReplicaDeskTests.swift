import Raft
import Replica
import Testing

@testable import RoostServer

/// A disk that stalled for longer than an operator waits ended what asks again and again: the roll
/// call, and the candidacy of a node that joined.
@Suite struct ReplicaDeskTests {
    @Test func `what the replica's thread says too late reaches nobody, and it is asked again`()
        async throws
    {
        let loops = ClientLoops(count: 1) { preconditionFailure($0) }
        let (bells, bell) = AsyncStream<Void>.makeStream()
        let inbox = Mailbox<ReplicaInput> { bell.yield() }
        let hasty = ReplicaDesk(loops, inbox, patienceMilliseconds: 1)
        let status = try await hasty.statusIfTold()
        #expect(status == nil)
        await #expect(throws: OperatorProblem.self) { try await hasty.ask(.describe) }
        for case .operation(let late) in inbox.takeAll() { late.answer(.begun) }
        let told = Task { try await ReplicaDesk(loops, inbox).ask(.refill(NodeID(1))) }
        var answers = 0
        for await _ in bells {
            for case .operation(let operation) in inbox.takeAll() {
                operation.answer(.begun)
                answers += 1
            }
            if answers == 1 { break }
        }
        guard case .begun = try await told.value else {
            Issue.record("another answer")
            return
        }
        try await loops.close()
    }

    @Test func `who asks when the loops end is told`() async throws {
        let loops = ClientLoops(count: 1) { preconditionFailure($0) }
        let (bells, bell) = AsyncStream<Void>.makeStream()
        let inbox = Mailbox<ReplicaInput> { bell.yield() }
        let told = Task { try await ReplicaDesk(loops, inbox).ask(.describe) }
        for await _ in bells { break }
        try await loops.close()
        await #expect(throws: OperatorProblem.self) { try await told.value }
        #expect(inbox.takeAll().count == 1)
    }
}
