internal import Bytes
internal import Commands

/// Services of the catalog (ensureServiceTxn, deleteServiceTxn).
extension Batch {
    /// Writes the service if it differs from what is there. The node must be.
    mutating func ensureService(
        _ service: ServiceDefinition,
        node: ByteString
    ) throws(StateError) -> ConsulError? {
        guard let owner = try view.node(node) else { return .missingNode }
        let name = owner.definition.name
        let old = try view.service(node: name, id: service.id)
        var record = ServiceRecord(
            node: name,
            definition: service,
            createIndex: old?.createIndex ?? entry.index,
            modifyIndex: old?.modifyIndex ?? entry.index
        )
        if let old, old == record { return nil }
        record.modifyIndex = entry.index
        if let old, !old.definition.name.equalsIgnoringCase(service.name) {
            try removeInstance(old)
        }
        try put(record, CatalogKey(CatalogKey.service, name, service.id), in: tables.catalog)
        let instance = CatalogKey(CatalogKey.serviceName, service.name, name, service.id)
        try put(instance.span, RawSpan(), in: tables.catalog)
        summary.indexes.services = entry.index
        try touchService(service.name)
        try touchNode(name)
        changes.append(.service(name: service.name, node: name))
        return nil
    }

    /// Removes a service and its checks.
    mutating func removeService(node: ByteString, id: ByteString) throws(StateError) {
        guard let service = try view.service(node: node, id: id) else { return }
        for check in try view.checks(node: node)
        where check.definition.serviceID.equalsIgnoringCase(id) {
            try removeCheck(node: node, id: check.definition.id)
        }
        let key = CatalogKey(CatalogKey.service, node, id)
        try delete(key.span, in: tables.catalog)
        try removeInstance(service)
        summary.indexes.services = entry.index
        try touchNode(node)
    }

    /// Takes an instance from its service's list. When it was the last one, the service's own
    /// index goes and the index of extinctions takes its place.
    private mutating func removeInstance(_ service: ServiceRecord) throws(StateError) {
        let name = service.definition.name
        let instance = CatalogKey(
            CatalogKey.serviceName,
            name,
            service.node,
            service.definition.id
        )
        try delete(instance.span, in: tables.catalog)
        if try hasInstances(name) {
            try touchService(name)
        } else {
            let index = CatalogKey(CatalogKey.serviceIndex, name)
            try delete(index.span, in: tables.catalog)
            summary.indexes.serviceExtinction = entry.index
        }
        changes.append(.service(name: name, node: service.node))
    }

    private func hasInstances(_ name: ByteString) throws(StateError) -> Bool {
        let prefix = CatalogKey(CatalogKey.serviceName, name)
        var found = false
        try view.scan(prefix.span, in: tables.catalog) { _, _ throws(StateError) in
            found = true
            return false
        }
        return found
    }
}
