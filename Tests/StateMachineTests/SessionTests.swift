import Bytes
import Commands
import StateMachine
import Testing

@Suite struct SessionTests {
    let session = StateFixture.session

    @Test func `a write of an unknown session has expired`() throws {
        let state = try StateFixture()
        #expect(try state.create("/a", session: session) == .failed(.sessionExpired))
        #expect(
            try state.openSession() == .sessionCreated(timeoutMilliseconds: 10_000)
        )
        #expect(state.changes == [.zooKeeperSessionAttached(session, connection: 1)])
        #expect(try state.create("/a", session: session).error == nil)
    }

    @Test func `closing a session deletes its ephemerals in one entry, in the order of paths`()
        throws
    {
        let state = try StateFixture()
        try state.openSession()
        try state.create("/p")
        for path in ["/p/b", "/a", "/p/a"] {
            try state.create(path, flags: 1, session: session)
        }
        try state.create("/stays", session: session)
        var seen: [ByteString] = []
        try state.read { view in
            let prefix: [UInt8] = Array("/p".utf8)
            try view.forEachEphemeral(of: session, prefix: prefix.rawSpan) {
                seen.append(ByteString(copying: $0))
            }
        }
        #expect(seen == ["/p/a", "/p/b"])
        #expect(try state.read { try $0.summary.ephemeralCount } == 3)
        #expect(try state.znode(.closeSession(CloseSession()), session: session) == .sessionClosed)
        let deleted = state.changes.compactMap { change -> ByteString? in
            if case .znode(let znode) = change, znode.kind == .deleted { return znode.path }
            return nil
        }
        #expect(deleted == ["/a", "/p/a", "/p/b"])
        #expect(state.changes.last == .zooKeeperSessionClosed(session))
        #expect(try state.read { try $0.summary.ephemeralCount } == 0)
        #expect(try state.stat("/p")?.pzxid == state.index)
        #expect(try state.children("/") == ["p", "stays", "zookeeper"])
        #expect(try state.create("/x", session: session) == .failed(.sessionExpired))
    }

    @Test func `re-attaching needs the password and moves the session`() throws {
        let state = try StateFixture()
        try state.openSession(connection: 1)
        func attach(_ password: [UInt8], _ connection: UInt64) throws -> ZnodeOutcome {
            let command = AttachSession(timeoutMilliseconds: 4_000, password: password)
            return try state.znode(
                .attachSession(command),
                session: session,
                connection: connection
            )
        }
        #expect(try attach([9], 2) == .sessionRefused)
        #expect(state.changes.isEmpty)
        #expect(try attach([1, 2, 3], 2) == .sessionAttached(timeoutMilliseconds: 4_000))
        let create = Command.createZnode(CreateOperation(path: "/a", data: nil), .none)
        #expect(
            try state.znode(create, session: session, connection: 1) == .failed(.sessionMoved)
        )
        #expect(try state.znode(create, session: session, connection: 2).error == nil)
    }

    @Test func `an expiry found in another term does nothing`() throws {
        let state = try StateFixture()
        try state.openSession()
        state.term = 7
        let late = Command.closeSession(CloseSession(expired: true, term: 6))
        #expect(try state.znode(late, session: session) == .expiryOutdated)
        #expect(try state.read { try $0.zooKeeperSession(session) } != nil)
        let now = Command.closeSession(CloseSession(expired: true, term: 7))
        #expect(try state.znode(now, session: session) == .sessionClosed)
        #expect(try state.read { try $0.summary.zooKeeperSessionCount } == 0)
    }

    /// Seen with real processes under faults: the client had come back to another node and was
    /// told so, and its ephemerals were gone 0.1 s later.
    @Test func `an expiry does nothing to a session that has moved since it was decided`() throws {
        let state = try StateFixture()
        try state.openSession()
        state.term = 7
        let attach = AttachSession(timeoutMilliseconds: 4_000, password: [1, 2, 3])
        _ = try state.znode(.attachSession(attach), session: session, connection: 2)
        let expiry = Command.closeSession(CloseSession(expired: true, term: 7))
        #expect(try state.znode(expiry, session: session, connection: 1) == .expiryOutdated)
        #expect(try state.read { try $0.zooKeeperSession(session) } != nil)
        #expect(try state.znode(expiry, session: session, connection: 2) == .sessionClosed)
    }
}
