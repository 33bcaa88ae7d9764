import Bytes
import Commands
import StateMachine
import Testing

@Suite struct TransactionTests {
    func operation(
        _ verb: KeyTransactionVerb,
        _ key: ByteString,
        _ value: String = "",
        index: UInt64 = 0,
        session: ByteString = ""
    ) -> TransactionOperation {
        .key(
            KeyTransactionOperation(
                verb: verb,
                key: key,
                value: Array(value.utf8),
                index: index,
                session: session
            )
        )
    }

    func run(
        _ state: StateFixture,
        _ operations: [TransactionOperation]
    ) throws -> TransactionOutcome {
        let outcome = try state.consul(.transaction(Transaction(operations)))
        guard case .transaction(let result) = outcome else { throw Unexpected(outcome) }
        return result
    }

    @Test func `operations see each other and answer in order`() throws {
        let state = try StateFixture()
        let outcome = try run(
            state,
            [
                operation(.set, "a/1", "x"), operation(.get, "a/1"),
                operation(.checkIndex, "a/1", index: 1), operation(.set, "a/2", "y"),
                operation(.getTree, "a/"), operation(.delete, "a/2"),
                operation(.checkNotExists, "a/2"), operation(.getOrEmpty, "none"),
            ]
        )
        #expect(outcome.failures.isEmpty)
        let keys = outcome.results.compactMap { result -> String? in
            guard case .key(let record, let withValue) = result else { return nil }
            return "\(record.key) \(record.modifyIndex) \(withValue) \(record.value.count)"
        }
        #expect(
            keys == [
                "a/1 1 false 0", "a/1 1 true 1", "a/1 1 false 0", "a/2 1 false 0", "a/1 1 true 1",
                "a/2 1 true 1", "none 0 true 0",
            ]
        )
    }

    @Test func `every failure is told and nothing is done`() throws {
        let state = try StateFixture()
        try state.key(.set, "old", "x")
        let before = try state.dump().filter { $0.table != "meta" }
        let outcome = try run(
            state,
            [
                operation(.set, "new", "x"), operation(.checkIndex, "old", index: 5),
                operation(.setIfUnchanged, "old", "y", index: 5),
                operation(.checkSession, "old", session: "s"),
                operation(.checkNotExists, "old"), operation(.lock, "old", session: "s"),
                operation(.unlock, "old", session: "s"),
                operation(.deleteIfUnchanged, "old", index: 5), operation(.get, "none"),
                operation(.lock, "old"), operation(.deleteTree, ""),
            ]
        )
        #expect(outcome.results.isEmpty)
        #expect(outcome.failures.map(\.operation) == [1, 2, 3, 4, 5, 6, 7, 8, 9])
        #expect(
            outcome.failures.map(\.error) == [
                .transaction(.indexMismatch(key: "old", current: 1, wanted: 5)),
                .transaction(.setStale("old")),
                .transaction(.sessionMismatch(key: "old", current: "", wanted: "s")),
                .transaction(.keyExists("old")), .invalidSession("s"),
                .transaction(.notHeld("old")), .transaction(.deleteStale("old")),
                .transaction(.keyMissing("none")), .missingSession,
            ]
        )
        #expect(try state.changes.isEmpty && state.entry("new") == nil)
        #expect(try state.dump().filter { $0.table != "meta" } == before)
    }

    @Test func `a key under lock-delay is told as such, whoever asks for it`() throws {
        let state = try StateFixture()
        try state.register("n1")
        try state.openConsulSession("s", lockDelayNanoseconds: 5_000_000_000)
        try state.key(.lock, "k", "v", session: "s")
        try state.consul(.destroyConsulSession(DestroyConsulSession(id: "s")))
        let delayed = try run(
            state,
            [
                operation(.get, "none"), operation(.lock, "k", session: "s"),
                operation(.lock, "k"), operation(.unlock, "k", session: "s"),
            ]
        )
        #expect(
            delayed.failures.map(\.error) == [
                .transaction(.lockDelayed("k")), .transaction(.lockDelayed("k")),
            ]
        )
        state.time += 5_000
        let over = try run(state, [operation(.lock, "k", session: "s"), operation(.lock, "k")])
        #expect(over.failures.map(\.error) == [.invalidSession("s"), .missingSession])
    }

    @Test func `nodes, services and checks take part`() throws {
        let state = try StateFixture()
        let outcome = try run(
            state,
            [
                .node(.set, NodeDefinition(name: "n", address: "1.2.3.4"), index: 0),
                .service(.set, node: "n", state.web(), index: 0),
                .check(.set, CheckDefinition(node: "n", id: "c", name: "c"), index: 0),
                .node(.get, NodeDefinition(name: "n"), index: 0),
                .service(.setIfUnchanged, node: "n", state.web("w2"), index: 0),
            ]
        )
        #expect(outcome.failures.isEmpty && outcome.results.count == 5)
        let failed = try run(
            state,
            [
                .service(.setIfUnchanged, node: "n", state.web(port: 81), index: 9),
                .node(.get, NodeDefinition(name: "m"), index: 0),
                .service(.set, node: "m", state.web(), index: 0),
                .node(.deleteIfUnchanged, NodeDefinition(name: "m"), index: 4),
                .node(.delete, NodeDefinition(name: "n"), index: 0),
            ]
        )
        #expect(
            failed.failures.map(\.error) == [
                .transaction(.serviceStale(node: "n", id: "web", deleting: false)),
                .transaction(.nodeMissing("m")), .missingNode,
                .transaction(.nodeStale("m", deleting: true)),
            ]
        )
        #expect(try state.read { try $0.services(node: "n") }.count == 2)
    }

    /// One small command may read a large tree over and over. Every node applies it, and only one
    /// is asked for what it read.
    @Test func `what is read is collected only where it is answered, and within a bound`() throws {
        let state = try StateFixture()
        let value = String(repeating: "v", count: 400 << 10)
        for number in 0..<8 { try state.key(.set, "t/\(number)", value) }
        let trees = { (count: Int) in
            Array(repeating: self.operation(.getTree, "t/"), count: count)
                + [self.operation(.set, "done", "\(count)")]
        }
        let few = try run(state, trees(2))
        #expect(few.results.count == 17 && !few.isTooLong)
        let many = try run(state, trees(63))
        #expect(many.results.isEmpty && many.failures.isEmpty && many.isTooLong)
        #expect(try state.entry("done")?.value == Array("63".utf8))
        let reading = Transaction(Array(repeating: operation(.getTree, "t/"), count: 63))
        #expect(try state.read { try $0.transaction(reading) }?.isTooLong == true)

        let unasked = try state.transaction(trees(4) + [operation(.get, "t/0")], isAnswered: false)
        #expect(unasked.failures.isEmpty && !unasked.isTooLong)
        let values = unasked.results.compactMap { result -> [UInt8]? in
            guard case .key(let record, withValue: true) = result else { return nil }
            return record.value
        }
        #expect(values == [[]])
        let failed = try state.transaction([operation(.get, "none")], isAnswered: false)
        #expect(failed.failures.map(\.error) == [.transaction(.keyMissing("none"))])
    }

    @Test func `a transaction that only reads needs no entry`() throws {
        let state = try StateFixture()
        try state.key(.set, "k", "v")
        let reading = Transaction([operation(.get, "k"), operation(.getTree, "x")])
        #expect(try state.read { try $0.transaction(reading) }?.results.count == 1)
        let writing = Transaction([operation(.get, "k"), operation(.set, "k")])
        #expect(try state.read { try $0.transaction(writing) } == nil)
    }
}
