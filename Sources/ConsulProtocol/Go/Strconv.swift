/// Numbers and quoting as Go's strconv has them, with its error texts.
public enum Strconv {
    /// `strconv.ParseUint(text, 10, 64)`.
    public static func parseUnsigned(_ text: String) throws(DecodeError) -> UInt64 {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else {
            throw syntax("ParseUint", text)
        }
        guard let value = UInt64(text) else { throw range("ParseUint", text) }
        return value
    }

    /// `strconv.ParseInt(text, 0, 64)`: as Go writes numbers ("0x1f", "0o17", "017", "1_000").
    public static func parseSigned(_ text: String) throws(DecodeError) -> Int64 {
        let isNegative = text.hasPrefix("-")
        var digits = Array(text.utf8)[...]
        if isNegative || text.hasPrefix("+") { digits = digits.dropFirst() }
        guard let first = digits.first else { throw syntax("ParseInt", text) }
        var base: UInt64 = 10
        // What an underscore may follow.
        var isAfterDigit = false
        if first == UInt8(ascii: "0") {
            switch digits.count >= 3 ? digits[digits.startIndex + 1] | 0x20 : 0 {
            case UInt8(ascii: "x"): (base, digits) = (16, digits.dropFirst(2))
            case UInt8(ascii: "o"): (base, digits) = (8, digits.dropFirst(2))
            case UInt8(ascii: "b"): (base, digits) = (2, digits.dropFirst(2))
            default: (base, digits) = (8, digits.dropFirst())
            }
            isAfterDigit = true
        }
        var value: UInt64 = 0
        for (place, byte) in digits.enumerated() {
            if byte == UInt8(ascii: "_") {
                guard isAfterDigit, place + 1 < digits.count else { throw syntax("ParseInt", text) }
                isAfterDigit = false
                continue
            }
            guard let digit = hexadecimalDigit(byte), digit < base else {
                throw syntax("ParseInt", text)
            }
            isAfterDigit = true
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: base)
            let (sum, isOver) = product.addingReportingOverflow(UInt64(digit))
            guard !isTooLarge, !isOver else { throw range("ParseInt", text) }
            value = sum
        }
        let most = UInt64(Int64.max) + (isNegative ? 1 : 0)
        guard value <= most else { throw range("ParseInt", text) }
        return isNegative ? Int64(truncatingIfNeeded: 0 &- value) : Int64(truncatingIfNeeded: value)
    }

    /// `strconv.ParseBool(text)`.
    public static func parseBool(_ text: String) throws(DecodeError) -> Bool {
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": return true
        case "0", "f", "F", "false", "FALSE", "False": return false
        default: throw syntax("ParseBool", text)
        }
    }

    private static func syntax(_ function: String, _ text: String) -> DecodeError {
        DecodeError("strconv.\(function): parsing \(quoted(text)): invalid syntax")
    }

    private static func range(_ function: String, _ text: String) -> DecodeError {
        DecodeError("strconv.\(function): parsing \(quoted(text)): value out of range")
    }

    /// `strconv.Quote(text)`, `%q`: Go's notation of a string.
    public static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            result += scalar == "\"" ? "\\\"" : escaped(scalar)
        }
        return result + "\""
    }

    /// `strconv.Unquote` of what stands between double quotes; nil: it is not well written. A half
    /// of a surrogate pair becomes U+FFFD, and so does what is no UTF-8 in the end.
    static func unquoted(_ body: ArraySlice<UInt8>) -> String? {
        var bytes: [UInt8] = []
        var rest = body
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\"") { return nil }
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            guard let letter = rest.popFirst() else { return nil }
            switch letter {
            case UInt8(ascii: "u"), UInt8(ascii: "U"):
                let width = letter == UInt8(ascii: "u") ? 4 : 8
                guard let value = number(&rest, digits: width, radix: 16) else { return nil }
                guard value <= 0x10FFFF else { return nil }
                let scalar = UInt32(exactly: value).flatMap(Unicode.Scalar.init) ?? "\u{FFFD}"
                bytes += String(scalar).utf8
            case UInt8(ascii: "x"):
                guard let value = number(&rest, digits: 2, radix: 16) else { return nil }
                bytes.append(UInt8(truncatingIfNeeded: value))
            case UInt8(ascii: "0")...UInt8(ascii: "7"):
                rest = body[(rest.startIndex - 1)...]
                guard let value = number(&rest, digits: 3, radix: 8) else { return nil }
                guard value <= 255 else { return nil }
                bytes.append(UInt8(truncatingIfNeeded: value))
            default:
                guard let single = unescaped(letter) else { return nil }
                bytes.append(single)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func unescaped(_ letter: UInt8) -> UInt8? {
        switch letter {
        case UInt8(ascii: "a"): 7
        case UInt8(ascii: "b"): 8
        case UInt8(ascii: "f"): 12
        case UInt8(ascii: "n"): 10
        case UInt8(ascii: "r"): 13
        case UInt8(ascii: "t"): 9
        case UInt8(ascii: "v"): 11
        case UInt8(ascii: "\\"): letter
        default: nil
        }
    }

    /// Exactly so many digits, taken from the front.
    private static func number(
        _ rest: inout ArraySlice<UInt8>,
        digits: Int,
        radix: Int
    ) -> Int? {
        var value = 0
        for _ in 0..<digits {
            guard let byte = rest.popFirst(), let digit = hexadecimalDigit(byte) else { return nil }
            guard digit < radix else { return nil }
            value = value * radix + Int(digit)
        }
        return value
    }

    /// A byte between single quotes, as encoding/json names an unexpected character.
    static func quotedCharacter(_ byte: UInt8) -> String {
        switch byte {
        case UInt8(ascii: "'"): "'\\''"
        case UInt8(ascii: "\""): "'\"'"
        default: "'\(escaped(Unicode.Scalar(byte)))'"
        }
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\\": return "\\\\"
        case "\u{07}": return "\\a"
        case "\u{08}": return "\\b"
        case "\u{0c}": return "\\f"
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        case "\u{0b}": return "\\v"
        default: break
        }
        if scalar.value < 0x20 || scalar.value == 0x7f {
            return "\\x" + hexadecimal(scalar.value, width: 2)
        }
        if isPrintable(scalar) { return String(Character(scalar)) }
        if scalar.value > 0xffff { return "\\U" + hexadecimal(scalar.value, width: 8) }
        return "\\u" + hexadecimal(scalar.value, width: 4)
    }

    /// Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the space.
    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
            .paragraphSeparator:
            false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }

    private static func hexadecimal(_ value: UInt32, width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// The lower-case digit of a nibble.
    static func hexadecimal(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? 48 + nibble : 87 + nibble
    }

    static func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 48
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 87
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 55
        default: nil
        }
    }
}
