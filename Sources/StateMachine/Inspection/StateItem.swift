public import Bytes
public import Commands
public import LMDB

/// One thing of the state, whole, as an inspector shows it.
public enum StateItem: Equatable, Sendable {
    case znode(ZnodeItem)
    case key(KeyRecord)
    case zooKeeperSession(ZooKeeperSession)
    case consulSession(SessionRecord)
    case node(NodeRecord)
    case service(ServiceRecord)
    case check(CheckRecord)
    case member(MemberRecord)
    case token(TokenRecord)

    public enum Kind: String, CaseIterable, Sendable {
        case znode, key, zooKeeperSession, consulSession, node, service, check, member, token
    }

    public var kind: Kind {
        switch self {
        case .znode: .znode
        case .key: .key
        case .zooKeeperSession: .zooKeeperSession
        case .consulSession: .consulSession
        case .node: .node
        case .service: .service
        case .check: .check
        case .member: .member
        case .token: .token
        }
    }

    /// Its path, key, id or name.
    public var name: ByteString {
        switch self {
        case .znode(let znode): znode.path
        case .key(let key): key.key
        case .zooKeeperSession(let session): ByteString("\(session.id)")
        case .consulSession(let session): session.definition.id
        case .node(let node): node.definition.name
        case .service(let service): service.node + "/" + service.definition.id
        case .check(let check): check.definition.node + "/" + check.definition.id
        case .member(let member): ByteString("\(member.node)")
        case .token(let token): token.definition.accessor
        }
    }

    /// The newest entry that it names; 0 where it names none.
    public var newestIndex: UInt64 {
        switch self {
        case .znode(let znode): max(znode.stat.mzxid, znode.stat.pzxid, znode.stat.czxid)
        case .key(let key): max(key.modifyIndex, key.createIndex)
        case .zooKeeperSession, .member: 0
        case .consulSession(let session): max(session.modifyIndex, session.createIndex)
        case .node(let node): max(node.modifyIndex, node.createIndex)
        case .service(let service): max(service.modifyIndex, service.createIndex)
        case .check(let check): max(check.modifyIndex, check.createIndex)
        case .token(let token): token.modifyIndex
        }
    }
}

/// A znode with its data.
public struct ZnodeItem: Equatable, Sendable {
    public var path: ByteString
    public var stat: Stat
    public var isContainer: Bool
    public var acl: [ACLEntry]
    /// nil is ZooKeeper's null, not an empty buffer.
    public var data: [UInt8]?

    public init(
        path: ByteString,
        stat: Stat,
        isContainer: Bool,
        acl: [ACLEntry],
        data: [UInt8]?
    ) {
        self.path = path
        self.stat = stat
        self.isContainer = isContainer
        self.acl = acl
        self.data = data
    }
}

extension ByteString {
    static func + (left: ByteString, right: ByteString) -> ByteString {
        ByteString(left.bytes + right.bytes)
    }
}

// MARK: - Walking

extension StateView {
    /// Gives the things of one kind, in the order of their records, while `body` says so. Of
    /// znodes and keys those whose names `wants` refuses are not read.
    public func forEachItem(
        _ kind: StateItem.Kind,
        where wants: (RawSpan) -> Bool = { _ in true },
        _ body: (StateItem) -> Bool
    ) throws(StateError) {
        let (table, prefix) = place(of: kind)
        try scan(prefix.rawSpan, in: table) { key, value throws(StateError) in
            if kind == .znode || kind == .key {
                let name = try name(kind, key, value)
                guard wants(name.rawSpan) else { return true }
            }
            guard let item = try item(kind, key, value) else { return true }
            return body(item)
        }
    }

    /// Gives each znode's path and the size of its data.
    public func forEachZnodeSize(
        _ body: (_ path: RawSpan, _ dataBytes: Int) -> Void
    ) throws(StateError) {
        try scan(RawSpan(), in: tables.znodes) { key, value throws(StateError) in
            let path = try name(.znode, key, value)
            body(path.rawSpan, try Self.znodeRecord(value).dataBytes)
            return true
        }
    }

    /// The pages of each table.
    public func tableStatistics() throws(StateError) -> [(name: String, pages: TableStatistics)] {
        var found: [(name: String, pages: TableStatistics)] = []
        do throws(LMDBError) {
            for (name, table) in tables.all {
                found.append((name: name, pages: try reader.statistics(of: table)))
            }
        } catch { throw .storage(error) }
        return found
    }

    public func znodeItem(_ path: RawSpan) throws(StateError) -> ZnodeItem? {
        guard path.byteCount > 0, path[byte: 0] == NameKey.slashByte,
            let znode = try znode(path)
        else { return nil }
        return try znodeItem(path.copiedBytes(), znode.record, znode.span)
    }

    public func keyItem(_ key: RawSpan) throws(StateError) -> KeyRecord? {
        guard let entry = try self.key(key) else { return nil }
        return try record(of: entry)
    }

    private func place(of kind: StateItem.Kind) -> (Table, prefix: [UInt8]) {
        switch kind {
        case .znode: (tables.znodes, [])
        case .key: (tables.keys, [])
        case .zooKeeperSession: (tables.sessions, [])
        case .consulSession: (tables.leases, [CatalogKey.session])
        case .node: (tables.catalog, [CatalogKey.node])
        case .service: (tables.catalog, [CatalogKey.service])
        case .check: (tables.catalog, [CatalogKey.check])
        case .member: (tables.meta, MemberRecord.tag)
        case .token: (tables.meta, TokenKey.tag)
        }
    }

    /// The whole name of a znode's or key's record.
    func name(
        _ kind: StateItem.Kind,
        _ key: RawSpan,
        _ value: RawSpan
    ) throws(StateError) -> [UInt8] {
        guard NameKey.isShortened(key: key) else {
            var name = key.copiedBytes()
            if kind == .znode, let slash = key.lastOffset(of: 0) {
                name[slash] = NameKey.slashByte
            }
            return name
        }
        if kind == .znode { return try shortenedPath(value) }
        let row = try Self.keyRow(value)
        return try bytes(of: row.blob, in: value, 0..<row.keyBytes)
    }

    /// The thing that a record is; nil for a record that only leads to others.
    func item(
        _ kind: StateItem.Kind,
        _ key: RawSpan,
        _ value: RawSpan
    ) throws(StateError) -> StateItem? {
        switch kind {
        case .znode:
            let path = try name(kind, key, value)
            return .znode(try znodeItem(path, try Self.znodeRecord(value), value))
        case .key:
            let name = try name(kind, key, value)
            let row = try Self.keyRow(value)
            return .key(try record(of: KeyEntryView(row, value, key: name.rawSpan)))
        case .zooKeeperSession:
            guard key.byteCount == 8 else { return nil }
            return .zooKeeperSession(try Self.session(Self.sessionID(key), value))
        case .consulSession: return .consulSession(try Self.decoded(value))
        case .node: return .node(try Self.decoded(value))
        case .service: return .service(try Self.decoded(value))
        case .check: return .check(try Self.decoded(value))
        case .member: return .member(try MemberRecord(key: key, value: value))
        case .token: return .token(try TokenRecord(decoding: value))
        }
    }

    static func sessionID(_ key: RawSpan) -> SessionID {
        var id: UInt64 = 0
        for offset in 0..<8 { id = id << 8 | UInt64(key[byte: offset]) }
        return SessionID(Int64(bitPattern: id))
    }

    private func znodeItem(
        _ path: [UInt8],
        _ record: ZnodeRecord,
        _ span: RawSpan
    ) throws(StateError) -> ZnodeItem {
        let range = record.pathBytes..<record.blob.byteCount
        return ZnodeItem(
            path: ByteString(path),
            stat: record.stat,
            isContainer: record.isContainer,
            acl: try aclEntries(record.acl),
            data: record.dataIsNull ? nil : try bytes(of: record.blob, in: span, range)
        )
    }
}
