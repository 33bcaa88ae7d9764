import Bytes
import Commands
import LMDB
import SeededRandom
import StateMachine
import Testing

@Suite struct MachineTests {
    /// Random commands of every kind that writes much.
    func entries(_ count: Int, _ random: inout SeededGenerator) -> [CommittedEntry] {
        var entries: [CommittedEntry] = []
        let session = SessionID(7)
        for index in 1...UInt64(count) {
            let header = CommandHeader(
                timeMilliseconds: Int64(index) * 3,
                session: index > 1 ? session : SessionID(7),
                client: .ipv4(1, port: 1)
            )
            let command =
                index == 1
                ? Command.createSession(CreateSession(timeoutMilliseconds: 9, password: []))
                : self.command(&random)
            let payload = index % 17 == 0 ? [] : command.encode(header)
            entries.append(CommittedEntry(index: index, term: 1 + index / 50, payload: payload))
        }
        return entries
    }

    func command(_ random: inout SeededGenerator) -> Command {
        let number = UInt8.random(in: 0...9, using: &random)
        let path = ByteString("/p\(number)")
        let data = [UInt8](repeating: number, count: Int(number) * 400)
        let alice = ACLEntry(permissions: .all, identity: Identity(scheme: "ip", id: "0.0.0.1"))
        let create = CreateOperation(
            path: path,
            data: data,
            acl: number % 2 == 0 ? [.open] : [alice],
            flags: Int32.random(in: 0...3, using: &random)
        )
        let key = KeyOperation(verb: .set, key: ByteString("k/\(number)"), value: data)
        let node = NodeDefinition(name: ByteString("n\(number % 3)"))
        let service = ServiceDefinition(id: ByteString("s\(number)"), name: "s")
        switch Int.random(in: 0..<9, using: &random) {
        case 0, 1: return .createZnode(create, .none)
        case 2: return .setData(SetDataOperation(path: path, data: data), .none)
        case 3: return .deleteZnode(DeleteOperation(path: path), .none)
        case 4:
            let check = CheckOperation(path: "/p1", version: Int32(number % 2))
            return .multi([.create(create), .check(check)], .none)
        case 5: return .key(key)
        case 6: return .key(KeyOperation(verb: .deleteTree, key: "k/"))
        case 7: return .register(Register(node: node, service: service))
        default: return .deregister(Deregister(node: node.name))
        }
    }

    @Test func `the same log gives the same state, however it is cut into batches`() throws {
        var random = SeededGenerator(suite: "MachineTests")
        let log = entries(600, &random)
        let first = try StateFixture()
        let second = try StateFixture()
        var changes: [Change] = []
        for entry in log { changes += try first.machine.apply([entry]).changes }
        var rest = log[...]
        var others: [Change] = []
        while !rest.isEmpty {
            let count = Int.random(in: 1...90, using: &random)
            let batch = try second.machine.apply(Array(rest.prefix(count)))
            #expect(batch.entries.last?.changes.upperBound == batch.changes.count)
            others += batch.changes
            rest = rest.dropFirst(count)
        }
        #expect(first.machine.summary == second.machine.summary)
        #expect(try first.dump() == second.dump())
        #expect(changes == others && !changes.isEmpty)
    }

    @Test func `the digest tells different logs apart`() throws {
        let digests = try ["a", "b"].map { value in
            let state = try StateFixture()
            try state.create("/x", value)
            return state.machine.summary.digest
        }
        #expect(digests[0] != digests[1])
    }

    @Test func `a reopened state goes on where it was`() throws {
        let state = try StateFixture()
        try state.create("/a", "1")
        let again = try Machine(environment: state.environment, tables: state.tables)
        #expect(again.summary == state.machine.summary)
        #expect(again.summary.appliedIndex == 1)
        #expect(try state.stat("/")?.childCount == 2)
    }

    @Test func `entries must come without a gap`() throws {
        let state = try StateFixture()
        try state.create("/a")
        #expect(throws: StateError.outOfOrder(index: 9, applied: 1)) {
            _ = try state.machine.apply([CommittedEntry(index: 9, term: 1, payload: [])])
        }
    }

    @Test func `an entry that cannot be understood stops the batch and is named`() throws {
        let state = try StateFixture()
        try state.create("/a")
        let good = Command.key(KeyOperation(verb: .set, key: "k")).encode(state.header())
        var newer = good
        newer[0] = 3
        var unknown = good
        unknown[1] = 200
        let cut = Array(good.dropLast(2))
        for bad in [newer, unknown, cut] {
            do {
                _ = try state.machine.apply([
                    CommittedEntry(index: 2, term: 1, payload: good),
                    CommittedEntry(index: 3, term: 1, payload: bad),
                ])
                Issue.record("applied \(bad)")
            } catch {
                guard case .undecodable(index: 3, _) = error else { throw error }
            }
        }
        #expect(try state.entry("k") == nil && state.machine.summary.appliedIndex == 1)
    }

    /// A session's end is a few bytes long, and touches whatever the session has made.
    @Test func `an entry that touches much asks for room on its way, and is given up whole`() throws
    {
        let state = try StateFixture()
        let session = StateFixture.session
        try state.apply(
            .createSession(CreateSession(timeoutMilliseconds: 9, password: [])),
            state.header(session: session)
        )
        for number in 0..<1_000 {
            try state.create("/n\(number)", flags: 1, session: session)
        }
        let before = try state.dump()
        var pages: [Int] = []
        var most = 4
        let machine = try Machine(environment: state.environment, tables: state.tables) {
            page throws(StateError) in
            pages.append(page)
            if pages.count > most { throw .storage(.diskFull(.put)) }
        }
        let end = CommittedEntry(
            index: state.index + 1,
            term: 1,
            payload: Command.closeSession(CloseSession()).encode(state.header(session: session))
        )
        #expect(throws: StateError.storage(.diskFull(.put))) { _ = try machine.apply([end]) }
        #expect(try state.dump() == before && pages.count == 5 && pages == pages.sorted())
        most = .max
        _ = try machine.apply([end])
        #expect(try state.stat("/n7") == nil && state.read { try $0.summary.ephemeralCount } == 0)
        let few = pages.count
        let small = Command.key(KeyOperation(verb: .set, key: "k")).encode(state.header())
        let more = (2...UInt64(600)).map { offset in
            CommittedEntry(index: state.index + offset, term: 1, payload: small)
        }
        _ = try machine.apply(more)
        #expect(pages.count == few, "many small entries are known by their length")
    }

    @Test func `a full map leaves nothing half done, and the batch can be tried again`() throws {
        let state = try StateFixture(mapBytes: 1 << 20)
        let big = [UInt8](repeating: 1, count: 100_000)
        func entry(_ index: UInt64) -> CommittedEntry {
            let key = ByteString("k\(index)")
            let command = Command.key(KeyOperation(verb: .set, key: key, value: big))
            return CommittedEntry(
                index: index,
                term: 1,
                payload: command.encode(CommandHeader())
            )
        }
        _ = try state.machine.apply([entry(1)])
        let before = try state.dump()
        let batch = (2...UInt64(20)).map { entry($0) }
        #expect(throws: StateError.storage(.mapFull(.put))) {
            _ = try state.machine.apply(batch)
        }
        #expect(try state.dump() == before)
        try state.environment.resizeMap(to: 64 << 20)
        #expect(try state.machine.apply(batch).entries.count == 19)
        #expect(try state.read { try $0.summary.keyCount } == 20)
    }

    @Test func `the batch is announced with its transaction before it can be seen`() throws {
        let state = try StateFixture()
        let payload = Command.key(KeyOperation(verb: .set, key: "k")).encode(state.header())
        var announced: [AppliedBatch] = []
        let batch = try state.machine.apply(
            [CommittedEntry(index: 1, term: 1, payload: payload)],
            willCommit: { batch in
                announced.append(batch)
                let isSeen = try? state.entry("k")
                #expect(isSeen == .some(nil))
            }
        )
        #expect(announced == [batch])
        let transaction = try ReadTransaction(state.environment)
        let seen = transaction.id
        #expect(seen == batch.transactionID)
    }
}
