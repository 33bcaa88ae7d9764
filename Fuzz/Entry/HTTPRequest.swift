import Bytes
import ConsulProtocol

/// What a client of the HTTP API may send, thrown at every parser behind the HTTP library: the
/// target of the request line, its parameters, and bodies of all kinds.
///
/// The first byte chooses what the rest is.
package enum HTTPRequestEntry {
    package static func run(_ input: [UInt8]) {
        guard let choice = input.first else { return }
        let rest = Array(input.dropFirst())
        switch choice % 5 {
        case 0: target(rest)
        case 1: parameters(rest)
        case 2: bodies(rest)
        case 3: filter(String(decoding: rest, as: UTF8.self))
        default: texts(rest)
        }
    }

    private static func target(_ bytes: [UInt8]) {
        guard case .path(let path, let query) = RequestTarget.parse(bytes.rawSpan) else { return }
        precondition(path.first == UInt8(ascii: "/"), "path without a slash")
        // Clean once is clean for ever.
        let escaped = RequestTarget.location(path, [UInt8]().rawSpan)
        guard case .path(let again, _) = RequestTarget.parse(Array(escaped.utf8).rawSpan) else {
            preconditionFailure("\(escaped) was clean")
        }
        precondition(again == path, "\(again) for \(path)")
        parameters(query)
    }

    private static func parameters(_ bytes: [UInt8]) {
        let parameters = QueryParameters(bytes.rawSpan)
        let encoded = parameters.encoded()
        let again = QueryParameters(Array(encoded.utf8).rawSpan)
        precondition(again.encoded() == encoded, "\(encoded) does not come back")
        _ = try? ReadOptions(parameters, cacheControl: encoded, limits: ConsulLimits())
    }

    private static func bodies(_ bytes: [UInt8]) {
        guard let json = try? JSONParser.parse(bytes.rawSpan, depthMax: 64) else { return }
        var writer = JSONWriter()
        write(json, &writer)
        let again = try? JSONParser.parse(writer.bytes.rawSpan, depthMax: 64)
        precondition(again == json, "JSON does not come back")
        _ = JSONIndent.indented(writer.bytes)
        _ = try? SessionBody(json: json)
        _ = try? TransactionBody(json: json)
        _ = try? RegisterBody(json: json).problem()
        _ = try? DeregisterBody(json: json)
        _ = try? CheckUpdateBody(json: json)
        _ = try? ServiceBody(json: json, form: .agent).definition()
        _ = try? CheckBody(json: json, form: .agent).catalogCheck()
    }

    private static func write(_ value: JSONValue, _ writer: inout JSONWriter) {
        switch value {
        case .null: writer.null()
        case .bool(let flag): writer.bool(flag)
        case .number(let text): writer.raw(Array(text.utf8))
        case .string(let text): writer.string(text)
        case .array(let elements):
            writer.beginArray()
            for element in elements { write(element, &writer) }
            writer.endArray()
        case .object(let members):
            writer.beginObject()
            for member in members {
                writer.name(escaping: ByteString(member.name))
                write(member.value, &writer)
            }
            writer.endObject()
        }
    }

    private static func filter(_ text: String) {
        let record = FilterSchema.record([
            "a": .text, "b": .integer, "c": .list(.text), "d": .map(.text), "e": .bool,
        ])
        guard let filter = try? Filter(text, schema: record, limits: ConsulLimits()) else { return }
        let json = Array("{\"a\":\"x\",\"b\":1,\"c\":[\"y\"],\"d\":{\"k\":\"v\"},\"e\":true}".utf8)
        guard let value = try? JSONParser.parse(json.rawSpan, depthMax: 64) else { return }
        _ = filter.matches(value)
    }

    private static func texts(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        if let duration = try? GoDuration(parsing: text), duration.nanoseconds > .min {
            let again = try? GoDuration(parsing: duration.description)
            precondition(again == duration, "\(duration) does not come back")
        }
        let decoded = try? Base64.decoded(Base64.encoded(bytes.rawSpan))
        precondition(decoded == bytes, "base64 does not come back")
        _ = try? Base64.decoded(bytes)
        _ = Gzip.compressed(bytes)
        _ = Strconv.quoted(text)
    }
}
