internal import Bytes
internal import Commands

/// ZooKeeper's sessions.
extension Batch {
    /// Why the entry's session may not write; commands without a session are the server's own.
    mutating func sessionError() throws(StateError) -> ZnodeError? {
        let header = entry.header
        if header.session == .none { return nil }
        let attached: UInt64
        if let known = caches.connection(of: header.session) {
            attached = known
        } else if let session = try view.zooKeeperSession(header.session) {
            attached = session.connection
            caches.remember(session.id, connection: attached)
        } else {
            return .sessionExpired
        }
        let isOwn = header.connection == 0 || header.connection == attached
        return isOwn ? nil : .sessionMoved
    }

    mutating func createSession(_ command: CreateSession) throws(StateError) -> ZnodeOutcome {
        let id = entry.header.session
        if id == .none { return .sessionRefused }
        if try view.zooKeeperSession(id) != nil { return .sessionRefused }
        try write(
            ZooKeeperSession(
                id: id,
                timeoutMilliseconds: command.timeoutMilliseconds,
                connection: entry.header.connection,
                password: command.password
            )
        )
        summary.zooKeeperSessionCount &+= 1
        changes.append(.zooKeeperSessionAttached(id, connection: entry.header.connection))
        return .sessionCreated(timeoutMilliseconds: command.timeoutMilliseconds)
    }

    mutating func attachSession(_ command: AttachSession) throws(StateError) -> ZnodeOutcome {
        let id = entry.header.session
        guard var session = try view.zooKeeperSession(id),
            session.password == command.password
        else { return .sessionRefused }
        session.timeoutMilliseconds = command.timeoutMilliseconds
        session.connection = entry.header.connection
        try write(session)
        changes.append(.zooKeeperSessionAttached(id, connection: session.connection))
        return .sessionAttached(timeoutMilliseconds: session.timeoutMilliseconds)
    }

    /// Deletes the session's ephemeral znodes, in the order of their paths, and the session.
    mutating func closeSession(_ command: CloseSession) throws(StateError) -> ZnodeOutcome {
        if command.expired && command.term != entry.term { return .expiryOutdated }
        let id = entry.header.session
        // The leader decided by what it had applied: a client that has come back since was told
        // that its session goes on.
        if try sessionError() == .sessionMoved {
            return command.expired ? .expiryOutdated : .failed(.sessionMoved)
        }
        var owned: [ByteString] = []
        try view.forEachOwned(by: id.value) { path throws(StateError) in
            owned.append(ByteString(copying: path))
            return true
        }
        for path in owned { try removeOwned(path) }
        var key = KeyBuffer()
        key.append(integer: UInt64(bitPattern: id.value))
        caches.forget(id)
        if try delete(key.span, in: tables.sessions) {
            summary.zooKeeperSessionCount &-= 1
            changes.append(.zooKeeperSessionClosed(id))
        }
        return .sessionClosed
    }

    private mutating func removeOwned(_ path: ByteString) throws(StateError) {
        let bytes = path.bytes.rawSpan
        var key = KeyBuffer()
        appendKey(bytes, to: &key)
        guard let record = try znodeRecord(key.span),
            let slash = bytes.lastOffset(of: NameKey.slashByte)
        else { throw .damaged(table: "ephemerals", detail: "\(path) is not there") }
        try remove(record, path, key: key.span, parentSlash: slash)
    }

    private mutating func write(_ session: ZooKeeperSession) throws(StateError) {
        var key = KeyBuffer()
        key.append(integer: UInt64(bitPattern: session.id.value))
        var writer = takeWriter()
        session.encode(into: &writer)
        try put(key.span, writer.bytes.rawSpan, in: tables.sessions)
        giveBack(writer)
        caches.remember(session.id, connection: session.connection)
    }
}
