public import Bytes

/// A JSON text, read. Numbers keep their text, objects keep the order and the repetitions of
/// their members, as Go's decoder sees them.
public indirect enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(ByteString)
    case array([JSONValue])
    case object([JSONMember])

    /// The word that Go's decoder has for this kind of value in its errors.
    public var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "bool"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

/// A name and a value of an object.
public struct JSONMember: Equatable, Sendable {
    public let name: String
    public let value: JSONValue

    public init(name: String, value: JSONValue) {
        self.name = name
        self.value = value
    }
}
