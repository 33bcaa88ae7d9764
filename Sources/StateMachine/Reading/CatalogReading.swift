public import Bytes
public import Commands
internal import LMDB

/// Nodes, services, checks and Consul's sessions. Lists come in the order of their names.
extension StateView {
    public func node(_ name: ByteString) throws(StateError) -> NodeRecord? {
        let key = CatalogKey(CatalogKey.node, name)
        return try row(key, in: tables.catalog)
    }

    /// The node with this UUID.
    public func node(id: ByteString) throws(StateError) -> NodeRecord? {
        let key = CatalogKey(CatalogKey.nodeID, id)
        guard let name = try get(key.span, in: tables.catalog) else { return nil }
        return try node(ByteString(copying: name))
    }

    public func nodes() throws(StateError) -> [NodeRecord] {
        let key = CatalogKey(CatalogKey.node)
        return try rows(under: key, in: tables.catalog)
    }

    public func service(
        node: ByteString,
        id: ByteString
    ) throws(StateError) -> ServiceRecord? {
        let key = CatalogKey(CatalogKey.service, node, id)
        return try row(key, in: tables.catalog)
    }

    /// The services of a node.
    public func services(node: ByteString) throws(StateError) -> [ServiceRecord] {
        let key = CatalogKey(CatalogKey.service, node)
        return try rows(under: key, in: tables.catalog)
    }

    /// The instances of a service, by node and id.
    public func services(named name: ByteString) throws(StateError) -> [ServiceRecord] {
        let prefix = CatalogKey(CatalogKey.serviceName, name)
        return try referenced(under: prefix, tag: CatalogKey.service)
    }

    /// Every instance of every service, by node and id.
    public func allServices() throws(StateError) -> [ServiceRecord] {
        let key = CatalogKey(CatalogKey.service)
        return try rows(under: key, in: tables.catalog)
    }

    public func check(node: ByteString, id: ByteString) throws(StateError) -> CheckRecord? {
        let key = CatalogKey(CatalogKey.check, node, id)
        return try row(key, in: tables.catalog)
    }

    /// The checks of a node and of its services.
    public func checks(node: ByteString) throws(StateError) -> [CheckRecord] {
        let key = CatalogKey(CatalogKey.check, node)
        return try rows(under: key, in: tables.catalog)
    }

    /// The checks of a service's instances, by node and id.
    public func checks(service name: ByteString) throws(StateError) -> [CheckRecord] {
        let prefix = CatalogKey(CatalogKey.checkService, name)
        return try referenced(under: prefix, tag: CatalogKey.check)
    }

    public func allChecks() throws(StateError) -> [CheckRecord] {
        let key = CatalogKey(CatalogKey.check)
        return try rows(under: key, in: tables.catalog)
    }

    public func consulSession(_ id: ByteString) throws(StateError) -> SessionRecord? {
        if id.bytes.isEmpty { return nil }
        let key = CatalogKey(CatalogKey.session, id)
        return try row(key, in: tables.leases)
    }

    public func consulSessions() throws(StateError) -> [SessionRecord] {
        let key = CatalogKey(CatalogKey.session)
        return try rows(under: key, in: tables.leases)
    }

    public func consulSessions(node: ByteString) throws(StateError) -> [SessionRecord] {
        try sessions(under: CatalogKey(CatalogKey.node, node))
    }

    /// The sessions that end when this check of the node turns critical or goes.
    func consulSessions(
        node: ByteString,
        check: ByteString
    ) throws(StateError) -> [SessionRecord] {
        try sessions(under: CatalogKey(CatalogKey.check, node, check))
    }

    private func sessions(under prefix: consuming CatalogKey) throws(StateError) -> [SessionRecord]
    {
        var found: [SessionRecord] = []
        try scan(prefix.span, in: tables.leases) { _, value throws(StateError) in
            if let session = try consulSession(ByteString(copying: value)) { found.append(session) }
            return true
        }
        return found
    }

    // MARK: - Counts

    /// How much there is, by looking at keys only.
    public var catalogCounts: CatalogCounts {
        get throws(StateError) {
            CatalogCounts(
                nodes: try count(CatalogKey.node, in: tables.catalog),
                services: try count(CatalogKey.service, in: tables.catalog),
                checks: try count(CatalogKey.check, in: tables.catalog),
                sessions: try count(CatalogKey.session, in: tables.leases)
            )
        }
    }

    private func count(_ tag: UInt8, in table: Table) throws(StateError) -> UInt64 {
        var count: UInt64 = 0
        try scan(CatalogKey(tag).span, in: table) { _, _ throws(StateError) in
            count += 1
            return true
        }
        return count
    }

    // MARK: - Indexes

    /// Consul's index for questions about one service: that of its newest change; for one without
    /// instances, when the last instance of any service went; else that of the tables.
    /// `withChecks` is for health questions.
    public func serviceIndex(
        _ name: ByteString,
        withChecks: Bool
    ) throws(StateError) -> UInt64 {
        let key = CatalogKey(CatalogKey.serviceIndex, name)
        if let index = try storedIndex(key) { return index }
        let indexes = try summary.indexes
        if indexes.serviceExtinction > 0 { return indexes.serviceExtinction }
        let catalog = max(1, indexes.nodes, indexes.services)
        return withChecks ? max(catalog, indexes.checks) : catalog
    }

    /// The index for questions about one node: that of the newest change of it, its services and
    /// its checks; for one that is not there, when the last node went. It never goes back.
    public func nodeIndex(_ name: ByteString) throws(StateError) -> UInt64 {
        let key = CatalogKey(CatalogKey.nodeIndex, name)
        if let index = try storedIndex(key) { return index }
        let indexes = try summary.indexes
        return max(1, indexes.nodeExtinction)
    }

    private func storedIndex(_ key: borrowing CatalogKey) throws(StateError) -> UInt64? {
        guard let span = try get(key.span, in: tables.catalog) else { return nil }
        do throws(BytesError) {
            var reader = SpanReader(span)
            return try reader.varint()
        } catch {
            throw .damaged(table: "catalog", detail: "an index: \(error)")
        }
    }

    // MARK: - Rows

    func row<Row: CatalogRow>(
        _ key: borrowing CatalogKey,
        in table: Table
    ) throws(StateError) -> Row? {
        guard let span = try get(key.span, in: table) else { return nil }
        return try Self.decoded(span)
    }

    private func rows<Row: CatalogRow>(
        under prefix: borrowing CatalogKey,
        in table: Table
    ) throws(StateError) -> [Row] {
        var rows: [Row] = []
        try scan(prefix.span, in: table) { _, value throws(StateError) in
            rows.append(try Self.decoded(value))
            return true
        }
        return rows
    }

    /// Rows whose keys, without the tag, are what follows `prefix` in the keys under it.
    private func referenced<Row: CatalogRow>(
        under prefix: borrowing CatalogKey,
        tag: UInt8
    ) throws(StateError) -> [Row] {
        var rows: [Row] = []
        let prefixBytes = prefix.span.byteCount
        try scan(prefix.span, in: tables.catalog) { key, _ throws(StateError) in
            var target = CatalogKey(tag)
            target.buffer.append(key.extracting(prefixBytes..<key.byteCount))
            guard let row: Row = try row(target, in: tables.catalog) else {
                throw .damaged(table: Row.table, detail: "a row named by another is not there")
            }
            rows.append(row)
            return true
        }
        return rows
    }

    static func decoded<Row: CatalogRow>(_ span: RawSpan) throws(StateError) -> Row {
        do throws(BytesError) {
            var reader = SpanReader(span)
            return try Row(from: &reader)
        } catch {
            throw .damaged(table: Row.table, detail: "\(error)")
        }
    }
}

/// How much the catalog holds.
public struct CatalogCounts: Equatable, Sendable {
    public var nodes: UInt64
    public var services: UInt64
    public var checks: UInt64
    /// Consul's sessions.
    public var sessions: UInt64
}
