import Bytes
import Replica

/// An operator's request on its way to the leader, and the answer.
///
///     request: | verb 1 | member: length varint, UTF-8 |
///     answer:  | status varint | body |
enum OperatorCodec {
    static func write(_ request: OperatorRequest, to writer: inout ByteWriter) {
        writer.integer(request.verb.rawValue)
        writer.varText(request.member)
    }

    @_lifetime(reader: copy reader)
    static func request(_ reader: inout SpanReader) throws(BytesError) -> OperatorRequest {
        let tag: UInt8 = try reader.integer()
        guard let verb = OperatorRequest.Verb(rawValue: tag) else {
            throw .badTag(offset: reader.offset, tag: UInt64(tag))
        }
        return OperatorRequest(verb, member: try reader.text())
    }

    static func write(_ answer: OperatorAnswer, to writer: inout ByteWriter) {
        writer.varint(UInt64(answer.status))
        writer.append(answer.body)
    }

    @_lifetime(reader: copy reader)
    static func answer(_ reader: inout SpanReader) throws(BytesError) -> OperatorAnswer {
        let status = Int(clamping: try reader.varint())
        return OperatorAnswer(status: status, body: reader.rest().copiedBytes())
    }
}
