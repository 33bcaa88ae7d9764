import Bytes
import Commands
import StateMachine
import Testing

@Suite struct AccessTests {
    let alice = Identity(scheme: "digest", id: "alice:hash")
    let bob = Identity(scheme: "digest", id: "bob:hash")
    let superuser = Identity(scheme: "super", id: "")

    func all(_ identity: Identity) -> [ACLEntry] {
        [ACLEntry(permissions: .all, identity: identity)]
    }

    @Test func `a digest list lets in who has proved it, and super`() throws {
        let state = try StateFixture()
        try state.create("/a", acl: all(alice))
        #expect(try state.setData("/a", "x") == .failed(.noAuth))
        #expect(try state.setData("/a", "x", as: [bob]) == .failed(.noAuth))
        #expect(try state.setData("/a", "x", as: [bob, alice]).error == nil)
        #expect(try state.setData("/a", "x", as: [superuser]).error == nil)
    }

    @Test func `create and delete are the parent's to allow`() throws {
        let state = try StateFixture()
        let createOnly = [ACLEntry(permissions: [.create, .read], identity: .anyone)]
        try state.create("/p", acl: createOnly)
        #expect(try state.create("/p/a", acl: all(alice)).error == nil)
        #expect(try state.delete("/p/a", as: [alice]) == .failed(.noAuth))
        try state.create("/q", acl: all(alice))
        #expect(try state.create("/q/a") == .failed(.noAuth))
    }

    @Test func `auth stands for all that the client has proved`() throws {
        let state = try StateFixture()
        let auth = all(Identity(scheme: "auth", id: ""))
        #expect(try state.create("/a", acl: auth) == .failed(.invalidACL))
        #expect(try state.create("/a", acl: auth, as: [alice, bob, superuser]).error == nil)
        let entries = try state.read { view throws -> [ACLEntry] in
            guard let znode = try view.znode(ByteString("/a").bytes.rawSpan) else { return [] }
            return try view.aclEntries(znode.acl)
        }
        #expect(entries == all(alice) + all(bob))
    }

    @Test func `duplicates are dropped and lists are shared`() throws {
        let state = try StateFixture()
        try state.create("/a", acl: all(alice) + all(alice))
        try state.create("/b", acl: all(alice))
        let ids = try state.read { view in
            let first = try view.znode(ByteString("/a").bytes.rawSpan)?.acl
            return [first, try view.znode(ByteString("/b").bytes.rawSpan)?.acl]
        }
        #expect(ids[0] != nil && ids[0] == ids[1])
        #expect(ids[0]?.isWorldReadable == false)
    }

    @Test(arguments: [
        ("world", "someone"), ("digest", "nocolon"), ("digest", "user:"), ("digest", "a:b:c"),
        ("ip", "10.0.0"), ("ip", "10.0.0.1/33"), ("ip", "300.0.0.1"), ("ip", "10.0.0.1/x"),
        ("ip", "fe80::1::2"), ("super", ""), ("x509", "CN=x"), ("", ""),
    ])
    func `an entry that is not well-formed is refused`(_ scheme: String, _ id: String) throws {
        let state = try StateFixture()
        let identity = Identity(scheme: ByteString(scheme), id: ByteString(id))
        #expect(try state.create("/a", acl: all(identity)) == .failed(.invalidACL))
        #expect(try state.create("/a", acl: []) == .failed(.invalidACL))
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.0.0.0/8", true), ("127.0.0.2", false), ("10.0.0.0/8", false),
        ("0.0.0.0/0", true), ("127.0.0.0/31", true), ("::1", false), ("::/0", false),
    ])
    func `an ip entry compares as many bits as it says`(_ id: String, _ allowed: Bool) throws {
        let state = try StateFixture()
        try state.create("/a", acl: all(Identity(scheme: "ip", id: ByteString(id))))
        let outcome = try state.setData("/a", "x")
        #expect((outcome.error == nil) == allowed)
    }

    @Test func `an IPv6 entry compares the client's IPv6 address`() throws {
        let state = try StateFixture()
        try state.create("/a", acl: all(Identity(scheme: "ip", id: "fe80:0::/16")))
        let operation = SetDataOperation(path: "/a", data: nil)
        for (high, error) in [(UInt64(0xfe80) << 48, ZnodeError?.none), (1, .noAuth)] {
            var header = state.header()
            header.client = .ipv6(high: high, low: 7, port: 1)
            let outcome = try state.apply(.setData(operation, .none), header)
            guard case .znode(let znode) = outcome else { throw Unexpected(outcome) }
            #expect(znode.error == error)
        }
    }

    @Test func `the ACL is looked at before version and after existence`() throws {
        let state = try StateFixture()
        try state.create("/a", acl: all(alice))
        #expect(try state.setData("/a", "x", version: 7) == .failed(.noAuth))
        #expect(try state.setData("/none", "x") == .failed(.noNode))
        #expect(try state.create("/none/x", acl: []) == .failed(.invalidACL))
    }
}
