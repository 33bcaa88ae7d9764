internal import Bytes
internal import Commands
internal import LMDB

/// Something in a state that does not fit the rest of it.
public struct StateFlaw: Equatable, Sendable {
    public var table: String
    public var text: String

    init(_ table: String, _ text: String) {
        self.table = table
        self.text = text
    }
}

/// Checks that the records of a state refer to each other: parents and counts of children,
/// ephemeral znodes and their sessions, held keys and theirs, access lists, pieces of large
/// values, the catalog's indexes, and the counts in the summary. Memory does not grow with the
/// state.
public struct ReferenceCheck: ~Escapable {
    private let view: StateView
    private let flaw: (StateFlaw) -> Bool
    private var znodes = ZnodeCounts()
    private var pieces = 0

    private struct ZnodeCounts {
        var all = 0
        var ephemerals = 0
        var owned = 0
        var children = 0
        var bytes = 0
    }

    /// - Parameter flaw: is told of each, and says whether to go on.
    @_lifetime(copy view)
    public init(_ view: StateView, _ flaw: @escaping (StateFlaw) -> Bool) {
        self.view = view
        self.flaw = flaw
    }

    @_lifetime(self: copy self)
    public mutating func run() throws(StateError) {
        do throws(StateError) {
            try checkAll()
        } catch .damaged(let table, let detail) {
            // What cannot be read hides what follows it.
            _ = flaw(StateFlaw(table, detail))
        }
    }

    @_lifetime(self: copy self)
    private mutating func checkAll() throws(StateError) {
        guard try checkZnodes(), try checkOwners(), try checkKeys(), try checkHolders(),
            try checkCatalog(), try checkLeases(), try checkTokens()
        else { return }
        try checkCounts()
    }

    // MARK: Znodes

    @_lifetime(self: copy self)
    private mutating func checkZnodes() throws(StateError) -> Bool {
        let view = self.view
        var cursor = try view.cursor(in: view.tables.znodes)
        var isPlaced = try StateView.seek(&cursor, atOrAfter: RawSpan())
        while isPlaced {
            let record = try StateView.znodeRecord(cursor.value)
            let path = try view.name(.znode, cursor.key, cursor.value)
            guard try check(path, record) else { return false }
            isPlaced = try StateView.next(&cursor)
        }
        return true
    }

    @_lifetime(self: copy self)
    private mutating func check(_ path: [UInt8], _ record: ZnodeRecord) throws(StateError) -> Bool {
        znodes.all += 1
        znodes.bytes += path.count + record.dataBytes
        if case .pieces(_, let count) = record.blob { pieces += BlobPlace.pieceCount(count) }
        if record.owner != 0 { znodes.owned += 1 }
        if record.isEphemeral { znodes.ephemerals += 1 }
        var children = 0
        if record.childCount > 0 || record.cversion > 0 {
            try view.forEachChild(of: path.rawSpan) { _ in children += 1 }
        }
        znodes.children += children
        let name = ByteString(path)
        if children != Int(record.childCount) {
            let text = "\(name) has \(children) children and says \(record.childCount)"
            guard flaw(StateFlaw("znodes", text)) else { return false }
        }
        if path.count > 1, try !hasParent(path) {
            guard flaw(StateFlaw("znodes", "\(name) has no parent")) else { return false }
        }
        return try checkOwner(name, record)
    }

    private func hasParent(_ path: [UInt8]) throws(StateError) -> Bool {
        let slash = path.lastIndex(of: NameKey.slashByte) ?? 0
        let parent = Array(path.prefix(max(1, slash)))
        return try view.znode(parent.rawSpan) != nil
    }

    private func checkOwner(_ name: ByteString, _ record: ZnodeRecord) throws(StateError) -> Bool {
        if record.acl != .open, try !isListed(record.acl) {
            let text = "\(name): access list \(record.acl.value) is not there"
            guard flaw(StateFlaw("znodes", text)) else { return false }
        }
        if record.isEphemeral, try view.zooKeeperSession(SessionID(record.owner)) == nil {
            let text = "\(name) is owned by session \(SessionID(record.owner)), which is not there"
            guard flaw(StateFlaw("znodes", text)) else { return false }
        }
        guard record.owner != 0 else { return true }
        var key = KeyBuffer()
        key.append(integer: UInt64(bitPattern: record.owner))
        NameKey.append(name.bytes.rawSpan, to: &key)
        guard try view.get(key.span, in: view.tables.ephemerals) == nil else { return true }
        return flaw(StateFlaw("ephemerals", "\(name) is missing in its owner's list"))
    }

    private func isListed(_ acl: ACLID) throws(StateError) -> Bool {
        var key = KeyBuffer()
        StateView.appendKey(of: acl, to: &key)
        return try view.get(key.span, in: view.tables.acls) != nil
    }

    /// Each row by owner leads to a znode of that owner; with the counts, nothing is listed twice.
    private func checkOwners() throws(StateError) -> Bool {
        var goesOn = true
        let view = self.view
        try view.scan(RawSpan(), in: view.tables.ephemerals) { key, value throws(StateError) in
            guard key.byteCount > 8 else { return true }
            let isShortened = NameKey.isShortened(key: key)
            let path = isShortened ? value : key.extracting(8..<key.byteCount)
            let owner = StateView.sessionID(key)
            if let znode = try view.znode(path), znode.record.owner == owner.value { return true }
            let text = "\(owner) is said to own \(ByteString(copying: path)), and does not"
            goesOn = flaw(StateFlaw("ephemerals", text))
            return goesOn
        }
        return goesOn
    }

    // MARK: Keys

    @_lifetime(self: copy self)
    private mutating func checkKeys() throws(StateError) -> Bool {
        var goesOn = true
        var pieces = 0
        let view = self.view
        let flaw = self.flaw
        try view.scan(RawSpan(), in: view.tables.keys) { key, value throws(StateError) in
            let row = try StateView.keyRow(value)
            if case .pieces(_, let count) = row.blob { pieces += BlobPlace.pieceCount(count) }
            guard !row.session.isEmpty else { return true }
            let holder = ByteString(copying: value.extracting(row.session))
            let name = try view.name(.key, key, value)
            var held = KeyBuffer()
            held.append(holder.bytes.rawSpan)
            held.append(0)
            NameKey.append(name.rawSpan, to: &held)
            if try view.consulSession(holder) == nil {
                let text = "\(ByteString(name)) is held by \(holder), which is not there"
                goesOn = flaw(StateFlaw("keys", text))
            } else if try view.get(held.span, in: view.tables.held) == nil {
                let text = "\(ByteString(name)) is missing in its holder's list"
                goesOn = flaw(StateFlaw("held", text))
            }
            return goesOn
        }
        self.pieces += pieces
        return goesOn
    }

    private func checkHolders() throws(StateError) -> Bool {
        var goesOn = true
        let view = self.view
        try view.scan(RawSpan(), in: view.tables.held) { row, name throws(StateError) in
            let end = row.firstOffset(of: 0) ?? 0
            let holder = row.extracting(0..<end)
            if let entry = try view.key(name), entry.session.hasSameBytes(as: holder) {
                return true
            }
            let text =
                "\(ByteString(copying: holder)) is said to hold \(ByteString(copying: name)), "
                + "and does not"
            goesOn = flaw(StateFlaw("held", text))
            return goesOn
        }
        return goesOn
    }

    // MARK: Catalog

    private func checkCatalog() throws(StateError) -> Bool {
        for service in try view.allServices() where try view.node(service.node) == nil {
            let text = "service \(service.definition.id): node \(service.node) is not there"
            guard flaw(StateFlaw("catalog", text)) else { return false }
        }
        for check in try view.allChecks() {
            let named = check.definition
            var missing: String?
            if try view.node(named.node) == nil {
                missing = "node \(named.node)"
            } else if !named.serviceID.bytes.isEmpty,
                try view.service(node: named.node, id: named.serviceID) == nil
            {
                missing = "service \(named.serviceID)"
            }
            guard let missing else { continue }
            let text = "check \(named.id) of \(named.node): \(missing) is not there"
            guard flaw(StateFlaw("catalog", text)) else { return false }
        }
        return try checkCatalogIndexes()
    }

    /// Each row by service's name leads to a row, and there are as many.
    private func checkCatalogIndexes() throws(StateError) -> Bool {
        let pairs = [
            (CatalogKey.serviceName, CatalogKey.service, "services", false),
            (CatalogKey.checkService, CatalogKey.check, "checks", true),
        ]
        for (index, rows, name, isPartial) in pairs {
            let listed = try count([index], in: view.tables.catalog)
            var all = try count([rows], in: view.tables.catalog)
            if isPartial {
                all = try view.allChecks().filter { !$0.definition.serviceID.bytes.isEmpty }.count
            }
            guard listed != all else { continue }
            let text = "\(all) \(name), \(listed) of them listed by service"
            guard flaw(StateFlaw("catalog", text)) else { return false }
        }
        return true
    }

    private func checkLeases() throws(StateError) -> Bool {
        for session in try view.consulSessions() {
            let node = session.definition.node
            guard try view.node(node) == nil else { continue }
            let text = "session \(session.definition.id): node \(node) is not there"
            guard flaw(StateFlaw("leases", text)) else { return false }
        }
        return true
    }

    private func checkTokens() throws(StateError) -> Bool {
        let tokens = try view.tokens
        for token in tokens {
            let accessor = token.definition.accessor
            guard try view.tokenHolder(of: token.definition.secret) != accessor else { continue }
            let text = "token \(accessor) is not found by its secret"
            guard flaw(StateFlaw("meta", text)) else { return false }
        }
        let secrets = try count(TokenKey.secretTag, in: view.tables.meta)
        let wanted = try view.tokenTable.count
        guard secrets != tokens.count || UInt64(tokens.count) != wanted else { return true }
        let text = "\(tokens.count) tokens, \(secrets) secrets, \(wanted) expected"
        return flaw(StateFlaw("meta", text))
    }

    // MARK: Counts

    private func count(_ prefix: [UInt8], in table: Table) throws(StateError) -> Int {
        var count = 0
        try view.scan(prefix.rawSpan, in: table) { _, _ in
            count += 1
            return true
        }
        return count
    }

    private func checkCounts() throws(StateError) {
        let summary = try view.summary
        let tables = view.tables
        let lists = [UInt8(ascii: "i")]
        let pairs: [(String, String, Int, UInt64)] = [
            ("znodes", "znodes", znodes.all, summary.znodeCount),
            ("znodes", "bytes of znodes", znodes.bytes, summary.znodeBytes),
            ("znodes", "ephemeral znodes", znodes.ephemerals, summary.ephemeralCount),
            ("znodes", "znodes below others", znodes.children, UInt64(max(0, znodes.all - 1))),
            (
                "ephemerals", "owned znodes", try count([], in: tables.ephemerals),
                UInt64(znodes.owned)
            ),
            ("keys", "keys", try count([], in: tables.keys), summary.keyCount),
            ("acls", "access lists", try count(lists, in: tables.acls), summary.aclCount),
            (
                "sessions", "ZooKeeper sessions", try count([], in: tables.sessions),
                summary.zooKeeperSessionCount
            ),
            ("blobs", "pieces of values", try count([], in: tables.blobs), UInt64(pieces)),
        ]
        for (table, what, found, wanted) in pairs where UInt64(found) != wanted {
            guard flaw(StateFlaw(table, "\(found) \(what), \(wanted) expected")) else { return }
        }
    }
}
