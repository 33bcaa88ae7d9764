internal import Bytes
internal import Commands
internal import LMDB

/// How the catalog's rules write rows and indexes.
extension Batch {
    mutating func put(
        _ row: some CatalogRow,
        _ key: borrowing CatalogKey,
        in table: Table
    ) throws(StateError) {
        var writer = takeWriter()
        row.encode(into: &writer)
        try put(key.span, writer.bytes.rawSpan, in: table)
        giveBack(writer)
    }

    private mutating func putIndex(_ key: borrowing CatalogKey) throws(StateError) {
        var writer = takeWriter()
        writer.varint(entry.index)
        try put(key.span, writer.bytes.rawSpan, in: tables.catalog)
        giveBack(writer)
    }

    /// The node itself changed, or something on it.
    mutating func touchNode(_ name: ByteString) throws(StateError) {
        try putIndex(CatalogKey(CatalogKey.nodeIndex, name))
    }

    mutating func touchService(_ name: ByteString) throws(StateError) {
        try putIndex(CatalogKey(CatalogKey.serviceIndex, name))
    }

    /// A node or a check of it changed, which shows in every answer about its services.
    mutating func touchServices(ofNode node: ByteString) throws(StateError) {
        for service in try view.services(node: node) {
            try touchService(service.definition.name)
            changes.append(.service(name: service.definition.name, node: node))
        }
    }
}
