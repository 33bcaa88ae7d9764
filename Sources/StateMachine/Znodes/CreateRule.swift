internal import Bytes
internal import Commands

/// create, create2, createContainer and createTTL.
extension Batch {
    /// What a CreateMode of the wire asks for.
    private struct Mode {
        var isSequential: Bool
        var owner: Int64
    }

    mutating func create(
        _ operation: borrowing CreateView,
        _ identities: RawSpan
    ) throws(StateError) -> ZnodeOutcome {
        let mode: Mode
        switch createMode(operation.flags, operation.request) {
        case .success(let found): mode = found
        case .failure(let error): return .failed(error)
        }
        if let error = try sessionError() { return .failed(error) }
        let requested = operation.path
        guard let slash = requested.lastOffset(of: NameKey.slashByte),
            requested.firstOffset(of: 0) == nil
        else { return .failed(.badArguments) }
        guard let list = try interned(operation.acl, identities) else {
            return .failed(.invalidACL)
        }
        var parentKey = KeyBuffer()
        appendKey(parent(of: requested, slash), to: &parentKey)
        guard let parent = try znodeRecord(parentKey.span) else { return .failed(.noNode) }
        guard try allows(.create, parent.acl, identities) else { return .failed(.noAuth) }

        let path = Self.path(requested, sequence: mode.isSequential ? parent.cversion : nil)
        guard PathRule.isValid(path.rawSpan) else { return .failed(.badArguments) }
        var key = KeyBuffer()
        appendKey(path.rawSpan, to: &key)
        if try view.get(key.span, in: tables.znodes) != nil { return .failed(.nodeExists) }
        if parent.isEphemeral { return .failed(.noChildrenForEphemerals) }
        let data = operation.data
        let record = try insert(
            path.rawSpan,
            data: data,
            acl: list,
            owner: mode.owner,
            key: key.span
        )
        try count(child: parent, key: parentKey.span)
        let name = ByteString(path)
        changes.append(
            .znode(ZnodeChange(kind: .created, path: name, acl: list, parentACL: parent.acl))
        )
        return .created(path: name, stat: record.stat)
    }

    /// Flags 5 and 6 need `extendedTypesEnabled`, which is off by default in the real server.
    private func createMode(
        _ flags: Int32,
        _ request: CreateRequest
    ) -> Result<Mode, ZnodeError> {
        if flags == 5 || flags == 6 { return .failure(.unimplemented) }
        guard flags >= 0, flags <= 4 else { return .failure(.badArguments) }
        if case .timeToLive(let milliseconds) = request, milliseconds >= 0 {
            return .failure(.badArguments)
        }
        var owner: Int64 = 0
        if request == .container {
            owner = ZnodeRecord.containerOwner
        } else if flags == 1 || flags == 3 {
            owner = entry.header.session.value
        }
        return .success(Mode(isSequential: flags == 2 || flags == 3, owner: owner))
    }

    /// The path, with "%010d" of the parent's count of creates.
    private static func path(_ requested: RawSpan, sequence: Int32?) -> [UInt8] {
        var path = requested.copiedBytes()
        guard let sequence else { return path }
        let digits = Array(String(sequence.magnitude).utf8)
        let width = sequence < 0 ? 9 : 10
        if sequence < 0 { path.append(UInt8(ascii: "-")) }
        path.append(contentsOf: repeatElement(48, count: max(0, width - digits.count)))
        path.append(contentsOf: digits)
        return path
    }

    private mutating func insert(
        _ path: RawSpan,
        data: RawSpan?,
        acl: ACLID,
        owner: Int64,
        key: RawSpan
    ) throws(StateError) -> ZnodeRecord {
        let value = Self.orEmpty(data)
        var record = ZnodeRecord(
            createdAt: entry.index,
            timeMilliseconds: entry.timeMilliseconds,
            owner: owner,
            acl: acl,
            dataIsNull: data == nil,
            pathBytes: NameKey.isShortened(path.byteCount) ? path.byteCount : 0,
            blob: .inline(start: 0, byteCount: 0)
        )
        try write(&record, path: path, data: value, key: key)
        if owner != 0 { try noteOwned(path, by: owner) }
        summary.znodeCount &+= 1
        summary.znodeBytes &+= UInt64(path.byteCount + value.byteCount)
        if record.isEphemeral { summary.ephemeralCount &+= 1 }
        return record
    }

    private mutating func noteOwned(_ path: RawSpan, by owner: Int64) throws(StateError) {
        var owned = KeyBuffer()
        owned.append(integer: UInt64(bitPattern: owner))
        NameKey.append(path, to: &owned)
        let isShortened = NameKey.isShortened(key: owned.span)
        try put(owned.span, isShortened ? path : RawSpan(), in: tables.ephemerals)
    }

    private mutating func count(child parent: ZnodeRecord, key: RawSpan) throws(StateError) {
        var parent = parent
        parent.childCount &+= 1
        parent.cversion &+= 1
        parent.pzxid = entry.index
        try rewrite(parent, key: key)
    }
}

// MARK: - What is there from the start

extension Batch {
    /// The root, /zookeeper, /zookeeper/quota and /zookeeper/config, with the real server's stats:
    /// none of them counts as a create of its parent.
    mutating func writeFirstZnodes() throws(StateError) {
        let worldReads = ACLCodec.encode([ACLEntry(permissions: .read, identity: .anyone)])
        let readOnly = try intern(worldReads.rawSpan, worldReads: true)
        try writeFirst("/", children: 1, acl: .open, aversion: 0)
        try writeFirst("/zookeeper", children: 2, acl: .open, aversion: 0)
        try writeFirst("/zookeeper/quota", children: 0, acl: .open, aversion: 0)
        try writeFirst("/zookeeper/config", children: 0, acl: readOnly, aversion: -1)
    }

    private mutating func writeFirst(
        _ name: ByteString,
        children: UInt32,
        acl: ACLID,
        aversion: Int32
    ) throws(StateError) {
        var record = ZnodeRecord(
            createdAt: 0,
            timeMilliseconds: 0,
            owner: 0,
            acl: acl,
            dataIsNull: false,
            pathBytes: 0,
            blob: .inline(start: 0, byteCount: 0)
        )
        record.childCount = children
        record.aversion = aversion
        var key = KeyBuffer()
        let path = name.bytes.rawSpan
        appendKey(path, to: &key)
        try write(&record, path: path, data: RawSpan(), key: key.span)
        summary.znodeCount &+= 1
        summary.znodeBytes &+= UInt64(path.byteCount)
    }
}
