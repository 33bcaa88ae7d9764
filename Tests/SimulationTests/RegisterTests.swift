import Testing

@testable import Simulation

/// Histories whose verdict a person can see.
@Suite struct RegisterTests {
    private func verdict(_ operations: Register.Operation...) -> Register.Verdict {
        verdict(operations)
    }

    private func verdict(_ operations: [Register.Operation]) -> Register.Verdict {
        var register = Register()
        for operation in operations { register.add(operation) }
        return register.judge()
    }

    private func write(_ value: Int64, _ called: Int64, _ returned: Int64?) -> Register.Operation {
        Register.Operation(kind: .write(value), called: called, returned: returned)
    }

    private func read(_ value: Int64, _ called: Int64, _ returned: Int64) -> Register.Operation {
        var operation = Register.Operation(kind: .read, called: called, returned: returned)
        operation.observed = value
        return operation
    }

    private func swap(
        _ expected: Int64,
        _ new: Int64,
        _ called: Int64,
        _ returned: Int64?,
        _ succeeded: Bool?
    ) -> Register.Operation {
        let kind = Register.Operation.Kind.swap(expected: expected, new: new)
        var operation = Register.Operation(kind: kind, called: called, returned: returned)
        operation.succeeded = succeeded
        return operation
    }

    @Test func `a read of the last write is right, and one of an older write is not`() {
        #expect(verdict(write(1, 0, 10), write(2, 20, 30), read(2, 40, 50)) == .linearizable)
        #expect(verdict(write(1, 0, 10), write(2, 20, 30), read(1, 40, 50)) == .violated)
    }

    @Test func `two reads during a write may not see it come and go`() {
        let (old, new) = (write(1, 0, 10), write(2, 20, 90))
        #expect(verdict(old, new, read(1, 30, 40), read(2, 50, 60)) == .linearizable)
        #expect(verdict(old, new, read(2, 30, 40), read(1, 50, 60)) == .violated)
    }

    @Test func `a write without an answer may have happened or not, and only once`() {
        #expect(verdict(write(1, 0, 10), write(2, 20, nil), read(1, 30, 40)) == .linearizable)
        #expect(verdict(write(1, 0, 10), write(2, 20, nil), read(2, 30, 40)) == .linearizable)
        let (lost, newer) = (write(2, 20, nil), write(3, 50, 60))
        #expect(verdict(lost, read(2, 30, 40), newer, read(2, 70, 80)) == .violated)
    }

    @Test func `of two swaps of the same value one succeeds`() {
        let first = write(1, 0, 10)
        #expect(
            verdict(first, swap(1, 2, 20, 40, true), swap(1, 3, 20, 40, false)) == .linearizable
        )
        #expect(verdict(first, swap(1, 2, 20, 40, true), swap(1, 3, 20, 40, true)) == .violated)
    }

    /// The judge took the first of two unanswered swaps for one that nobody saw, though the second
    /// one had seen it, and called a right history wrong.
    @Test func `an unanswered swap can show that another one happened`() {
        let history = [
            write(1, 0, 10), swap(1, 2, 20, nil, nil), swap(2, 3, 30, nil, nil), read(3, 40, 50),
        ]
        #expect(verdict(history[0], history[1], history[2], history[3]) == .linearizable)
    }

    @Test func `a swap that failed without an excuse is wrong`() {
        #expect(verdict(write(1, 0, 10), swap(1, 2, 20, 30, false)) == .violated)
        // The open write came too late.
        let late = write(9, 40, nil)
        #expect(verdict(write(1, 0, 10), swap(1, 2, 20, 30, false), late) == .violated)
    }

    @Test func `a write that nobody answered or saw may be why a swap failed`() {
        let unseen = write(9, 5, nil)
        #expect(verdict(write(1, 0, 10), unseen, swap(1, 2, 20, 30, false)) == .linearizable)
        let unseenSwap = swap(1, 9, 15, nil, nil)
        #expect(verdict(write(1, 0, 10), unseenSwap, swap(1, 2, 20, 30, false)) == .linearizable)
    }

    /// One write that nobody answered explained any number of swaps that failed.
    @Test func `an unseen write happens only once`() {
        let history = [write(1, 0, 10), swap(1, 2, 20, 30, false), swap(1, 3, 40, 50, false)]
        let again = [write(4, 60, 70), swap(4, 5, 80, 90, false)]
        #expect(verdict([write(9, 5, nil)] + history) == .linearizable)
        #expect(verdict([write(9, 5, nil)] + history + again) == .violated)
        #expect(verdict([write(9, 5, nil), write(8, 5, nil)] + history + again) == .linearizable)
    }

    @Test func `what is seen again was not overwritten`() {
        let history = [write(1, 0, 10), write(9, 15, nil), swap(1, 2, 20, 30, false)]
        #expect(verdict(history + [read(1, 40, 50)]) == .violated)
    }

    @Test func `a search that is given up decides nothing`() {
        var register = Register()
        for number in 1...20 as ClosedRange<Int64> { register.add(write(number, 0, 100)) }
        register.add(read(5, 200, 210))
        #expect(register.judge(stepsMax: 10) == .undecided)
        #expect(register.judge() == .linearizable)
    }
}
