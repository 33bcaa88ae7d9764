public import Bytes

/// A create's body, read in place: the spans are slices of the payload.
///
/// ```
/// create    path, data nullable, acl bytes (ACLCodec, with a length before it),
///           flags zig-zag varint, request UInt8 (0 plain, 1 container, 2 TTL + ms zig-zag varint)
/// delete    path, version zig-zag varint
/// setData   path, data nullable, version
/// setACL    path, acl bytes, version
/// check     path, version
/// entry     one of these, then the IdentityList
/// multi     count varint, for each: tag UInt8 (1 create, 2 delete, 3 setData, 4 check) and the
///           operation; then the IdentityList
/// ```
/// Paths are byte strings: a varint length and the bytes. Nullable data has length + 1, 0 is null.
public struct CreateView: ~Escapable {
    public let path: RawSpan
    public let data: RawSpan?
    /// As `ACLCodec` writes it; decoded only by who needs more than a comparison with its `open`.
    public let acl: RawSpan
    public let flags: Int32
    public let request: CreateRequest

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    public init(_ reader: inout SpanReader) throws(BytesError) {
        path = try reader.varBytes()
        data = try reader.nullableBytes()
        acl = try reader.varBytes()
        flags = try reader.signedVarint32()
        request = try CreateRequest(from: &reader)
    }
}

/// The body of a delete or a check, read in place.
public struct VersionedPathView: ~Escapable {
    public let path: RawSpan
    public let version: Int32

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    public init(_ reader: inout SpanReader) throws(BytesError) {
        path = try reader.varBytes()
        version = try reader.signedVarint32()
    }
}

/// A setData's body, read in place.
public struct SetDataView: ~Escapable {
    public let path: RawSpan
    public let data: RawSpan?
    public let version: Int32

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    public init(_ reader: inout SpanReader) throws(BytesError) {
        path = try reader.varBytes()
        data = try reader.nullableBytes()
        version = try reader.signedVarint32()
    }
}

/// A setACL's body, read in place.
public struct SetACLView: ~Escapable {
    public let path: RawSpan
    public let acl: RawSpan
    public let version: Int32

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    public init(_ reader: inout SpanReader) throws(BytesError) {
        path = try reader.varBytes()
        acl = try reader.varBytes()
        version = try reader.signedVarint32()
    }
}

/// The tags of a multi's operations.
public enum MultiTag: UInt8, Sendable {
    case create = 1
    case delete = 2
    case setData = 3
    case check = 4

    @_lifetime(reader: copy reader)
    public init(_ reader: inout SpanReader) throws(BytesError) {
        let offset = reader.offset
        let number: UInt8 = try reader.integer()
        guard let tag = MultiTag(rawValue: number) else {
            throw .badTag(offset: offset, tag: UInt64(number))
        }
        self = tag
    }
}

extension CreateRequest {
    private static let plainTag: UInt8 = 0
    private static let containerTag: UInt8 = 1
    private static let timeToLiveTag: UInt8 = 2

    func encode(into writer: inout ByteWriter) {
        switch self {
        case .plain: writer.integer(Self.plainTag)
        case .container: writer.integer(Self.containerTag)
        case .timeToLive(let milliseconds):
            writer.integer(Self.timeToLiveTag)
            writer.signedVarint(milliseconds)
        }
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let offset = reader.offset
        let tag: UInt8 = try reader.integer()
        switch tag {
        case Self.plainTag: self = .plain
        case Self.containerTag: self = .container
        case Self.timeToLiveTag: self = .timeToLive(milliseconds: try reader.signedVarint())
        default: throw .badTag(offset: offset, tag: UInt64(tag))
        }
    }
}

// MARK: - Whole operations

extension CreateOperation {
    func encode(into writer: inout ByteWriter) {
        writer.byteString(path)
        writer.nullableBytes(data)
        writer.varBytes(ACLCodec.encode(acl))
        writer.signedVarint32(flags)
        request.encode(into: &writer)
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let view = try CreateView(&reader)
        self.init(
            path: ByteString(copying: view.path),
            data: copied(view.data),
            acl: try ACLCodec.decodeAll(view.acl),
            flags: view.flags,
            request: view.request
        )
    }
}

extension DeleteOperation {
    func encode(into writer: inout ByteWriter) {
        writer.byteString(path)
        writer.signedVarint32(version)
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let view = try VersionedPathView(&reader)
        self.init(path: ByteString(copying: view.path), version: view.version)
    }
}

extension SetDataOperation {
    func encode(into writer: inout ByteWriter) {
        writer.byteString(path)
        writer.nullableBytes(data)
        writer.signedVarint32(version)
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let view = try SetDataView(&reader)
        self.init(
            path: ByteString(copying: view.path),
            data: copied(view.data),
            version: view.version
        )
    }
}

extension SetACLOperation {
    func encode(into writer: inout ByteWriter) {
        writer.byteString(path)
        writer.varBytes(ACLCodec.encode(acl))
        writer.signedVarint32(version)
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let view = try SetACLView(&reader)
        self.init(
            path: ByteString(copying: view.path),
            acl: try ACLCodec.decodeAll(view.acl),
            version: view.version
        )
    }
}

extension CheckOperation {
    func encode(into writer: inout ByteWriter) {
        writer.byteString(path)
        writer.signedVarint32(version)
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let view = try VersionedPathView(&reader)
        self.init(path: ByteString(copying: view.path), version: view.version)
    }
}

extension MultiOperation {
    func encode(into writer: inout ByteWriter) {
        switch self {
        case .create(let operation):
            writer.integer(MultiTag.create.rawValue)
            operation.encode(into: &writer)
        case .delete(let operation):
            writer.integer(MultiTag.delete.rawValue)
            operation.encode(into: &writer)
        case .setData(let operation):
            writer.integer(MultiTag.setData.rawValue)
            operation.encode(into: &writer)
        case .check(let operation):
            writer.integer(MultiTag.check.rawValue)
            operation.encode(into: &writer)
        }
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        switch try MultiTag(&reader) {
        case .create: self = .create(try CreateOperation(from: &reader))
        case .delete: self = .delete(try DeleteOperation(from: &reader))
        case .setData: self = .setData(try SetDataOperation(from: &reader))
        case .check: self = .check(try CheckOperation(from: &reader))
        }
    }
}

private func copied(_ data: RawSpan?) -> [UInt8]? {
    guard let data else { return nil }
    return data.copiedBytes()
}
