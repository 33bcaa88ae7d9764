internal import Bytes

extension Register {
    public func encode(_ header: CommandHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: 512)
        header.encode(Self.kind, into: &writer)
        node.encode(into: &writer)
        writer.truth(skipNodeUpdate)
        writer.truth(service != nil)
        service?.encode(into: &writer)
        writer.varint(UInt64(checks.count))
        for check in checks { check.encode(into: &writer) }
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        node = try NodeDefinition(from: &reader)
        skipNodeUpdate = try reader.truth()
        service = try reader.truth() ? try ServiceDefinition(from: &reader) : nil
        checks = []
        for _ in 0..<(try reader.elementCount()) {
            checks.append(try CheckDefinition(from: &reader))
        }
    }
}

extension Deregister {
    public func encode(_ header: CommandHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: 128)
        header.encode(Self.kind, into: &writer)
        writer.byteString(node)
        writer.byteString(serviceID)
        writer.byteString(checkID)
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        node = try reader.byteString()
        serviceID = try reader.byteString()
        checkID = try reader.byteString()
    }
}

extension UpdateCheck {
    public func encode(_ header: CommandHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: 128 + output.bytes.count)
        header.encode(Self.kind, into: &writer)
        writer.byteString(node)
        writer.byteString(checkID)
        writer.byteString(status.text)
        writer.byteString(output)
        writer.truth(expired)
        writer.varint(term)
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        node = try reader.byteString()
        checkID = try reader.byteString()
        status = CheckStatus(try reader.byteString())
        output = try reader.byteString()
        expired = try reader.truth()
        term = try reader.varint()
    }
}

extension ReapTombstones {
    public func encode(_ header: CommandHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: 48)
        header.encode(Self.kind, into: &writer)
        writer.varint(throughIndex)
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        throughIndex = try reader.varint()
    }
}

extension CreateConsulSession {
    public func encode(_ header: CommandHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: 192)
        header.encode(Self.kind, into: &writer)
        session.encode(into: &writer)
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        session = try SessionDefinition(from: &reader)
    }
}

extension DestroyConsulSession {
    public func encode(_ header: CommandHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: 96)
        header.encode(Self.kind, into: &writer)
        writer.byteString(id)
        writer.truth(expired)
        writer.varint(term)
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        id = try reader.byteString()
        expired = try reader.truth()
        term = try reader.varint()
    }
}

extension Transaction {
    public func encode(_ header: CommandHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: 64 + 128 * operations.count)
        header.encode(Self.kind, into: &writer)
        writer.varint(UInt64(operations.count))
        for operation in operations { operation.encode(into: &writer) }
        return writer.bytes
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        operations = []
        for _ in 0..<(try reader.elementCount()) {
            operations.append(try TransactionOperation(from: &reader))
        }
    }
}

/// What a transaction's operation works on.
private enum TransactionTag: UInt8 {
    case key = 1
    case node = 2
    case service = 3
    case check = 4
}

extension TransactionOperation {
    func encode(into writer: inout ByteWriter) {
        switch self {
        case .key(let operation):
            writer.integer(TransactionTag.key.rawValue)
            operation.encode(into: &writer)
        case .node(let verb, let node, let index):
            writer.integer(TransactionTag.node.rawValue)
            writer.integer(verb.rawValue)
            node.encode(into: &writer)
            writer.varint(index)
        case .service(let verb, let node, let service, let index):
            writer.integer(TransactionTag.service.rawValue)
            writer.integer(verb.rawValue)
            writer.byteString(node)
            service.encode(into: &writer)
            writer.varint(index)
        case .check(let verb, let check, let index):
            writer.integer(TransactionTag.check.rawValue)
            writer.integer(verb.rawValue)
            check.encode(into: &writer)
            writer.varint(index)
        }
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let offset = reader.offset
        let number: UInt8 = try reader.integer()
        switch TransactionTag(rawValue: number) {
        case nil: throw .badTag(offset: offset, tag: UInt64(number))
        case .key: self = .key(try KeyTransactionOperation(from: &reader))
        case .node: self = try Self.node(&reader)
        case .service: self = try Self.service(&reader)
        case .check: self = try Self.check(&reader)
        }
    }

    @_lifetime(reader: copy reader)
    private static func node(_ reader: inout SpanReader) throws(BytesError) -> Self {
        let verb = try CatalogTransactionVerb(from: &reader)
        let node = try NodeDefinition(from: &reader)
        return .node(verb, node, index: try reader.varint())
    }

    @_lifetime(reader: copy reader)
    private static func service(_ reader: inout SpanReader) throws(BytesError) -> Self {
        let verb = try CatalogTransactionVerb(from: &reader)
        let node = try reader.byteString()
        let service = try ServiceDefinition(from: &reader)
        return .service(verb, node: node, service, index: try reader.varint())
    }

    @_lifetime(reader: copy reader)
    private static func check(_ reader: inout SpanReader) throws(BytesError) -> Self {
        let verb = try CatalogTransactionVerb(from: &reader)
        let check = try CheckDefinition(from: &reader)
        return .check(verb, check, index: try reader.varint())
    }
}

extension CatalogTransactionVerb {
    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let offset = reader.offset
        let number: UInt8 = try reader.integer()
        guard let verb = CatalogTransactionVerb(rawValue: number) else {
            throw .badTag(offset: offset, tag: UInt64(number))
        }
        self = verb
    }
}
