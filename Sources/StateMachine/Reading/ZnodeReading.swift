public import Bytes
public import Commands

/// A znode, read in place.
public struct ZnodeView: ~Escapable {
    let record: ZnodeRecord
    let span: RawSpan

    @_lifetime(copy span)
    init(_ record: ZnodeRecord, _ span: RawSpan) {
        self.record = record
        self.span = span
    }

    public var stat: Stat { record.stat }
    public var acl: ACLID { record.acl }
    /// The data is ZooKeeper's null, not an empty buffer.
    public var dataIsNull: Bool { record.dataIsNull }
    public var dataBytes: Int { record.dataBytes }

    /// The data where it stands in one place, which it does up to about 1,900 bytes.
    public var inlineData: RawSpan? {
        @_lifetime(copy self)
        get {
            guard case .inline(let start, let byteCount) = record.blob else { return nil }
            return span.extracting((start + record.pathBytes)..<(start + byteCount))
        }
    }
}

extension StateView {
    /// The znode at `path`, or nil. A path that begins with no slash names none, whatever its key.
    @_lifetime(copy self)
    public func znode(_ path: RawSpan) throws(StateError) -> ZnodeView? {
        guard path.byteCount > 0, path[byte: 0] == NameKey.slashByte else { return nil }
        var key = KeyBuffer()
        var scratch = ByteWriter()
        NameKey.append(path: path, to: &key, scratch: &scratch)
        return try znode(storedAt: key.span)
    }

    @_lifetime(copy self)
    func znode(storedAt key: RawSpan) throws(StateError) -> ZnodeView? {
        guard key.byteCount > 0, let span = try get(key, in: tables.znodes) else { return nil }
        return ZnodeView(try Self.znodeRecord(span), span)
    }

    static func znodeRecord(_ span: RawSpan) throws(StateError) -> ZnodeRecord {
        do throws(BytesError) {
            return try ZnodeRecord(decoding: span)
        } catch {
            throw .damaged(table: "znodes", detail: "\(error)")
        }
    }

    /// Gives the data in order, in one piece or in several.
    public func forEachDataPiece(
        of znode: borrowing ZnodeView,
        _ body: (RawSpan) -> Void
    ) throws(StateError) {
        let record = znode.record
        guard record.dataBytes > 0 else { return }
        try forEachPiece(of: record.blob, in: znode.span, from: record.pathBytes) {
            piece throws(StateError) in body(piece)
        }
    }

    /// Gives the names of the children, in bytewise order (long ones last among equals).
    public func forEachChild(
        of path: RawSpan,
        _ body: (_ name: RawSpan) -> Void
    ) throws(StateError) {
        var prefix: [UInt8] = path.byteCount == 1 ? [] : path.copiedBytes()
        prefix.append(0)
        let count = prefix.count
        let scanned = min(count, NameKey.sharedBytes)
        let shared = prefix.rawSpan.extracting(first: scanned)
        try scan(shared, in: tables.znodes) { key, value throws(StateError) in
            if NameKey.isShortened(key: key) {
                let path = try shortenedPath(value)
                if path.count > count, path[count - 1] == NameKey.slashByte,
                    path.rawSpan.hasPrefix(prefix.rawSpan.extracting(first: count - 1)),
                    path.rawSpan.firstOffset(of: NameKey.slashByte, from: count) == nil
                {
                    body(path.rawSpan.extracting(count..<path.count))
                }
            } else if key.byteCount > count {
                body(key.extracting(count..<key.byteCount))
            }
            return true
        }
    }

    /// How many znodes are below `path`.
    public func descendantCount(of path: RawSpan) throws(StateError) -> Int {
        if path.byteCount == 1 { return max(0, Int(try summary.znodeCount) - 1) }
        var total = 0
        for separator in [UInt8(0), NameKey.slashByte] {
            let below = path.copiedBytes() + [separator]
            let shared = below.rawSpan.extracting(first: min(below.count, NameKey.sharedBytes))
            try scan(shared, in: tables.znodes) { key, value throws(StateError) in
                total += try isBelow(path, separator, key, value) ? 1 : 0
                return true
            }
        }
        return total
    }

    /// Whether a record found under a shared prefix is one below `parent`; the two scans of
    /// `descendantCount` tell apart a direct child from a deeper one.
    private func isBelow(
        _ parent: RawSpan,
        _ separator: UInt8,
        _ key: RawSpan,
        _ value: RawSpan
    ) throws(StateError) -> Bool {
        guard NameKey.isShortened(key: key) else { return true }
        // Within the shared part the separator has been compared already.
        let path = try shortenedPath(value)
        guard path.count > parent.byteCount + 1, path.rawSpan.hasPrefix(parent),
            path[parent.byteCount] == NameKey.slashByte
        else { return false }
        let next = path.rawSpan.firstOffset(of: NameKey.slashByte, from: parent.byteCount + 1)
        return (next == nil) == (separator == 0)
    }

    /// The whole path of a record under a shortened key.
    func shortenedPath(_ value: RawSpan) throws(StateError) -> [UInt8] {
        let record = try Self.znodeRecord(value)
        return try bytes(of: record.blob, in: value, 0..<record.pathBytes)
    }

    /// Gives the paths of a session's ephemeral znodes that begin with `prefix`, in order.
    public func forEachEphemeral(
        of session: SessionID,
        prefix: RawSpan,
        _ body: (_ path: RawSpan) -> Void
    ) throws(StateError) {
        try forEachOwned(by: session.value) { path throws(StateError) in
            if path.hasPrefix(prefix) { body(path) }
            return true
        }
    }

    func forEachOwned(
        by owner: Int64,
        _ body: (_ path: RawSpan) throws(StateError) -> Bool
    ) throws(StateError) {
        var key = KeyBuffer()
        key.append(integer: UInt64(bitPattern: owner))
        try scan(key.span, in: tables.ephemerals) { key, value throws(StateError) in
            if NameKey.isShortened(key: key) { return try body(value) }
            return try body(key.extracting(8..<key.byteCount))
        }
    }

    /// Containers that had children and have none now: what the leader deletes.
    public func unusedContainers(countMax: Int) throws(StateError) -> [ByteString] {
        var found: [ByteString] = []
        try forEachOwned(by: ZnodeRecord.containerOwner) { path throws(StateError) in
            if let container = try znode(path), container.record.childCount == 0,
                container.record.cversion > 0
            {
                found.append(ByteString(copying: path))
            }
            return found.count < countMax
        }
        return found
    }
}

// MARK: - Sessions

extension StateView {
    public func zooKeeperSession(_ id: SessionID) throws(StateError) -> ZooKeeperSession? {
        var key = KeyBuffer()
        key.append(integer: UInt64(bitPattern: id.value))
        guard let span = try get(key.span, in: tables.sessions) else { return nil }
        return try Self.session(id, span)
    }

    /// All sessions, by id.
    public func forEachZooKeeperSession(
        _ body: (ZooKeeperSession) -> Void
    ) throws(StateError) {
        try scan(RawSpan(), in: tables.sessions) { key, value throws(StateError) in
            guard key.byteCount == 8 else { return true }
            body(try Self.session(Self.sessionID(key), value))
            return true
        }
    }

    static func session(
        _ id: SessionID,
        _ span: RawSpan
    ) throws(StateError) -> ZooKeeperSession {
        do throws(BytesError) {
            return try ZooKeeperSession(id: id, decoding: span)
        } catch {
            throw .damaged(table: "sessions", detail: "\(id): \(error)")
        }
    }
}
