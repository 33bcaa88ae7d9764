import Bytes
import Commands
import StateMachine
import Testing

@Suite struct CatalogTests {
    let uuid: ByteString = "aaaaaaaa-0000-0000-0000-000000000001"
    let other: ByteString = "aaaaaaaa-0000-0000-0000-000000000002"

    @Test func `registering the same again changes nothing`() throws {
        let state = try StateFixture()
        let checks = [state.check("c"), state.check("s", service: "web")]
        try state.register("n1", id: uuid, service: state.web(), checks: checks)
        #expect(!state.changes.isEmpty)
        let before = try state.read { try $0.summary.indexes }
        #expect(
            try state.register("n1", id: uuid, service: state.web(), checks: checks)
                == .registered
        )
        #expect(try state.changes.isEmpty && state.read { try $0.summary.indexes } == before)
        let check = try state.read { try $0.check(node: "n1", id: "s") }
        #expect(check?.definition.serviceName == "web")
    }

    @Test func `registering again without metadata wipes it unless the node is to be skipped`()
        throws
    {
        let state = try StateFixture()
        let metadata = [Metadatum(key: "k", value: "v")]
        try state.register("n1", metadata: metadata)
        try state.register("n1", skipNodeUpdate: true)
        #expect(try state.read { try $0.node("n1") }?.definition.metadata == metadata)
        try state.register("n1")
        let node = try #require(try state.read { try $0.node("N1") })
        #expect(node.definition.metadata == nil && node.createIndex == 1 && node.modifyIndex == 3)
    }

    @Test func `a node registered under a known id is renamed`() throws {
        let state = try StateFixture()
        try state.register("old", id: uuid, service: state.web())
        #expect(try state.register("new", id: uuid) == .registered)
        #expect(try state.read { try $0.node("old") } == nil)
        #expect(try state.read { try $0.node(id: uuid) }?.definition.name == "new")
        #expect(try state.read { try $0.node("new") }?.createIndex == 1)
        #expect(try state.read { try $0.services(named: "web") }.isEmpty)
    }

    @Test func `a name belongs to the node that lives under it`() throws {
        let state = try StateFixture()
        let passing = state.check("serfHealth", .passing)
        try state.register("n", id: uuid, address: "1.1.1.1", checks: [passing])
        let taken = ConsulError.nodeNameReserved(
            name: "n",
            id: other,
            byID: uuid,
            byName: "n",
            byAddress: "1.1.1.1"
        )
        #expect(try state.register("n", id: other) == .failed(taken))
        let critical = state.check("serfHealth", .critical)
        try state.register("n", skipNodeUpdate: true, checks: [critical])
        #expect(try state.register("n", id: other) == .registered)
    }

    /// Consul 1.8.7 was seen to let go of the name of a node that no agent watches.
    @Test func `the name of a node without an agent is free`() throws {
        let state = try StateFixture()
        try state.register("n", id: uuid)
        #expect(try state.register("n", id: other) == .registered)
    }

    @Test func `a check of an unknown service undoes the whole registration`() throws {
        let state = try StateFixture()
        let outcome = try state.register("n1", checks: [state.check("c", service: "nope")])
        #expect(outcome == .failed(.missingService(id: "nope", node: "n1")))
        #expect(try state.read { try $0.nodes() }.isEmpty && state.changes.isEmpty)
    }

    @Test func `a service's index moves with it, its checks and its nodes only`() throws {
        let state = try StateFixture()
        func index(_ name: ByteString) throws -> UInt64 {
            try state.read { try $0.serviceIndex(name, withChecks: true) }
        }
        try state.register("n1", service: state.web())
        try state.register("n2", service: ServiceDefinition(id: "db", name: "db"))
        #expect(try index("web") == 1)
        #expect(try index("db") == 2)
        #expect(try index("none") == 2)
        try state.register("n1", checks: [state.check("c", service: "web")])
        #expect(try index("web") == 3)
        try state.register("n1", checks: [state.check("node")])
        #expect(try index("web") == 4)
        try state.register("n1", address: "9.9.9.9")
        #expect(try index("web") == 5)
        #expect(try index("db") == 2)
    }

    @Test func `the last instance's end is what an unknown service's index says`() throws {
        let state = try StateFixture()
        try state.register("n1", service: state.web())
        try state.register("n2", service: state.web("web2"))
        let first = Command.deregister(Deregister(node: "n1", serviceID: "web"))
        #expect(try state.consul(first) == .deregistered)
        #expect(try state.read { try $0.serviceIndex("web", withChecks: false) } == 3)
        #expect(state.changes == [.service(name: "web", node: "n1")])
        try state.consul(.deregister(Deregister(node: "n2")))
        #expect(try state.read { try $0.serviceIndex("web", withChecks: false) } == 4)
        #expect(try state.read { try $0.summary.indexes.serviceExtinction } == 4)
        #expect(try state.read { try $0.services(named: "web") }.isEmpty)
    }

    @Test func `deregistering a node wakes it and its index never goes back`() throws {
        let state = try StateFixture()
        try state.register("n1", service: state.web(), checks: [state.check("c")])
        let before = try state.read { try $0.nodeIndex("n1") }
        try state.consul(.deregister(Deregister(node: "n1")))
        #expect(try state.read { try $0.nodeIndex("n1") } > before)
        #expect(state.changes.contains(.node("n1")))
        #expect(state.changes.contains(.service(name: "web", node: "n1")))
        #expect(state.changes.contains(.check(node: "n1", service: "", id: "c", isRemoved: true)))
        try state.consul(.deregister(Deregister(node: "n1")))
        #expect(state.changes.isEmpty)
        let left = try state.dump().filter { $0.table == "catalog" || $0.table == "leases" }
        #expect(left == [])
    }

    @Test func `an update of a check keeps what is not updated`() throws {
        let state = try StateFixture()
        try state.register("n1", service: state.web(), checks: [state.check("c", service: "web")])
        func update(_ status: CheckStatus, _ output: ByteString, expired: Bool = false) throws
            -> ConsulOutcome
        {
            let command = UpdateCheck(
                node: "n1",
                checkID: "c",
                status: status,
                output: output,
                expired: expired,
                term: state.term
            )
            return try state.consul(.updateCheck(command))
        }
        state.time += 10
        #expect(try update(.passing, "fine") == .checkUpdated)
        #expect(try update(.passing, "fine") == .checkUpdated)
        #expect(state.changes.isEmpty)
        state.time += 10
        #expect(try update(.critical, "", expired: true) == .checkUpdated)
        let check = try #require(try state.read { try $0.check(node: "n1", id: "c") })
        #expect(
            check.definition.output == "TTL expired (last output before timeout follows): fine"
        )
        #expect(check.definition.status == .critical && check.statusSinceMilliseconds == state.time)
        #expect(check.definition.serviceID == "web" && check.createIndex == 1)
        _ = try update(.critical, "", expired: true)
        #expect(state.changes.isEmpty)
        let unknown = UpdateCheck(node: "n1", checkID: "x", status: .passing, output: "")
        #expect(try state.consul(.updateCheck(unknown)) == .failed(.unknownCheck("x")))
    }

    @Test func `names of any length and with zero bytes are kept apart`() throws {
        let state = try StateFixture()
        let long = String(repeating: "n", count: 300)
        for name in [long + "a", long + "b", "x\u{0}", "x", "x\u{0}y"] {
            try state.register(name, service: state.web())
        }
        #expect(try state.read { try $0.nodes() }.count == 5)
        #expect(try state.read { try $0.services(named: "web") }.count == 5)
        #expect(try state.read { try $0.services(node: "x") }.count == 1)
        #expect(try state.read { try $0.node(ByteString(long + "b")) }?.modifyIndex == 2)
    }
}
