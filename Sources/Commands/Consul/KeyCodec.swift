public import Bytes

/// A KV operation's body, read in place. The verb is the entry's kind.
///
/// ```
/// key byte string, value byte string, flags varint, index varint, session byte string
/// ```
public struct KeyView: ~Escapable {
    public let key: RawSpan
    public let value: RawSpan
    public let flags: UInt64
    public let index: UInt64
    public let session: RawSpan

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    public init(_ reader: inout SpanReader) throws(BytesError) {
        key = try reader.varBytes()
        value = try reader.varBytes()
        flags = try reader.varint()
        index = try reader.varint()
        session = try reader.varBytes()
    }
}

extension KeyOperation {
    public func encode(_ header: CommandHeader) -> [UInt8] {
        KeyEncoder.encode(
            header,
            verb,
            key: key.bytes.rawSpan,
            value: value.rawSpan,
            flags: flags,
            index: index,
            session: session
        )
    }

    @_lifetime(reader: copy reader)
    init(_ verb: KeyVerb, from reader: inout SpanReader) throws(BytesError) {
        let view = try KeyView(&reader)
        self.init(
            verb: verb,
            key: ByteString(copying: view.key),
            value: view.value.copiedBytes(),
            flags: view.flags,
            index: view.index,
            session: ByteString(copying: view.session)
        )
    }
}

extension KeyTransactionOperation {
    func encode(into writer: inout ByteWriter) {
        writer.integer(verb.rawValue)
        writer.byteString(key)
        writer.varBytes(value)
        writer.varint(flags)
        writer.varint(index)
        writer.byteString(session)
    }

    @_lifetime(reader: copy reader)
    init(from reader: inout SpanReader) throws(BytesError) {
        let offset = reader.offset
        let number: UInt8 = try reader.integer()
        guard let verb = KeyTransactionVerb(rawValue: number) else {
            throw .badTag(offset: offset, tag: UInt64(number))
        }
        let view = try KeyView(&reader)
        self.init(
            verb: verb,
            key: ByteString(copying: view.key),
            value: view.value.copiedBytes(),
            flags: view.flags,
            index: view.index,
            session: ByteString(copying: view.session)
        )
    }
}
