internal import Bytes
internal import Commands

/// Consul's sessions (agent/consul/state/session.go).
extension Batch {
    mutating func apply(_ command: CreateConsulSession) throws(StateError) -> ConsulOutcome {
        let session = command.session
        guard let node = try view.node(session.node) else { return .failed(.missingNode) }
        let checks = Self.checks(of: session)
        for id in checks {
            guard let check = try view.check(node: session.node, id: id) else {
                return .failed(.missingCheck(id))
            }
            if check.definition.status == .critical { return .failed(.criticalCheck(id)) }
        }
        let record = SessionRecord(
            definition: session,
            createIndex: entry.index,
            modifyIndex: entry.index
        )
        try put(record, CatalogKey(CatalogKey.session, session.id), in: tables.leases)
        let id = session.id.bytes.rawSpan
        let byNode = CatalogKey(CatalogKey.node, session.node, session.id)
        try put(byNode.span, id, in: tables.leases)
        for check in checks {
            let byCheck = CatalogKey(CatalogKey.check, session.node, check, session.id)
            try put(byCheck.span, id, in: tables.leases)
        }
        summary.indexes.sessions = entry.index
        changes.append(.consulSession(id: session.id, node: node.definition.name))
        return .sessionCreated
    }

    mutating func apply(_ command: DestroyConsulSession) throws(StateError) -> ConsulOutcome {
        if command.expired && command.term != entry.term { return .expiryOutdated }
        if let session = try view.consulSession(command.id) { try endSession(session) }
        return .sessionDestroyed
    }

    private static func checks(of session: SessionDefinition) -> [ByteString] {
        (session.nodeChecks ?? []) + (session.serviceChecks ?? []).map(\.id)
    }

    /// Ends a session: its keys are released or deleted, and cannot be locked for its lock-delay.
    mutating func endSession(_ session: SessionRecord) throws(StateError) {
        let definition = session.definition
        guard try view.consulSession(definition.id) != nil else { return }
        let key = CatalogKey(CatalogKey.session, definition.id)
        try delete(key.span, in: tables.leases)
        let byNode = CatalogKey(CatalogKey.node, definition.node, definition.id)
        try delete(byNode.span, in: tables.leases)
        for check in Self.checks(of: definition) {
            let byCheck = CatalogKey(CatalogKey.check, definition.node, check, definition.id)
            try delete(byCheck.span, in: tables.leases)
        }
        for held in try heldKeys(definition.id) {
            try letGo(held, definition)
        }
        summary.indexes.sessions = entry.index
        changes.append(.consulSession(id: definition.id, node: definition.node))
    }

    private func heldKeys(_ session: ByteString) throws(StateError) -> [ByteString] {
        var keys: [ByteString] = []
        var prefix = KeyBuffer()
        prefix.append(session.bytes.rawSpan)
        prefix.append(0)
        try view.scan(prefix.span, in: tables.held) { _, key throws(StateError) in
            keys.append(ByteString(copying: key))
            return true
        }
        return keys
    }

    private mutating func letGo(
        _ key: ByteString,
        _ session: SessionDefinition
    ) throws(StateError) {
        switch session.behavior {
        case .delete: try deleteKey(key.bytes.rawSpan)
        case .release: try release(key.bytes.rawSpan)
        }
        try delay(key, nanoseconds: session.lockDelayNanoseconds)
    }

    /// Takes the holder off a key; value, flags and LockIndex stay.
    private mutating func release(_ key: RawSpan) throws(StateError) {
        guard let record = try ownedRecord(key) else {
            throw .damaged(table: "held", detail: "a held key is not there")
        }
        let value = record.value.rawSpan
        var stored = KeyBuffer()
        NameKey.append(key, to: &stored)
        let old = try previous(stored.span, value)
        try store(
            key,
            stored.span,
            value,
            record.flags,
            old,
            holder: "",
            lockIndex: record.lockIndex
        )
    }

    private func ownedRecord(_ key: RawSpan) throws(StateError) -> KeyRecord? {
        let view = self.view
        guard let entry = try view.key(key) else { return nil }
        return try view.record(of: entry)
    }
}
