import Bytes

/// Go's `json.Indent` with four spaces, and the line end that Consul adds for `?pretty`.
public enum JSONIndent {
    public static func indented(_ json: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(json.count * 2)
        var depth = 0
        var isInString = false
        var isEscaped = false
        var opensEmpty = false
        for byte in json {
            if isInString {
                result.append(byte)
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            let closes = byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]")
            if opensEmpty && !closes {
                depth += 1
                newLine(&result, depth)
            }
            if closes && !opensEmpty {
                depth -= 1
                newLine(&result, depth)
            }
            opensEmpty = byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[")
            isInString = byte == UInt8(ascii: "\"")
            result.append(byte)
            if byte == UInt8(ascii: ",") { newLine(&result, depth) }
            if byte == UInt8(ascii: ":") { result.append(UInt8(ascii: " ")) }
        }
        result.append(UInt8(ascii: "\n"))
        return result
    }

    private static func newLine(_ result: inout [UInt8], _ depth: Int) {
        result.append(UInt8(ascii: "\n"))
        result.append(contentsOf: repeatElement(UInt8(ascii: " "), count: depth * 4))
    }
}
