public import Bytes

/// Writes JSON as Go's encoding/json does: no spaces, `<`, `>` and `&` escaped, members in the
/// order of the calls. Commas set themselves: the byte before tells whether one is due.
public struct JSONWriter: Sendable {
    public var out: ByteWriter

    public init(reserving capacity: Int = 256) {
        out = ByteWriter(reserving: capacity)
    }

    public var bytes: [UInt8] { out.bytes }

    public mutating func beginObject() { open(UInt8(ascii: "{")) }
    public mutating func endObject() { out.bytes.append(UInt8(ascii: "}")) }
    public mutating func beginArray() { open(UInt8(ascii: "[")) }
    public mutating func endArray() { out.bytes.append(UInt8(ascii: "]")) }

    /// The name of a member, which must need no escaping.
    public mutating func name(_ plain: String) {
        separate()
        out.bytes.append(UInt8(ascii: "\""))
        out.append(plain)
        out.append("\":")
    }

    /// The name of a member of a map.
    public mutating func name(escaping text: ByteString) {
        string(text)
        out.bytes.append(UInt8(ascii: ":"))
    }

    public mutating func null() {
        separate()
        out.append("null")
    }

    public mutating func bool(_ value: Bool) {
        separate()
        out.append(value ? "true" : "false")
    }

    public mutating func integer(_ value: UInt64) {
        separate()
        Decimal.append(value, to: &out)
    }

    public mutating func integer(_ value: Int) {
        separate()
        if value < 0 { out.bytes.append(UInt8(ascii: "-")) }
        Decimal.append(UInt64(value.magnitude), to: &out)
    }

    /// A finite number.
    public mutating func number(_ value: Double) {
        precondition(value.isFinite, "JSON has no \(value)")
        separate()
        out.append(value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)")
    }

    public mutating func string(_ text: String) {
        string(Array(text.utf8).rawSpan)
    }

    public mutating func string(_ text: ByteString) {
        string(text.bytes.rawSpan)
    }

    public mutating func string(_ text: RawSpan) {
        separate()
        out.bytes.append(UInt8(ascii: "\""))
        escape(text)
        out.bytes.append(UInt8(ascii: "\""))
    }

    /// A Go `[]byte`: base64, or null when it is empty, since Consul's store keeps no empty ones.
    public mutating func data(_ value: RawSpan) {
        if value.byteCount == 0 { return null() }
        separate()
        out.bytes.append(UInt8(ascii: "\""))
        Base64.append(value, to: &out)
        out.bytes.append(UInt8(ascii: "\""))
    }

    /// JSON that is there already, put in as it is.
    public mutating func raw(_ json: [UInt8]) {
        separate()
        out.append(json)
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        out.bytes.append(bracket)
    }

    /// A comma, unless a bracket or a name stands before.
    private mutating func separate() {
        switch out.bytes.last {
        case nil, UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: ":"): return
        default: out.bytes.append(UInt8(ascii: ","))
        }
    }

    private mutating func escape(_ text: RawSpan) {
        var plain = 0
        var offset = 0
        while offset < text.byteCount {
            let byte = text[byte: offset]
            if byte < 0x80 && !Self.needsEscape(byte) {
                offset += 1
                continue
            }
            let width = byte < 0x80 ? 1 : UTF8Repair.width(text, at: offset)
            if byte >= 0x80, let width, !Self.isLineSeparator(text, offset) {
                offset += width
                continue
            }
            out.append(text.extracting(plain..<offset))
            offset += width ?? 1
            plain = offset
            append(escaped: byte, isValid: width != nil, last: text[byte: offset - 1])
        }
        out.append(text.extracting(plain..<offset))
    }

    private mutating func append(escaped byte: UInt8, isValid: Bool, last: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): out.append("\\\"")
        case UInt8(ascii: "\\"): out.append("\\\\")
        case 10: out.append("\\n")
        case 13: out.append("\\r")
        case 9: out.append("\\t")
        case 0..<0x80:
            out.append("\\u00")
            out.bytes.append(Strconv.hexadecimal(byte >> 4))
            out.bytes.append(Strconv.hexadecimal(byte & 15))
        default: out.append(!isValid ? "\\ufffd" : last == 0xa8 ? "\\u2028" : "\\u2029")
        }
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        switch byte {
        case 0..<0x20, UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "<"),
            UInt8(ascii: ">"), UInt8(ascii: "&"):
            true
        default: false
        }
    }

    /// U+2028 and U+2029, which JavaScript takes for line ends.
    private static func isLineSeparator(_ text: RawSpan, _ offset: Int) -> Bool {
        guard offset + 2 < text.byteCount, text[byte: offset] == 0xe2 else { return false }
        let last = text[byte: offset + 2]
        return text[byte: offset + 1] == 0x80 && (last == 0xa8 || last == 0xa9)
    }
}
