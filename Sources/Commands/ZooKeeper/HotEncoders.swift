public import Bytes

/// Encoders for a front end that has path and data as slices of its receive buffer: one array, the
/// payload, is made, and nothing between.
public enum ZnodeEncoder {
    /// `acl` is as `ACLCodec` writes it; `ACLCodec.open.rawSpan` nearly always.
    public static func create(
        _ header: CommandHeader,
        identities: IdentityList,
        path: RawSpan,
        data: RawSpan?,
        acl: RawSpan,
        flags: Int32,
        request: CreateRequest = .plain
    ) -> [UInt8] {
        let size = path.byteCount + (data?.byteCount ?? 0) + acl.byteCount
        var writer = payload(header, .createZnode, size, identities)
        writer.varBytes(path)
        writer.nullableBytes(data)
        writer.varBytes(acl)
        writer.signedVarint32(flags)
        request.encode(into: &writer)
        writer.append(identities.encoded)
        return writer.bytes
    }

    public static func setData(
        _ header: CommandHeader,
        identities: IdentityList,
        path: RawSpan,
        data: RawSpan?,
        version: Int32
    ) -> [UInt8] {
        let size = path.byteCount + (data?.byteCount ?? 0)
        var writer = payload(header, .setData, size, identities)
        writer.varBytes(path)
        writer.nullableBytes(data)
        writer.signedVarint32(version)
        writer.append(identities.encoded)
        return writer.bytes
    }

    public static func delete(
        _ header: CommandHeader,
        identities: IdentityList,
        path: RawSpan,
        version: Int32
    ) -> [UInt8] {
        var writer = payload(header, .deleteZnode, path.byteCount, identities)
        writer.varBytes(path)
        writer.signedVarint32(version)
        writer.append(identities.encoded)
        return writer.bytes
    }

    private static func payload(
        _ header: CommandHeader,
        _ kind: CommandKind,
        _ bodyBytes: Int,
        _ identities: IdentityList
    ) -> ByteWriter {
        var writer = ByteWriter(reserving: 80 + bodyBytes + identities.encoded.count)
        header.encode(kind, into: &writer)
        return writer
    }
}

/// The same for the KV store.
public enum KeyEncoder {
    public static func encode(
        _ header: CommandHeader,
        _ verb: KeyVerb,
        key: RawSpan,
        value: RawSpan,
        flags: UInt64 = 0,
        index: UInt64 = 0,
        session: ByteString = ""
    ) -> [UInt8] {
        let size = key.byteCount + value.byteCount + session.bytes.count
        var writer = ByteWriter(reserving: 96 + size)
        header.encode(verb.kind, into: &writer)
        writer.varBytes(key)
        writer.varBytes(value)
        writer.varint(flags)
        writer.varint(index)
        writer.byteString(session)
        return writer.bytes
    }
}
