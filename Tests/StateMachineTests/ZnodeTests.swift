import Bytes
import Commands
import LMDB
import StateMachine
import Testing

@Suite struct ZnodeTests {
    @Test func `a fresh state has the real server's first znodes`() throws {
        let state = try StateFixture()
        let root = try #require(try state.stat("/"))
        #expect(root.czxid == 0 && root.mzxid == 0 && root.pzxid == 0)
        #expect(root.cversion == -1 && root.childCount == 1 && root.version == 0)
        let zookeeper = try #require(try state.stat("/zookeeper"))
        #expect(zookeeper.cversion == -2 && zookeeper.childCount == 2)
        let config = try #require(try state.stat("/zookeeper/config"))
        #expect(config.aversion == -1 && config.dataLength == 0)
        #expect(try state.children("/zookeeper") == ["config", "quota"])
        #expect(try state.create("/zookeeper/x").error == nil)
        #expect(try state.setData("/zookeeper/config", "x") == .failed(.noAuth))
    }

    @Test func `a created znode has the entry's index and time`() throws {
        let state = try StateFixture()
        let outcome = try state.create("/a", "data")
        let stat = try #require(try state.stat("/a"))
        #expect(outcome == .created(path: "/a", stat: stat))
        #expect(stat.czxid == 1 && stat.mzxid == 1 && stat.pzxid == 1)
        #expect(stat.ctimeMilliseconds == state.time && stat.mtimeMilliseconds == state.time)
        #expect(stat.dataLength == 4 && stat.ephemeralOwner == 0)
        let root = try #require(try state.stat("/"))
        #expect(root.pzxid == 1 && root.childCount == 2 && root.cversion == 0)
        #expect(
            state.changes == [
                .znode(ZnodeChange(kind: .created, path: "/a", acl: .open, parentACL: .open))
            ]
        )
    }

    @Test func `creates and deletes both show in the reported cversion`() throws {
        let state = try StateFixture()
        try state.create("/p")
        try state.create("/p/a")
        try state.create("/p/b")
        #expect(try state.stat("/p")?.cversion == 2)
        #expect(try state.delete("/p/a") == .deleted)
        let stat = try #require(try state.stat("/p"))
        #expect(stat.cversion == 3 && stat.childCount == 1 && stat.pzxid == state.index)
    }

    @Test func `a sequence number counts every create under the parent and never goes back`()
        throws
    {
        let state = try StateFixture()
        try state.create("/p")
        try state.create("/p/plain")
        let first = try state.create("/p/s-", flags: 2)
        guard case .created(let path, _) = first else { throw Unexpected(first) }
        #expect(path == "/p/s-0000000001")
        try state.delete("/p/s-0000000001")
        guard case .created(let next, _) = try state.create("/p/", flags: 2) else { return }
        #expect(next == "/p/0000000002")
    }

    @Test func `null data and empty data are told apart`() throws {
        let state = try StateFixture()
        try state.create("/null", nil)
        try state.create("/empty", "")
        #expect(try state.data("/null") == nil)
        #expect(try state.data("/empty") == [])
        try state.setData("/empty", nil)
        #expect(try state.data("/empty") == nil)
    }

    @Test(arguments: [
        ("", ZnodeError.badArguments), ("relative", .badArguments), ("/a/", .badArguments),
        ("/", .nodeExists), ("/a", .nodeExists), ("/none/x", .noNode), ("/a/../x", .noNode),
        ("/a/..", .badArguments), ("/a/.", .badArguments), ("//x", .badArguments),
        ("/a/\u{0}", .badArguments), ("/a/\u{7f}", .badArguments), ("/a/\u{85}", .badArguments),
        ("/a/\u{e000}", .badArguments), ("/a/\u{1F600}", .badArguments), ("a/b", .noNode),
    ])
    func `a create with a path that is none is refused`(_ path: String, _ error: ZnodeError)
        throws
    {
        let state = try StateFixture()
        try state.create("/a")
        #expect(try state.create(path) == .failed(error))
    }

    @Test func `letters of all scripts are good in paths`() throws {
        let state = try StateFixture()
        #expect(try state.create("/größe-日本").error == nil)
        #expect(try state.children("/") == ["größe-日本", "zookeeper"])
    }

    @Test func `modes that no server knows, and those of extended types, are refused`() throws {
        let state = try StateFixture()
        #expect(try state.create("/x", flags: 99) == .failed(.badArguments))
        #expect(try state.create("/x", flags: -1) == .failed(.badArguments))
        #expect(try state.create("/x", flags: 5) == .failed(.unimplemented))
        let ttl = CreateRequest.timeToLive(milliseconds: 10)
        #expect(try state.create("/x", flags: 6, request: ttl) == .failed(.unimplemented))
        #expect(try state.create("/x", flags: 0, request: ttl) == .failed(.badArguments))
    }

    @Test func `an ephemeral znode has no children`() throws {
        let state = try StateFixture()
        try state.openSession()
        try state.create("/e", flags: 1, session: StateFixture.session)
        #expect(try state.stat("/e")?.ephemeralOwner == StateFixture.session.value)
        #expect(try state.create("/e/x") == .failed(.noChildrenForEphemerals))
    }

    @Test func `a delete checks parent, version and children`() throws {
        let state = try StateFixture()
        try state.create("/a")
        try state.create("/a/b")
        #expect(try state.delete("/a", version: 1) == .failed(.badVersion))
        #expect(try state.delete("/a") == .failed(.notEmpty))
        #expect(try state.delete("/none") == .failed(.noNode))
        #expect(try state.delete("/none/x") == .failed(.noNode))
        for path in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "x"] {
            #expect(try state.delete(path) == .failed(.badArguments))
        }
        #expect(try state.delete("/a/b", version: 0) == .deleted)
        #expect(try state.stat("/a/b") == nil)
    }

    @Test func `setData moves version, mzxid and mtime`() throws {
        let state = try StateFixture()
        try state.create("/a", "1")
        state.time += 5
        let outcome = try state.setData("/a", "22", version: 0)
        let stat = try #require(try state.stat("/a"))
        #expect(outcome == .stat(stat))
        #expect(stat.version == 1 && stat.mzxid == 2 && stat.czxid == 1 && stat.dataLength == 2)
        #expect(stat.mtimeMilliseconds == state.time)
        #expect(stat.ctimeMilliseconds == state.time - 5)
        #expect(try state.setData("/a", "3", version: 0) == .failed(.badVersion))
        #expect(try state.setData("/none", "3") == .failed(.noNode))
        #expect(try state.setData("/a/", "3") == .failed(.badArguments))
    }

    @Test func `setACL has a version of its own`() throws {
        let state = try StateFixture()
        try state.create("/a")
        let readers = [ACLEntry(permissions: [.read, .admin], identity: .anyone)]
        let operation = SetACLOperation(path: "/a", acl: readers, version: 0)
        let outcome = try state.znode(.setACL(operation, .none))
        #expect(outcome == .stat(try #require(try state.stat("/a"))))
        #expect(try state.stat("/a")?.aversion == 1 && state.changes.isEmpty)
        #expect(try state.znode(.setACL(operation, .none)) == .failed(.badVersion))
        #expect(try state.setData("/a", "x") == .failed(.noAuth))
        let list = try state.read { view throws -> [ACLEntry] in
            guard let znode = try view.znode(ByteString("/a").bytes.rawSpan) else { return [] }
            return try view.aclEntries(znode.acl)
        }
        #expect(list == readers)
    }

    @Test(arguments: [100, 1_900, 2_000, 2_001, 10_000, 1_000_000])
    func `data of any size is read back, replaced and deleted`(_ byteCount: Int) throws {
        let state = try StateFixture()
        let text = String((0..<byteCount).map { Character(Unicode.Scalar(UInt8(97 + $0 % 23))) })
        try state.create("/big", text)
        #expect(try state.data("/big") == Array(text.utf8))
        try state.create("/big/child")
        #expect(try state.data("/big") == Array(text.utf8))
        try state.setData("/big", "small")
        #expect(try state.data("/big") == Array("small".utf8))
        try state.setData("/big", text)
        try state.delete("/big/child")
        try state.delete("/big")
        #expect(try state.read { try $0.summary.znodeCount } == 4)
        #expect(try state.dump().allSatisfy { $0.table != "blobs" })
    }

    /// Each piece had a page of its own: 238 MiB of values of 500 kB were 491 MiB of state.
    @Test func `large values fill their pages, also after some went`() throws {
        let state = try StateFixture()
        func check(_ count: Int, line: Int = #line) throws {
            let found = try state.read { view in
                try view.tableStatistics().first { $0.name == "blobs" }?.pages
            }
            let blobs = try #require(found)
            #expect(blobs.entries == count * 250)
            #expect(blobs.leafPages <= count * 126, "\(count) values, line \(line)")
        }
        let value = String(repeating: "v", count: 500_000)
        for number in 1...8 { try state.create("/big\(number)", value) }
        try check(8)
        for number in 2...4 { try state.delete("/big\(number)") }
        for number in 2...3 { try state.create("/big\(number)", value) }
        try check(7)
    }

    @Test(arguments: [470, 477, 478, 479, 511, 600, 5_000])
    func `paths of any length work and list`(_ byteCount: Int) throws {
        let state = try StateFixture()
        let parent = "/" + String(repeating: "p", count: byteCount - 1)
        try state.create(parent, "parent")
        try state.create(parent + "/one", "1")
        try state.create(parent + "/two", "2")
        try state.create(parent + "/two/deep", "3")
        try state.create(parent + "x", "sibling")
        #expect(try state.children(parent) == ["one", "two"])
        #expect(try state.children(parent + "/two") == ["deep"])
        #expect(try state.children("/").count == 3)
        #expect(try state.data(parent) == Array("parent".utf8))
        #expect(try state.data(parent + "/two/deep") == Array("3".utf8))
        #expect(
            try state.read { try $0.descendantCount(of: ByteString(parent).bytes.rawSpan) } == 3
        )
        #expect(try state.delete(parent + "/one") == .deleted)
        #expect(try state.children(parent) == ["two"])
    }

    @Test func `all children of a subtree are counted`() throws {
        let state = try StateFixture()
        for path in ["/a", "/a/b", "/a/b/c", "/a/bb", "/ab", "/a/b/d"] { try state.create(path) }
        func count(_ path: ByteString) throws -> Int {
            try state.read { try $0.descendantCount(of: path.bytes.rawSpan) }
        }
        #expect(try count("/a") == 4)
        #expect(try count("/a/b") == 2)
        #expect(try count("/ab") == 0)
        #expect(try count("/") == 9)
    }

    @Test func `a container that was used and is empty is found and deleted`() throws {
        let state = try StateFixture()
        try state.create("/c", flags: 4, request: .container)
        #expect(try state.stat("/c")?.ephemeralOwner == 0)
        #expect(try state.read { try $0.unusedContainers(countMax: 9) } == [])
        #expect(try state.znode(.deleteContainer(path: "/c")) == .failed(.badVersion))
        try state.create("/c/x")
        #expect(try state.znode(.deleteContainer(path: "/c")) == .failed(.notEmpty))
        try state.delete("/c/x")
        #expect(try state.read { try $0.unusedContainers(countMax: 9) } == ["/c"])
        #expect(try state.znode(.deleteContainer(path: "/c")) == .deleted)
        #expect(try state.znode(.deleteContainer(path: "/c")) == .failed(.noNode))
        try state.create("/plain")
        #expect(try state.znode(.deleteContainer(path: "/plain")) == .failed(.badVersion))
    }

    @Test func `check compares the version`() throws {
        let state = try StateFixture()
        try state.create("/a")
        func check(_ path: ByteString, _ version: Int32) throws -> ZnodeOutcome {
            try state.znode(.checkVersion(CheckOperation(path: path, version: version), .none))
        }
        #expect(try check("/a", 0) == .checked)
        #expect(try check("/a", -1) == .checked)
        #expect(try check("/a", 3) == .failed(.badVersion))
        #expect(try check("/b", -1) == .failed(.noNode))
    }
}

struct Unexpected: Error {
    let description: String

    init(_ value: Any) {
        description = "\(value)"
    }
}
