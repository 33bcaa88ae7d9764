internal import Bytes
internal import Commands

/// Nodes of the catalog (agent/consul/state/catalog.go: ensureNodeTxn, deleteNodeTxn).
extension Batch {
    /// Consul's own check of a node, whose being critical lets another take the name.
    static var serfCheck: ByteString { "serfHealth" }

    /// Writes the node if it differs from what is there; a node with a known UUID is renamed.
    mutating func ensureNode(_ node: NodeDefinition) throws(StateError) -> ConsulError? {
        var old: NodeRecord?
        if !node.id.bytes.isEmpty {
            old = try view.node(id: node.id)
            let isRename = old.map { !$0.definition.name.equalsIgnoringCase(node.name) }
            if isRename ?? true {
                if let taken = try reservation(node, isNew: old == nil) { return taken }
            }
            if let old, isRename == true { try removeNode(old.definition.name) }
        }
        if old == nil { old = try view.node(node.name) }
        let existing = old
        var record = NodeRecord(
            definition: node,
            createIndex: existing?.createIndex ?? entry.index,
            modifyIndex: existing?.modifyIndex ?? entry.index
        )
        if let existing, existing == record { return nil }
        record.modifyIndex = entry.index
        if let known = existing?.definition.id, !known.bytes.isEmpty, known != node.id {
            let stale = CatalogKey(CatalogKey.nodeID, known)
            try delete(stale.span, in: tables.catalog)
        }
        try put(record, CatalogKey(CatalogKey.node, node.name), in: tables.catalog)
        if !node.id.bytes.isEmpty {
            let key = CatalogKey(CatalogKey.nodeID, node.id)
            try put(key.span, node.name.bytes.rawSpan, in: tables.catalog)
        }
        summary.indexes.nodes = entry.index
        try touchNode(node.name)
        changes.append(.node(node.name))
        try touchServices(ofNode: node.name)
        return nil
    }

    /// Whether another living node has the name: one whose agent is seen to be well. A new node may
    /// take over one without a UUID.
    private func reservation(
        _ node: NodeDefinition,
        isNew: Bool
    ) throws(StateError) -> ConsulError? {
        guard let other = try view.node(node.name), other.definition.id != node.id else {
            return nil
        }
        if other.definition.id.bytes.isEmpty && isNew { return nil }
        let serf = try view.check(node: other.definition.name, id: Self.serfCheck)
        guard let serf, serf.definition.status != .critical else { return nil }
        return .nodeNameReserved(
            name: node.name,
            id: node.id,
            byID: other.definition.id,
            byName: other.definition.name,
            byAddress: other.definition.address
        )
    }

    /// Removes a node with its services, checks and sessions.
    mutating func removeNode(_ name: ByteString) throws(StateError) {
        guard let node = try view.node(name) else { return }
        for service in try view.services(node: name) {
            try removeService(node: name, id: service.definition.id)
        }
        for check in try view.checks(node: name) {
            try removeCheck(node: name, id: check.definition.id)
        }
        for session in try view.consulSessions(node: name) { try endSession(session) }
        let key = CatalogKey(CatalogKey.node, name)
        try delete(key.span, in: tables.catalog)
        if !node.definition.id.bytes.isEmpty {
            let id = CatalogKey(CatalogKey.nodeID, node.definition.id)
            try delete(id.span, in: tables.catalog)
        }
        let index = CatalogKey(CatalogKey.nodeIndex, name)
        try delete(index.span, in: tables.catalog)
        summary.indexes.nodes = entry.index
        summary.indexes.nodeExtinction = entry.index
        changes.append(.node(node.definition.name))
    }
}
