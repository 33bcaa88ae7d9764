internal import Bytes
public import Commands

/// A ZooKeeper session of the state.
///
/// ```
/// timeout milliseconds zig-zag varint, connection UInt64, password byte string
/// ```
public struct ZooKeeperSession: Equatable, Sendable {
    public var id: SessionID
    public var timeoutMilliseconds: Int32
    /// The token of the connection that it is attached to.
    public var connection: UInt64
    public var password: [UInt8]

    func encode(into writer: inout ByteWriter) {
        writer.signedVarint(Int64(timeoutMilliseconds))
        writer.integer(connection)
        writer.varBytes(password)
    }

    init(id: SessionID, timeoutMilliseconds: Int32, connection: UInt64, password: [UInt8]) {
        self.id = id
        self.timeoutMilliseconds = timeoutMilliseconds
        self.connection = connection
        self.password = password
    }

    init(id: SessionID, decoding span: RawSpan) throws(BytesError) {
        var reader = SpanReader(span)
        self.id = id
        timeoutMilliseconds = Int32(truncatingIfNeeded: try reader.signedVarint())
        connection = try reader.integer()
        let password = try reader.varBytes()
        self.password = password.copiedBytes()
    }
}

/// The rows of the catalog: CreateIndex varint, ModifyIndex varint, then the definition as in
/// commands (a service has its node before that, a check the time of its status).
protocol CatalogRow {
    static var table: String { get }

    func encode(into writer: inout ByteWriter)

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError)
}

extension NodeRecord: CatalogRow {
    static var table: String { "catalog nodes" }

    func encode(into writer: inout ByteWriter) {
        writer.varint(createIndex)
        writer.varint(modifyIndex)
        definition.encode(into: &writer)
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let create = try reader.varint()
        let modify = try reader.varint()
        self.init(
            definition: try NodeDefinition(from: &reader),
            createIndex: create,
            modifyIndex: modify
        )
    }
}

extension ServiceRecord: CatalogRow {
    static var table: String { "catalog services" }

    func encode(into writer: inout ByteWriter) {
        writer.varint(createIndex)
        writer.varint(modifyIndex)
        writer.varBytes(node.bytes)
        definition.encode(into: &writer)
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let create = try reader.varint()
        let modify = try reader.varint()
        let node = ByteString(copying: try reader.varBytes())
        self.init(
            node: node,
            definition: try ServiceDefinition(from: &reader),
            createIndex: create,
            modifyIndex: modify
        )
    }
}

extension CheckRecord: CatalogRow {
    static var table: String { "catalog checks" }

    func encode(into writer: inout ByteWriter) {
        writer.varint(createIndex)
        writer.varint(modifyIndex)
        writer.signedVarint(statusSinceMilliseconds)
        definition.encode(into: &writer)
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let create = try reader.varint()
        let modify = try reader.varint()
        let since = try reader.signedVarint()
        self.init(
            definition: try CheckDefinition(from: &reader),
            statusSinceMilliseconds: since,
            createIndex: create,
            modifyIndex: modify
        )
    }
}

extension SessionRecord: CatalogRow {
    static var table: String { "leases" }

    func encode(into writer: inout ByteWriter) {
        writer.varint(createIndex)
        writer.varint(modifyIndex)
        definition.encode(into: &writer)
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let create = try reader.varint()
        let modify = try reader.varint()
        self.init(
            definition: try SessionDefinition(from: &reader),
            createIndex: create,
            modifyIndex: modify
        )
    }
}
