internal import Bytes
internal import Commands
internal import Crypto

/// How the rules read and write znodes, blobs and ACL lists.
extension Batch {
    mutating func appendKey(_ path: RawSpan, to key: inout KeyBuffer) {
        if !NameKey.isShortened(path.byteCount) {
            return NameKey.append(plainPath: path, to: &key)
        }
        var scratch = takeWriter()
        NameKey.append(path: path, to: &key, scratch: &scratch)
        giveBack(scratch)
    }

    /// The path before the last slash; the root for "/x" and for "/".
    @_lifetime(copy path)
    func parent(of path: RawSpan, _ slash: Int) -> RawSpan {
        path.extracting(first: slash == 0 ? 1 : slash)
    }

    @_lifetime(copy data)
    static func orEmpty(_ data: RawSpan?) -> RawSpan {
        guard let data else { return RawSpan() }
        return data
    }

    func znodeRecord(_ key: RawSpan) throws(StateError) -> ZnodeRecord? {
        guard key.byteCount > 0, let span = try view.get(key, in: tables.znodes) else {
            return nil
        }
        return try StateView.znodeRecord(span)
    }

    /// Stores a record with new data. `record.pathBytes` is set already.
    mutating func write(
        _ record: inout ZnodeRecord,
        path: RawSpan,
        data: RawSpan,
        key: RawSpan
    ) throws(StateError) {
        let name = path.extracting(first: record.pathBytes)
        record.blob = try place(name, data, keyBytes: key.byteCount)
        var writer = takeWriter()
        record.encodeFields(into: &writer)
        if case .inline = record.blob {
            writer.append(name)
            writer.append(data)
        }
        try put(key, writer.bytes.rawSpan, in: tables.znodes)
        giveBack(writer)
    }

    /// Stores a record whose data stays as it is.
    mutating func rewrite(_ record: ZnodeRecord, key: RawSpan) throws(StateError) {
        var writer = takeWriter()
        record.encodeFields(into: &writer)
        if case .inline(let start, let byteCount) = record.blob, byteCount > 0 {
            guard let old = try view.get(key, in: tables.znodes) else {
                throw .damaged(table: "znodes", detail: "a record went while it was rewritten")
            }
            writer.append(old.extracting(start..<(start + byteCount)))
        }
        try put(key, writer.bytes.rawSpan, in: tables.znodes)
        giveBack(writer)
    }

    // MARK: - Blobs

    /// Decides where name and value go, and writes the pieces if they do not fit the record.
    mutating func place(
        _ name: RawSpan,
        _ value: RawSpan,
        keyBytes: Int
    ) throws(StateError) -> BlobPlace {
        let byteCount = name.byteCount + value.byteCount
        if BlobPlace.fitsInline(byteCount: byteCount, keyBytes: keyBytes) {
            return .inline(start: 0, byteCount: byteCount)
        }
        let id = BlobID(index: entry.index, ordinal: entry.blobCount)
        entry.blobCount += 1
        if name.byteCount == 0 {
            try writePieces(id, value)
        } else {
            var whole = ByteWriter(reserving: byteCount)
            whole.append(name)
            whole.append(value)
            try writePieces(id, whole.bytes.rawSpan)
        }
        return .pieces(id, byteCount: byteCount)
    }

    private mutating func writePieces(_ id: BlobID, _ bytes: RawSpan) throws(StateError) {
        for piece in 0..<BlobPlace.pieceCount(bytes.byteCount) {
            let start = piece * BlobPlace.pieceBytes
            let end = min(start + BlobPlace.pieceBytes, bytes.byteCount)
            var key = KeyBuffer()
            id.appendKey(piece: piece, to: &key)
            // A later entry's blobs are above those of earlier ones. Put in the middle, two of
            // these halves of a page would leave every page half empty.
            try put(key.span, bytes.extracting(start..<end), in: tables.blobs, append: true)
        }
    }

    mutating func removePieces(of blob: BlobPlace) throws(StateError) {
        guard case .pieces(let id, let byteCount) = blob else { return }
        for piece in 0..<BlobPlace.pieceCount(byteCount) {
            var key = KeyBuffer()
            id.appendKey(piece: piece, to: &key)
            try delete(key.span, in: tables.blobs)
        }
    }

    // MARK: - Access

    /// Whether the entry's client may do this to a znode with this list.
    mutating func allows(
        _ wanted: Permissions,
        _ acl: ACLID,
        _ identities: RawSpan
    ) throws(StateError) -> Bool {
        if acl == .open { return true }
        let rules = try accessRules(identities)
        return rules.allow(wanted, by: try list(acl))
    }

    private mutating func list(_ acl: ACLID) throws(StateError) -> [ACLEntry] {
        if let known = caches.lists[acl.value] { return known }
        let entries = try view.aclEntries(acl)
        if caches.lists.count >= Self.cachedListsMax { caches.lists.removeAll() }
        caches.lists[acl.value] = entries
        return entries
    }

    private static var cachedListsMax: Int { 1_024 }

    private func accessRules(_ identities: RawSpan) throws(StateError) -> AccessRules {
        do throws(BytesError) {
            var reader = SpanReader(identities)
            let list = try IdentityList(from: &reader)
            return AccessRules(identities: list.identities, client: entry.header.client)
        } catch {
            throw undecodable(error)
        }
    }

    /// The number of the list that a client gave, after ZooKeeper's normalization; nil if it is
    /// not well-formed.
    mutating func interned(
        _ encoded: RawSpan,
        _ identities: RawSpan
    ) throws(StateError) -> ACLID? {
        let open = ACLCodec.open
        if encoded.hasSameBytes(as: open.rawSpan) { return .open }
        let given: [ACLEntry]
        do throws(BytesError) {
            given = try ACLCodec.decodeAll(encoded)
        } catch {
            throw undecodable(error)
        }
        guard let list = try accessRules(identities).normalized(given) else { return nil }
        if list == [.open] { return .open }
        let worldReads = list.contains {
            $0.identity == .anyone && $0.permissions.contains(.read)
        }
        return try intern(ACLCodec.encode(list).rawSpan, worldReads: worldReads)
    }

    mutating func intern(_ list: RawSpan, worldReads: Bool) throws(StateError) -> ACLID {
        var named = KeyBuffer()
        named.append(UInt8(ascii: "h"))
        for byte in SHA256.hash(data: list.copiedBytes()) { named.append(byte) }
        if let found = try view.get(named.span, in: tables.acls), found.byteCount == 4 {
            var value: UInt32 = 0
            for offset in 0..<4 { value = value << 8 | UInt32(found[byte: offset]) }
            return ACLID(value)
        }
        summary.aclCount += 1
        let number = UInt32(truncatingIfNeeded: summary.aclCount)
        let id = ACLID(worldReads ? number | ACLID.worldReadableBit : number)
        var key = KeyBuffer()
        StateView.appendKey(of: id, to: &key)
        try put(key.span, list, in: tables.acls)
        var writer = ByteWriter(reserving: 4)
        writer.integer(id.value)
        try put(named.span, writer.bytes.rawSpan, in: tables.acls)
        return id
    }
}
