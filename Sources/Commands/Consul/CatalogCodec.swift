public import Bytes

/// The codecs of nodes, services and checks, shared by commands and by the state's records. An
/// optional list has a count + 1 before it, 0 is nil.
///
/// ```
/// node     id, name, address, datacenter: byte strings; tagged addresses; metadata
/// service  kind, id, name: byte strings; tags optional list; address byte string; tagged
///          addresses; port zig-zag varint; socket path byte string; metadata; weights passing and
///          warning zig-zag varints; enable tag override 0/1; proxy, connect: byte strings
/// check    node, id, name, status, notes, output, service id, service name: byte strings;
///          service tags optional list; type, definition: byte strings; TTL ms, deregister after
///          ms: zig-zag varints
/// tagged addresses  optional list of name, address: byte strings, port zig-zag varint
/// metadata          optional list of key, value: byte strings
/// ```
extension NodeDefinition {
    public func encode(into writer: inout ByteWriter) {
        writer.byteString(id)
        writer.byteString(name)
        writer.byteString(address)
        writer.byteString(datacenter)
        writer.taggedAddresses(taggedAddresses)
        writer.metadata(metadata)
    }

    @_lifetime(reader: copy reader)
    public init(from reader: inout SpanReader) throws(BytesError) {
        id = try reader.byteString()
        name = try reader.byteString()
        address = try reader.byteString()
        datacenter = try reader.byteString()
        taggedAddresses = try reader.taggedAddresses()
        metadata = try reader.metadata()
    }
}

extension ServiceDefinition {
    public func encode(into writer: inout ByteWriter) {
        writer.byteString(kind)
        writer.byteString(id)
        writer.byteString(name)
        writer.optionalByteStrings(tags)
        writer.byteString(address)
        writer.taggedAddresses(taggedAddresses)
        writer.signedVarint32(port)
        writer.byteString(socketPath)
        writer.metadata(metadata)
        writer.signedVarint32(weightPassing)
        writer.signedVarint32(weightWarning)
        writer.truth(enableTagOverride)
        writer.varBytes(proxy)
        writer.varBytes(connect)
    }

    @_lifetime(reader: copy reader)
    public init(from reader: inout SpanReader) throws(BytesError) {
        kind = try reader.byteString()
        id = try reader.byteString()
        name = try reader.byteString()
        tags = try reader.optionalByteStrings()
        address = try reader.byteString()
        taggedAddresses = try reader.taggedAddresses()
        port = try reader.signedVarint32()
        socketPath = try reader.byteString()
        metadata = try reader.metadata()
        weightPassing = try reader.signedVarint32()
        weightWarning = try reader.signedVarint32()
        enableTagOverride = try reader.truth()
        proxy = try reader.byteArray()
        connect = try reader.byteArray()
    }
}

extension CheckDefinition {
    public func encode(into writer: inout ByteWriter) {
        writer.byteString(node)
        writer.byteString(id)
        writer.byteString(name)
        writer.byteString(status.text)
        writer.byteString(notes)
        writer.byteString(output)
        writer.byteString(serviceID)
        writer.byteString(serviceName)
        writer.optionalByteStrings(serviceTags)
        writer.byteString(type)
        writer.varBytes(definition)
        writer.signedVarint(ttlMilliseconds)
        writer.signedVarint(deregisterAfterMilliseconds)
    }

    @_lifetime(reader: copy reader)
    public init(from reader: inout SpanReader) throws(BytesError) {
        node = try reader.byteString()
        id = try reader.byteString()
        name = try reader.byteString()
        status = CheckStatus(try reader.byteString())
        notes = try reader.byteString()
        output = try reader.byteString()
        serviceID = try reader.byteString()
        serviceName = try reader.byteString()
        serviceTags = try reader.optionalByteStrings()
        type = try reader.byteString()
        definition = try reader.byteArray()
        ttlMilliseconds = try reader.signedVarint()
        deregisterAfterMilliseconds = try reader.signedVarint()
    }
}

extension SessionDefinition {
    public func encode(into writer: inout ByteWriter) {
        writer.byteString(id)
        writer.byteString(name)
        writer.byteString(node)
        writer.optionalByteStrings(nodeChecks)
        writer.optionalCount(serviceChecks?.count)
        for check in serviceChecks ?? [] {
            writer.byteString(check.id)
            writer.byteString(check.namespace)
        }
        writer.signedVarint(lockDelayNanoseconds)
        writer.integer(behavior.rawValue)
        writer.byteString(ttlText)
        writer.signedVarint(ttlMilliseconds)
    }

    @_lifetime(reader: copy reader)
    public init(from reader: inout SpanReader) throws(BytesError) {
        id = try reader.byteString()
        name = try reader.byteString()
        node = try reader.byteString()
        nodeChecks = try reader.optionalByteStrings()
        serviceChecks = try reader.serviceCheckReferences()
        lockDelayNanoseconds = try reader.signedVarint()
        behavior = try SessionBehavior(from: &reader)
        ttlText = try reader.byteString()
        ttlMilliseconds = try reader.signedVarint()
    }
}

extension SessionBehavior {
    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let offset = reader.offset
        let number: UInt8 = try reader.integer()
        guard let behavior = SessionBehavior(rawValue: number) else {
            throw .badTag(offset: offset, tag: UInt64(number))
        }
        self = behavior
    }
}

extension ByteWriter {
    mutating func optionalCount(_ count: Int?) {
        varint(count.map { UInt64($0) + 1 } ?? 0)
    }

    mutating func optionalByteStrings(_ list: [ByteString]?) {
        optionalCount(list?.count)
        for element in list ?? [] { byteString(element) }
    }

    mutating func taggedAddresses(_ list: [TaggedAddress]?) {
        optionalCount(list?.count)
        for element in list ?? [] {
            byteString(element.name)
            byteString(element.address)
            signedVarint32(element.port)
        }
    }

    mutating func metadata(_ list: [Metadatum]?) {
        optionalCount(list?.count)
        for element in list ?? [] {
            byteString(element.key)
            byteString(element.value)
        }
    }
}

extension SpanReader {
    /// A count + 1 of elements that take at least a byte each; nil for 0.
    @_lifetime(self: copy self)
    mutating func optionalCount() throws(BytesError) -> Int? {
        let at = offset
        let countPlusOne = try varint()
        if countPlusOne == 0 { return nil }
        guard countPlusOne - 1 <= UInt64(remaining) else {
            throw .badLength(offset: at, length: Int(clamping: countPlusOne - 1), bound: remaining)
        }
        return Int(countPlusOne - 1)
    }

    @_lifetime(self: copy self)
    mutating func optionalByteStrings() throws(BytesError) -> [ByteString]? {
        guard let count = try optionalCount() else { return nil }
        var list: [ByteString] = []
        for _ in 0..<count { list.append(try byteString()) }
        return list
    }

    @_lifetime(self: copy self)
    mutating func taggedAddresses() throws(BytesError) -> [TaggedAddress]? {
        guard let count = try optionalCount() else { return nil }
        var list: [TaggedAddress] = []
        for _ in 0..<count {
            let name = try byteString()
            let address = try byteString()
            list.append(TaggedAddress(name: name, address: address, port: try signedVarint32()))
        }
        return list
    }

    @_lifetime(self: copy self)
    mutating func metadata() throws(BytesError) -> [Metadatum]? {
        guard let count = try optionalCount() else { return nil }
        var list: [Metadatum] = []
        for _ in 0..<count {
            let key = try byteString()
            list.append(Metadatum(key: key, value: try byteString()))
        }
        return list
    }

    @_lifetime(self: copy self)
    mutating func serviceCheckReferences() throws(BytesError) -> [ServiceCheckReference]? {
        guard let count = try optionalCount() else { return nil }
        var list: [ServiceCheckReference] = []
        for _ in 0..<count {
            let id = try byteString()
            list.append(ServiceCheckReference(id: id, namespace: try byteString()))
        }
        return list
    }
}
