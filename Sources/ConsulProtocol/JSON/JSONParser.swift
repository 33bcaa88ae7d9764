import Bytes

/// Reads the first JSON value of a text, as Go's `json.Decoder.Decode` does: what follows the
/// value is not looked at. The errors are those of Go 1.15's scanner.
public struct JSONParser: ~Escapable {
    private let text: RawSpan
    private var offset = 0
    private let depthMax: Int

    /// Parses the first value in `text`.
    public static func parse(
        _ text: RawSpan,
        depthMax: Int
    ) throws(DecodeError) -> JSONValue {
        var parser = JSONParser(text, depthMax: depthMax)
        parser.skipSpace()
        if parser.offset == text.byteCount { throw DecodeError("EOF") }
        return try parser.value(depth: 0)
    }

    @_lifetime(copy text)
    private init(_ text: RawSpan, depthMax: Int) {
        self.text = text
        self.depthMax = depthMax
    }

    @_lifetime(self: copy self)
    private mutating func skipSpace() {
        while offset < text.byteCount {
            switch text[byte: offset] {
            case 0x20, 0x09, 0x0a, 0x0d: offset += 1
            default: return
            }
        }
    }

    /// The next byte, which must be there.
    private func peek() throws(DecodeError) -> UInt8 {
        guard offset < text.byteCount else { throw DecodeError("unexpected EOF") }
        return text[byte: offset]
    }

    private func unexpected(_ byte: UInt8, _ context: String) -> DecodeError {
        DecodeError("invalid character \(Strconv.quotedCharacter(byte)) \(context)")
    }

    @_lifetime(self: copy self)
    private mutating func value(depth: Int) throws(DecodeError) -> JSONValue {
        guard depth < depthMax else { throw DecodeError("exceeded max depth") }
        let byte = try peek()
        switch byte {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(ByteString(try string()))
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return .number(try number())
        default: throw unexpected(byte, "looking for beginning of value")
        }
    }

    @_lifetime(self: copy self)
    private mutating func literal(
        _ word: String,
        _ value: JSONValue
    ) throws(DecodeError) -> JSONValue {
        for expected in word.utf8 {
            let byte = try peek()
            if byte != expected {
                let wanted = Strconv.quotedCharacter(expected)
                throw unexpected(byte, "in literal \(word) (expecting \(wanted))")
            }
            offset += 1
        }
        return value
    }

    @_lifetime(self: copy self)
    private mutating func object(depth: Int) throws(DecodeError) -> JSONValue {
        offset += 1
        var members: [JSONMember] = []
        skipSpace()
        if try peek() == UInt8(ascii: "}") {
            offset += 1
            return .object(members)
        }
        while true {
            skipSpace()
            let first = try peek()
            guard first == UInt8(ascii: "\"") else {
                throw unexpected(first, "looking for beginning of object key string")
            }
            let name = String(decoding: try string(), as: UTF8.self)
            skipSpace()
            let colon = try peek()
            guard colon == UInt8(ascii: ":") else { throw unexpected(colon, "after object key") }
            offset += 1
            skipSpace()
            members.append(JSONMember(name: name, value: try value(depth: depth + 1)))
            skipSpace()
            let next = try peek()
            offset += 1
            if next == UInt8(ascii: "}") { return .object(members) }
            guard next == UInt8(ascii: ",") else {
                throw unexpected(next, "after object key:value pair")
            }
        }
    }

    @_lifetime(self: copy self)
    private mutating func array(depth: Int) throws(DecodeError) -> JSONValue {
        offset += 1
        var elements: [JSONValue] = []
        skipSpace()
        if try peek() == UInt8(ascii: "]") {
            offset += 1
            return .array(elements)
        }
        while true {
            skipSpace()
            elements.append(try value(depth: depth + 1))
            skipSpace()
            let next = try peek()
            offset += 1
            if next == UInt8(ascii: "]") { return .array(elements) }
            guard next == UInt8(ascii: ",") else { throw unexpected(next, "after array element") }
        }
    }

    @_lifetime(self: copy self)
    private mutating func number() throws(DecodeError) -> String {
        let start = offset
        if text[byte: offset] == UInt8(ascii: "-") { offset += 1 }
        if try peek() == UInt8(ascii: "0") {
            offset += 1
        } else {
            try digits("in numeric literal")
        }
        if isAt(UInt8(ascii: ".")) {
            offset += 1
            try digits("after decimal point in numeric literal")
        }
        if isAt(UInt8(ascii: "e")) || isAt(UInt8(ascii: "E")) {
            offset += 1
            if isAt(UInt8(ascii: "+")) || isAt(UInt8(ascii: "-")) { offset += 1 }
            try digits("in exponent of numeric literal")
        }
        let bytes = text.extracting(start..<offset).copiedBytes()
        return String(decoding: bytes, as: UTF8.self)
    }

    private func isAt(_ byte: UInt8) -> Bool {
        offset < text.byteCount && text[byte: offset] == byte
    }

    /// At least one digit.
    @_lifetime(self: copy self)
    private mutating func digits(_ context: String) throws(DecodeError) {
        let first = try peek()
        guard first >= 48, first <= 57 else { throw unexpected(first, context) }
        while offset < text.byteCount, text[byte: offset] >= 48, text[byte: offset] <= 57 {
            offset += 1
        }
    }

    /// The bytes of a string; what is no UTF-8 becomes U+FFFD.
    @_lifetime(self: copy self)
    private mutating func string() throws(DecodeError) -> [UInt8] {
        offset += 1
        var bytes: [UInt8] = []
        var isASCII = true
        while true {
            let byte = try peek()
            offset += 1
            switch byte {
            case UInt8(ascii: "\""): return isASCII ? bytes : UTF8Repair.repaired(bytes)
            case UInt8(ascii: "\\"): try escape(into: &bytes)
            case 0..<0x20: throw unexpected(byte, "in string literal")
            default:
                if byte >= 0x80 { isASCII = false }
                bytes.append(byte)
            }
        }
    }

    @_lifetime(self: copy self)
    private mutating func escape(into bytes: inout [UInt8]) throws(DecodeError) {
        let byte = try peek()
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
        case UInt8(ascii: "b"): bytes.append(8)
        case UInt8(ascii: "f"): bytes.append(12)
        case UInt8(ascii: "n"): bytes.append(10)
        case UInt8(ascii: "r"): bytes.append(13)
        case UInt8(ascii: "t"): bytes.append(9)
        case UInt8(ascii: "u"): bytes.append(contentsOf: Array(Character(try scalar()).utf8))
        default: throw unexpected(byte, "in string escape code")
        }
    }

    /// The four digits after `\u`, and those of a second surrogate.
    @_lifetime(self: copy self)
    private mutating func scalar() throws(DecodeError) -> Unicode.Scalar {
        let unit = try codeUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        let mark = offset
        guard unit < 0xdc00, isAt(UInt8(ascii: "\\")) else { return "\u{fffd}" }
        offset += 1
        guard isAt(UInt8(ascii: "u")) else {
            offset = mark
            return "\u{fffd}"
        }
        offset += 1
        let low = try codeUnit()
        guard low >= 0xdc00, low < 0xe000 else {
            offset = mark
            return "\u{fffd}"
        }
        let value = 0x10000 + ((UInt32(unit) - 0xd800) << 10) + (UInt32(low) - 0xdc00)
        return Unicode.Scalar(value) ?? "\u{fffd}"
    }

    @_lifetime(self: copy self)
    private mutating func codeUnit() throws(DecodeError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            let byte = try peek()
            guard let digit = Strconv.hexadecimalDigit(byte) else {
                throw unexpected(byte, "in \\u hexadecimal character escape")
            }
            unit = unit << 4 | UInt16(digit)
            offset += 1
        }
        return unit
    }
}
