internal import Bytes
internal import Commands

/// The operations on znodes, with their checks in the order of PrepRequestProcessor.
extension Batch {
    mutating func setData(
        _ operation: borrowing SetDataView,
        _ identities: RawSpan
    ) throws(StateError) -> ZnodeOutcome {
        if let error = try sessionError() { return .failed(error) }
        let path = operation.path
        var key = KeyBuffer()
        appendKey(path, to: &key)
        guard var record = try znodeRecord(key.span) else { return .failed(Self.missing(path)) }
        guard try allows(.write, record.acl, identities) else { return .failed(.noAuth) }
        guard operation.version == -1 || operation.version == record.version else {
            return .failed(.badVersion)
        }
        summary.znodeBytes &-= UInt64(record.dataBytes)
        try removePieces(of: record.blob)
        record.version &+= 1
        record.mzxid = entry.index
        record.mtimeMilliseconds = entry.timeMilliseconds
        let data = operation.data
        record.dataIsNull = data == nil
        let value = Self.orEmpty(data)
        try write(&record, path: path, data: value, key: key.span)
        summary.znodeBytes &+= UInt64(value.byteCount)
        changes.append(
            .znode(
                ZnodeChange(
                    kind: .dataChanged,
                    path: ByteString(copying: path),
                    acl: record.acl,
                    parentACL: .open
                )
            )
        )
        return .stat(record.stat)
    }

    mutating func setACL(
        _ operation: borrowing SetACLView,
        _ identities: RawSpan
    ) throws(StateError) -> ZnodeOutcome {
        if let error = try sessionError() { return .failed(error) }
        let path = operation.path
        guard PathRule.isValid(path) else { return .failed(.badArguments) }
        guard let list = try interned(operation.acl, identities) else {
            return .failed(.invalidACL)
        }
        var key = KeyBuffer()
        appendKey(path, to: &key)
        guard var record = try znodeRecord(key.span) else { return .failed(.noNode) }
        guard try allows(.admin, record.acl, identities) else { return .failed(.noAuth) }
        guard operation.version == -1 || operation.version == record.aversion else {
            return .failed(.badVersion)
        }
        record.aversion &+= 1
        record.acl = list
        try rewrite(record, key: key.span)
        return .stat(record.stat)
    }

    mutating func check(
        _ operation: borrowing VersionedPathView,
        _ identities: RawSpan
    ) throws(StateError) -> ZnodeOutcome {
        if let error = try sessionError() { return .failed(error) }
        var key = KeyBuffer()
        appendKey(operation.path, to: &key)
        guard let record = try znodeRecord(key.span) else {
            return .failed(Self.missing(operation.path))
        }
        guard try allows(.read, record.acl, identities) else { return .failed(.noAuth) }
        let holds = operation.version == -1 || operation.version == record.version
        return holds ? .checked : .failed(.badVersion)
    }

    mutating func delete(
        _ operation: borrowing VersionedPathView,
        _ identities: RawSpan
    ) throws(StateError) -> ZnodeOutcome {
        if let error = try sessionError() { return .failed(error) }
        let path = operation.path
        guard let slash = path.lastOffset(of: NameKey.slashByte),
            path.firstOffset(of: 0) == nil, !PathRule.isReserved(path)
        else { return .failed(.badArguments) }
        var parentKey = KeyBuffer()
        appendKey(parent(of: path, slash), to: &parentKey)
        guard let parent = try znodeRecord(parentKey.span) else { return .failed(.noNode) }
        guard try allows(.delete, parent.acl, identities) else { return .failed(.noAuth) }
        var key = KeyBuffer()
        appendKey(path, to: &key)
        guard let record = try znodeRecord(key.span) else { return .failed(.noNode) }
        guard operation.version == -1 || operation.version == record.version else {
            return .failed(.badVersion)
        }
        if record.childCount > 0 { return .failed(.notEmpty) }
        try remove(record, ByteString(copying: path), key: key.span, parent, parentKey.span)
        return .deleted
    }

    /// The leader's wish; the container may have got a child since.
    mutating func deleteContainer(_ path: ByteString) throws(StateError) -> ZnodeOutcome {
        let bytes = path.bytes.rawSpan
        guard let slash = bytes.lastOffset(of: NameKey.slashByte), !PathRule.isReserved(bytes)
        else { return .failed(.badArguments) }
        var key = KeyBuffer()
        appendKey(bytes, to: &key)
        guard let record = try znodeRecord(key.span) else { return .failed(.noNode) }
        if record.childCount > 0 { return .failed(.notEmpty) }
        guard record.isContainer, record.cversion > 0 else { return .failed(.badVersion) }
        try remove(record, path, key: key.span, parentSlash: slash)
        return .deleted
    }

    /// An invalid path is told from a missing znode only now: it never names one.
    private static func missing(_ path: RawSpan) -> ZnodeError {
        PathRule.isValid(path) ? .noNode : .badArguments
    }
}

// MARK: - Removing

extension Batch {
    /// Removes a znode whose parent has still to be read.
    mutating func remove(
        _ record: ZnodeRecord,
        _ path: ByteString,
        key: RawSpan,
        parentSlash: Int
    ) throws(StateError) {
        var parentKey = KeyBuffer()
        appendKey(parent(of: path.bytes.rawSpan, parentSlash), to: &parentKey)
        guard let parent = try znodeRecord(parentKey.span) else {
            throw .damaged(table: "znodes", detail: "\(path) has no parent")
        }
        try remove(record, path, key: key, parent, parentKey.span)
    }

    mutating func remove(
        _ record: ZnodeRecord,
        _ path: ByteString,
        key: RawSpan,
        _ parent: ZnodeRecord,
        _ parentKey: RawSpan
    ) throws(StateError) {
        try removePieces(of: record.blob)
        try delete(key, in: tables.znodes)
        if record.owner != 0 {
            var owned = KeyBuffer()
            owned.append(integer: UInt64(bitPattern: record.owner))
            NameKey.append(path.bytes.rawSpan, to: &owned)
            try delete(owned.span, in: tables.ephemerals)
        }
        var parent = parent
        parent.childCount &-= 1
        parent.pzxid = entry.index
        try rewrite(parent, key: parentKey)
        summary.znodeCount &-= 1
        summary.znodeBytes &-= UInt64(record.dataBytes + path.bytes.count)
        if record.isEphemeral { summary.ephemeralCount &-= 1 }
        changes.append(
            .znode(
                ZnodeChange(
                    kind: .deleted,
                    path: path,
                    acl: record.acl,
                    parentACL: parent.acl
                )
            )
        )
    }
}
