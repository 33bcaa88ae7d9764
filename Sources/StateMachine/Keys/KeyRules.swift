internal import Bytes
internal import Commands

/// Consul's rules for writes to the KV store (agent/consul/state/kvs.go).
extension Batch {
    /// An entry as it was, with what the rules ask of it.
    struct PreviousKey {
        var row: KeyRow
        var holder: ByteString
        /// Whether its value is the one that is to be written.
        var hasSameValue: Bool
    }

    mutating func keyWrite(
        _ verb: KeyVerb,
        _ operation: borrowing KeyView
    ) throws(StateError) -> ConsulOutcome {
        let session = operation.session
        switch verb {
        case .set:
            try set(operation.key, operation.value, operation.flags)
            return .key(true)
        case .setIfUnchanged:
            let index = operation.index
            return .key(
                try set(operation.key, operation.value, operation.flags, ifUnchangedSince: index)
            )
        case .lock:
            return try lock(
                operation.key,
                operation.value,
                operation.flags,
                ByteString(copying: session)
            )
        case .unlock:
            return try unlock(
                operation.key,
                operation.value,
                operation.flags,
                ByteString(copying: session)
            )
        case .delete:
            try deleteKey(operation.key)
            return .key(true)
        case .deleteIfUnchanged:
            return .key(try deleteKey(operation.key, ifUnchangedSince: operation.index))
        case .deleteTree:
            try deleteTree(operation.key)
            return .key(true)
        }
    }

    /// A plain set keeps the holder of the key; LockIndex begins anew, as in the real server.
    @discardableResult
    mutating func set(
        _ key: RawSpan,
        _ value: RawSpan,
        _ flags: UInt64,
        ifUnchangedSince index: UInt64? = nil
    ) throws(StateError) -> Bool {
        guard key.byteCount > 0 else { return false }
        var stored = KeyBuffer()
        NameKey.append(key, to: &stored)
        let old = try previous(stored.span, value)
        if let index, index != old?.row.modifyIndex ?? 0 { return false }
        let holder = old?.holder ?? ""
        try store(key, stored.span, value, flags, old, holder: holder, lockIndex: 0)
        return true
    }

    mutating func lock(
        _ key: RawSpan,
        _ value: RawSpan,
        _ flags: UInt64,
        _ session: ByteString
    ) throws(StateError) -> ConsulOutcome {
        var stored = KeyBuffer()
        NameKey.append(key, to: &stored)
        // Before the session, in Consul's own order.
        if key.byteCount > 0, try isDelayed(stored.span) { return .key(false) }
        if session.bytes.isEmpty { return .failed(.missingSession) }
        guard try view.consulSession(session) != nil else {
            return .failed(.invalidSession(session))
        }
        guard key.byteCount > 0 else { return .key(false) }
        let old = try previous(stored.span, value)
        let isHeldAlready = old?.holder == session
        if let old, !isHeldAlready, !old.holder.bytes.isEmpty { return .key(false) }
        let lockIndex = (old?.row.lockIndex ?? 0) &+ (isHeldAlready ? 0 : 1)
        try store(key, stored.span, value, flags, old, holder: session, lockIndex: lockIndex)
        return .key(true)
    }

    mutating func unlock(
        _ key: RawSpan,
        _ value: RawSpan,
        _ flags: UInt64,
        _ session: ByteString
    ) throws(StateError) -> ConsulOutcome {
        if session.bytes.isEmpty { return .failed(.missingSession) }
        guard key.byteCount > 0 else { return .key(false) }
        var stored = KeyBuffer()
        NameKey.append(key, to: &stored)
        guard let old = try previous(stored.span, value), old.holder == session else {
            return .key(false)
        }
        try store(
            key,
            stored.span,
            value,
            flags,
            old,
            holder: "",
            lockIndex: old.row.lockIndex
        )
        return .key(true)
    }

    // MARK: - Storing

    func previous(
        _ stored: RawSpan,
        _ value: RawSpan
    ) throws(StateError) -> PreviousKey? {
        guard let span = try view.get(stored, in: tables.keys) else { return nil }
        let row = try StateView.keyRow(span)
        var isSame = row.valueBytes == value.byteCount
        if isSame, case .inline(let start, let byteCount) = row.blob {
            isSame = value.hasSameBytes(
                as: span.extracting((start + row.keyBytes)..<(start + byteCount))
            )
        } else if isSame {
            isSame = try hasPieces(row, span, equalTo: value)
        }
        let holder =
            row.session.isEmpty ? "" : ByteString(copying: span.extracting(row.session))
        return PreviousKey(row: row, holder: holder, hasSameValue: isSame)
    }

    private func hasPieces(
        _ row: KeyRow,
        _ span: RawSpan,
        equalTo value: RawSpan
    ) throws(StateError) -> Bool {
        var offset = 0
        var isSame = true
        try view.forEachPiece(of: row.blob, in: span, from: row.keyBytes) {
            piece throws(StateError) in
            let end = offset + piece.byteCount
            isSame = isSame && piece.hasSameBytes(as: value.extracting(offset..<end))
            offset = end
        }
        return isSame
    }

    /// Writes the entry, unless it is as it was: then nothing changes and nobody is woken.
    mutating func store(
        _ key: RawSpan,
        _ stored: RawSpan,
        _ value: RawSpan,
        _ flags: UInt64,
        _ old: PreviousKey?,
        holder: ByteString,
        lockIndex: UInt64
    ) throws(StateError) {
        if let old, old.hasSameValue, old.row.flags == flags, old.holder == holder,
            old.row.lockIndex == lockIndex
        {
            return
        }
        if let old { try removePieces(of: old.row.blob) }
        let name = key.extracting(
            first: NameKey.isShortened(key.byteCount) ? key.byteCount : 0
        )
        let row = KeyRow(
            createIndex: old?.row.createIndex ?? entry.index,
            modifyIndex: entry.index,
            lockIndex: lockIndex,
            flags: flags,
            keyBytes: name.byteCount,
            blob: try place(
                name,
                value,
                keyBytes: stored.byteCount + holder.bytes.count
            )
        )
        var writer = takeWriter()
        row.encodeFields(holder: holder.bytes.rawSpan, into: &writer)
        if case .inline = row.blob {
            writer.append(name)
            writer.append(value)
        }
        try put(stored, writer.bytes.rawSpan, in: tables.keys)
        giveBack(writer)
        try noteHolder(key, from: old?.holder ?? "", to: holder)
        if old == nil { summary.keyCount &+= 1 }
        summary.indexes.keys = entry.index
        changes.append(.key(ByteString(copying: key)))
    }

    private mutating func noteHolder(
        _ key: RawSpan,
        from old: ByteString,
        to new: ByteString
    ) throws(StateError) {
        if old == new { return }
        if !old.bytes.isEmpty {
            let held = Self.heldKey(old, key)
            try delete(held.span, in: tables.held)
        }
        if !new.bytes.isEmpty {
            let held = Self.heldKey(new, key)
            try put(held.span, key, in: tables.held)
        }
    }

    private static func heldKey(_ session: ByteString, _ key: RawSpan) -> KeyBuffer {
        var buffer = KeyBuffer()
        buffer.append(session.bytes.rawSpan)
        buffer.append(0)
        NameKey.append(key, to: &buffer)
        return buffer
    }

    // MARK: - Deleting

    /// Deleting what is not there succeeds; with an index, only when nothing was asked to be there.
    @discardableResult
    mutating func deleteKey(
        _ key: RawSpan,
        ifUnchangedSince index: UInt64? = nil
    ) throws(StateError) -> Bool {
        guard key.byteCount > 0 else { return false }
        var stored = KeyBuffer()
        NameKey.append(key, to: &stored)
        guard let old = try previous(stored.span, RawSpan()) else { return true }
        if let index, index != old.row.modifyIndex { return false }
        try erase(key, stored.span, old)
        try bury(key)
        summary.indexes.tombstones = entry.index
        changes.append(.key(ByteString(copying: key)))
        return true
    }

    /// One tombstone stands for the whole tree; none for the tree of all keys, whose index is the
    /// table's.
    mutating func deleteTree(_ prefix: RawSpan) throws(StateError) {
        var erased = false
        while true {
            var keys: [[UInt8]] = []
            try view.forEachKey(prefix: prefix) { entry throws(StateError) in
                keys.append(entry.key.copiedBytes())
                return keys.count < Self.keysAtOnce ? .next : .stop
            }
            if keys.isEmpty { break }
            erased = true
            for key in keys {
                var stored = KeyBuffer()
                NameKey.append(key.rawSpan, to: &stored)
                guard let old = try previous(stored.span, RawSpan()) else { continue }
                try erase(key.rawSpan, stored.span, old)
            }
        }
        guard erased else { return }
        if prefix.byteCount > 0 {
            try bury(prefix)
            summary.indexes.tombstones = entry.index
        }
        changes.append(.keyTree(prefix: ByteString(copying: prefix)))
    }

    private static var keysAtOnce: Int { 1_000 }

    private mutating func erase(
        _ key: RawSpan,
        _ stored: RawSpan,
        _ old: PreviousKey
    ) throws(StateError) {
        try removePieces(of: old.row.blob)
        try delete(stored, in: tables.keys)
        try noteHolder(key, from: old.holder, to: "")
        summary.keyCount &-= 1
        summary.indexes.keys = entry.index
    }
}
