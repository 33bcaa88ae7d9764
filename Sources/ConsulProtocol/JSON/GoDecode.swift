import Bytes
import Commands

/// Fields of Go structs, out of parsed JSON, with the errors of Go's decoder. `field` is the name
/// that Go gives the field in an error: the innermost struct, a dot, the path ("KVTxnOp.KV.Key").
/// A null leaves a field as it is, which is nil here.
enum GoDecode {
    static func mismatch(_ value: JSONValue, _ field: String, _ type: String) -> DecodeError {
        DecodeError(
            "json: cannot unmarshal \(value.kindName) into Go struct field \(field) of type \(type)"
        )
    }

    /// The value itself, not a field of it, is of the wrong kind.
    static func mismatch(_ value: JSONValue, type: String) -> DecodeError {
        DecodeError("json: cannot unmarshal \(value.kindName) into Go value of type \(type)")
    }

    static func unknown(_ name: String) -> DecodeError {
        DecodeError("json: unknown field \(Strconv.quoted(name))")
    }

    static func text(
        _ value: JSONValue,
        _ field: String,
        type: String = "string"
    ) throws(DecodeError) -> ByteString? {
        switch value {
        case .null: nil
        case .string(let text): text
        default: throw mismatch(value, field, type)
        }
    }

    static func bool(_ value: JSONValue, _ field: String) throws(DecodeError) -> Bool? {
        switch value {
        case .null: nil
        case .bool(let flag): flag
        default: throw mismatch(value, field, "bool")
        }
    }

    static func int(_ value: JSONValue, _ field: String) throws(DecodeError) -> Int? {
        switch value {
        case .null: nil
        case .number(let text): try integer(text, field, "int") { Int($0) }
        default: throw mismatch(value, field, "int")
        }
    }

    static func unsigned(_ value: JSONValue, _ field: String) throws(DecodeError) -> UInt64? {
        switch value {
        case .null: nil
        case .number(let text): try integer(text, field, "uint64") { UInt64($0) }
        default: throw mismatch(value, field, "uint64")
        }
    }

    private static func integer<T>(
        _ text: String,
        _ field: String,
        _ type: String,
        _ convert: (String) -> T?
    ) throws(DecodeError) -> T {
        if let value = convert(text) { return value }
        throw DecodeError(
            "json: cannot unmarshal number \(text) into Go struct field \(field) of type \(type)"
        )
    }

    /// A `[]byte`, which JSON has as base64.
    static func data(_ value: JSONValue, _ field: String) throws(DecodeError) -> [UInt8]? {
        switch value {
        case .null: nil
        case .string(let text): try Base64.decoded(text.bytes)
        default: throw mismatch(value, field, "[]uint8")
        }
    }

    static func texts(
        _ value: JSONValue,
        _ field: String,
        type: String = "string"
    ) throws(DecodeError) -> [ByteString]? {
        switch value {
        case .null: return nil
        case .array(let elements):
            var texts: [ByteString] = []
            for element in elements { texts.append(try text(element, field, type: type) ?? "") }
            return texts
        default: throw mismatch(value, field, "[]\(type)")
        }
    }

    /// A `map[string]string`, sorted by key; of a repeated key the last value counts.
    static func map(_ value: JSONValue, _ field: String) throws(DecodeError) -> [Metadatum]? {
        guard let members = try members(value, field, "map[string]string") else { return nil }
        var byKey: [ByteString: ByteString] = [:]
        for member in members {
            byKey[ByteString(member.name)] = try text(member.value, field) ?? ""
        }
        return byKey.keys.sorted().map { Metadatum(key: $0, value: byKey[$0] ?? "") }
    }

    /// The members of a nested struct or map.
    static func members(
        _ value: JSONValue,
        _ field: String,
        _ type: String
    ) throws(DecodeError) -> [JSONMember]? {
        switch value {
        case .null: nil
        case .object(let members): members
        default: throw mismatch(value, field, type)
        }
    }

    /// The members of the whole body.
    static func members(
        of value: JSONValue,
        type: String
    ) throws(DecodeError) -> [JSONMember] {
        switch value {
        case .null: []
        case .object(let members): members
        default: throw mismatch(value, type: type)
        }
    }

    static func elements(
        _ value: JSONValue,
        _ field: String,
        _ type: String
    ) throws(DecodeError) -> [JSONValue]? {
        switch value {
        case .null: nil
        case .array(let elements): elements
        default: throw mismatch(value, field, type)
        }
    }

    /// A duration as "10s" or in nanoseconds; anything else is passed over, as Consul does.
    static func duration(_ value: JSONValue) throws(DecodeError) -> GoDuration? {
        switch value {
        case .string(let text): try GoDuration(parsing: text.text)
        case .number(let text):
            Int64(text).map { GoDuration(nanoseconds: $0) }
                ?? Double(text).flatMap { Int64(exactly: $0.rounded(.towardZero)) }
                .map { GoDuration(nanoseconds: $0) }
        default: nil
        }
    }

    /// How encoding/json matches names: without regard to case.
    static func folded(_ name: String) -> String { name.lowercased() }
}
