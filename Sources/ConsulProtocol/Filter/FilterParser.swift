/// Reads a filter. Where the text is wrong the error names the place as go-bexpr does
/// ("line:column (offset)"); its list of what was expected is that of the nearest construct.
public struct FilterParser {
    private let text: [UInt8]
    private var offset = 0
    private let limits: ConsulLimits

    public static func parse(
        _ text: String,
        limits: ConsulLimits
    ) throws(DecodeError) -> FilterExpression {
        var parser = FilterParser(text: Array(text.utf8), limits: limits)
        guard parser.text.count <= limits.filterBytesMax else {
            throw DecodeError(
                "filter of \(parser.text.count) bytes: at most \(limits.filterBytesMax)"
            )
        }
        parser.skipSpace()
        let expression = try parser.or(depth: 0)
        parser.skipSpace()
        guard parser.offset == parser.text.count else {
            throw parser.failure("\"and\", \"or\", [ \\t\\r\\n] or EOF")
        }
        return expression
    }

    private init(text: [UInt8], limits: ConsulLimits) {
        self.text = text
        self.limits = limits
    }

    private func failure(_ expected: String) -> DecodeError {
        DecodeError("\(place): no match found, expected: \(expected)")
    }

    /// "line:column (offset)" of the present byte.
    private var place: String {
        let before = text.prefix(offset)
        let line = before.count { $0 == 10 } + 1
        let lineStart = before.lastIndex(of: 10).map { $0 + 1 } ?? 0
        return "\(line):\(offset - lineStart + 1) (\(offset))"
    }

    private mutating func skipSpace() {
        while offset < text.count, [32, 9, 10, 13].contains(text[offset]) { offset += 1 }
    }

    private mutating func or(depth: Int) throws(DecodeError) -> FilterExpression {
        guard depth < limits.filterDepthMax else {
            throw DecodeError("filter nests deeper than \(limits.filterDepthMax)")
        }
        let left = try and(depth: depth)
        guard takeWord("or") else { return left }
        try expectSpace()
        return .or(left, try or(depth: depth + 1))
    }

    private mutating func and(depth: Int) throws(DecodeError) -> FilterExpression {
        guard depth < limits.filterDepthMax else {
            throw DecodeError("filter nests deeper than \(limits.filterDepthMax)")
        }
        let left = try negation(depth: depth)
        guard takeWord("and") else { return left }
        try expectSpace()
        return .and(left, try and(depth: depth + 1))
    }

    /// After `and` and `or`.
    private func expectSpace() throws(DecodeError) {
        guard offset == text.count else { return }
        throw failure("[ \\t\\r\\n]")
    }

    private mutating func negation(depth: Int) throws(DecodeError) -> FilterExpression {
        guard depth < limits.filterDepthMax else {
            throw DecodeError("filter nests deeper than \(limits.filterDepthMax)")
        }
        skipSpace()
        let start = offset
        if takeWord("not") {
            skipSpace()
            if offset > start + 3 || isAt("(") { return .not(try negation(depth: depth + 1)) }
            offset = start
        }
        guard isAt("(") else { return .match(try match()) }
        offset += 1
        let inner = try or(depth: depth + 1)
        skipSpace()
        guard isAt(")") else {
            throw DecodeError("\(place): rule \"grouping\": Unmatched parentheses")
        }
        offset += 1
        return inner
    }

    private func isAt(_ character: Unicode.Scalar) -> Bool {
        offset < text.count && text[offset] == UInt8(ascii: character)
    }

    /// Takes a word that ends at a space, a bracket or the end.
    private mutating func takeWord(_ word: String) -> Bool {
        let start = offset
        skipSpace()
        let bytes = Array(word.utf8)
        let end = offset + bytes.count
        guard end <= text.count, text[offset..<end].elementsEqual(bytes),
            end == text.count || !isWordByte(text[end])
        else {
            offset = start
            return false
        }
        offset = end
        return true
    }

    private func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122, UInt8(ascii: "_"): true
        default: false
        }
    }

    /// "selector operator value", or "value in selector".
    private mutating func match() throws(DecodeError) -> FilterMatch {
        let start = offset
        if let value = try? value(), takeIn(negated: false) {
            return FilterMatch(selector: try selector(), operator: .contains, value: value)
        }
        offset = start
        if let value = try? value(), takeIn(negated: true) {
            return FilterMatch(selector: try selector(), operator: .doesNotContain, value: value)
        }
        offset = start
        let selector = try selector()
        let `operator` = try self.operator()
        switch `operator` {
        case .isEmpty, .isNotEmpty:
            return FilterMatch(selector: selector, operator: `operator`, value: "")
        default:
            skipSpace()
            return FilterMatch(selector: selector, operator: `operator`, value: try value())
        }
    }

    private mutating func takeIn(negated: Bool) -> Bool {
        if negated && !takeWord("not") { return false }
        guard takeWord("in") else { return false }
        skipSpace()
        return true
    }

    private mutating func `operator`() throws(DecodeError) -> FilterMatch.Operator {
        let start = offset
        skipSpace()
        let hasSpace = offset > start
        if take("==") { return .equal }
        if take("!=") { return .notEqual }
        if takeWord("is") {
            if takeWord("empty") { return .isEmpty }
            if takeWord("not"), takeWord("empty") { return .isNotEmpty }
            skipSpace()
            throw failure("\"empty\", \"not\" or [ \\t\\r\\n]")
        }
        if takeWord("contains") { return .contains }
        if takeWord("matches") { return .matches }
        if takeWord("not") {
            if takeWord("contains") { return .doesNotContain }
            if takeWord("matches") { return .doesNotMatch }
        }
        if hasSpace {
            throw failure(
                "\"!=\", \"==\", \"contains\", \"in\", \"is\", \"matches\", \"not\" "
                    + "or [ \\t\\r\\n]"
            )
        }
        throw failure("\"!=\", \".\", \"==\", \"[\", [ \\t\\r\\n] or [a-zA-Z0-9_]")
    }

    private mutating func take(_ symbol: String) -> Bool {
        let bytes = Array(symbol.utf8)
        guard text[offset...].starts(with: bytes) else { return false }
        offset += bytes.count
        return true
    }

    /// Name(.Name | ["any text"])*
    private mutating func selector() throws(DecodeError) -> [String] {
        skipSpace()
        guard offset < text.count, isLetter(text[offset]) else {
            throw failure(
                "\"(\", \"-\", \"0\", \"\\\"\", \"`\", \"not\", [ \\t\\r\\n], [1-9] or [a-zA-Z]"
            )
        }
        var parts = [identifier()]
        while offset < text.count {
            if isAt(".") {
                offset += 1
                guard offset < text.count, isWordByte(text[offset]) else {
                    throw failure("[a-zA-Z]")
                }
                parts.append(identifier())
            } else if isAt("[") {
                offset += 1
                parts.append(try quoted())
                guard isAt("]") else { throw failure("\"]\"") }
                offset += 1
            } else {
                break
            }
        }
        return parts
    }

    private func isLetter(_ byte: UInt8) -> Bool {
        (65...90).contains(byte) || (97...122).contains(byte)
    }

    private mutating func identifier() -> String {
        let start = offset
        while offset < text.count, isWordByte(text[offset]) || isAt("/") || isAt("-") {
            offset += 1
        }
        return String(decoding: text[start..<offset], as: UTF8.self)
    }

    private mutating func value() throws(DecodeError) -> String {
        guard offset < text.count else { throw noValue }
        let byte = text[offset]
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "`"): return try quoted()
        case UInt8(ascii: "-"), 48...57:
            let start = offset
            offset += 1
            while offset < text.count, (48...57).contains(text[offset]) || isAt(".") { offset += 1 }
            return String(decoding: text[start..<offset], as: UTF8.self)
        case _ where isLetter(byte):
            var parts = [identifier()]
            while isAt("."), offset + 1 < text.count, isWordByte(text[offset + 1]) {
                offset += 1
                parts.append(identifier())
            }
            return parts.joined(separator: ".")
        default: throw noValue
        }
    }

    private var noValue: DecodeError {
        failure("\"-\", \"0\", \"\\\"\", \"`\", [ \\t\\r\\n], [1-9] or [a-zA-Z]")
    }

    private mutating func quoted() throws(DecodeError) -> String {
        guard isAt("\"") || isAt("`") else { throw failure("\"\\\"\" or \"`\"") }
        let quote = text[offset]
        offset += 1
        var bytes: [UInt8] = []
        while offset < text.count, text[offset] != quote {
            if text[offset] == UInt8(ascii: "\\"), quote == UInt8(ascii: "\""),
                offset + 1 < text.count
            {
                offset += 1
            }
            bytes.append(text[offset])
            offset += 1
        }
        guard offset < text.count else {
            throw DecodeError("\(place): rule \"string\": Unterminated string literal")
        }
        offset += 1
        return String(decoding: bytes, as: UTF8.self)
    }
}
