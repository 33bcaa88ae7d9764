import Bytes
import Commands
import LMDB
import Testing

@testable import StateMachine

/// A state is whole, and without any one of its records it is not.
@Suite struct ReferenceCheckTests {
    private func flaws(_ state: StateFixture) throws -> [StateFlaw] {
        let transaction = try ReadTransaction(state.environment)
        var found: [StateFlaw] = []
        var check = ReferenceCheck(StateView(transaction.reader, tables: state.tables)) { flaw in
            found.append(flaw)
            return true
        }
        try check.run()
        return found
    }

    /// A state with some of everything.
    private func filled() throws -> StateFixture {
        let state = try StateFixture()
        try state.openSession()
        let long = "/" + String(repeating: "l", count: 490)
        let big = String(repeating: "d", count: 5_000)
        let reader = ACLEntry(permissions: .read, identity: .anyone)
        try state.create("/a", big)
        try state.create("/a/b", "x", acl: [reader])
        try state.create("/a/e", "x", flags: 1, session: StateFixture.session)
        try state.create(long, big)
        try state.create("\(long)/c", "x")
        try state.create("/container", "", request: .container)
        try state.key(.set, "k", big)
        try state.key(.set, String(repeating: "k", count: 500), "v")
        let id: ByteString = "d33fbe19-3f5a-927e-eb31-792f5fb43b78"
        let node = NodeDefinition(name: "n1", address: "10.0.0.1")
        let service = ServiceDefinition(id: "web1", name: "web")
        let checks = [
            CheckDefinition(node: "n1", id: "c1", status: .passing),
            CheckDefinition(node: "n1", id: "c2", status: .passing, serviceID: "web1"),
        ]
        try state.consul(.register(Register(node: node, service: service, checks: checks)))
        let session = SessionDefinition(id: id, node: "n1")
        try state.consul(.createConsulSession(CreateConsulSession(session)))
        let lock = KeyOperation(verb: .lock, key: "held", value: [1], session: id)
        #expect(try state.consul(.key(lock)) == .key(true))
        return state
    }

    @Test func `a whole state has no flaw`() throws {
        let state = try filled()
        #expect(try flaws(state) == [])
        try state.znode(.closeSession(CloseSession()), session: StateFixture.session)
        try state.key(.deleteTree, "k")
        #expect(try flaws(state) == [])
    }

    @Test func `a record that goes is missed`() throws {
        let state = try filled()
        var tried = 0
        for record in try state.dump() where Self.isChecked(record) {
            let named = try #require(state.tables.all.first { $0.name == record.table })
            try change(state) { transaction throws(LMDBError) in
                try transaction.delete(record.key.rawSpan, in: named.table)
            }
            #expect(try !flaws(state).isEmpty, "\(record.table) \(record.key)")
            try change(state) { transaction throws(LMDBError) in
                try transaction.put(record.key.rawSpan, record.value.rawSpan, in: named.table)
            }
            tried += 1
        }
        #expect(tried > 20)
        #expect(try flaws(state) == [])
    }

    private func change(
        _ state: StateFixture,
        _ body: (inout WriteTransaction) throws(LMDBError) -> Void
    ) throws(LMDBError) {
        var transaction = try WriteTransaction(state.environment)
        try body(&transaction)
        try transaction.commit()
    }

    /// What only speeds reading up, or waits to be reaped, is not referred to by anything.
    private static func isChecked(_ record: DumpedRecord) -> Bool {
        let tag = record.key.first ?? 0
        switch record.table {
        case "acls": return tag == UInt8(ascii: "i")
        case "catalog":
            return [CatalogKey.node, .init(ascii: "s"), .init(ascii: "S"), .init(ascii: "C")]
                .contains(tag)
        case "leases": return tag == CatalogKey.session
        case "meta", "tombstones", "delays": return false
        default: return true
        }
    }
}
