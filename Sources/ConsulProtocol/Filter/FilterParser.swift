/// Reads a filter by the grammar of go-bexpr 0.1, which Consul 1.8 has: a rule that does not fit
/// takes nothing, and the next one is tried at the same place.
///
/// The errors are its own too. What a rule says of a mistake ("Unmatched parentheses") is kept,
/// whether or not another rule fits later; if no rule said anything, the error names what would
/// have fitted at the farthest place that was reached.
public struct FilterParser {
    private let text: [UInt8]
    private var offset = 0
    private var depth = 0
    private let limits: ConsulLimits
    private var mistakes: [String] = []
    private var farthest = 0
    /// What was looked for at `farthest`, as the error names it.
    private var expected: Set<String> = []

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
        let expression = try parser.input()
        guard let expression, parser.mistakes.isEmpty else { throw parser.failure }
        return expression
    }

    private init(text: [UInt8], limits: ConsulLimits) {
        self.text = text
        self.limits = limits
    }

    // MARK: Errors

    private var failure: DecodeError {
        guard mistakes.isEmpty else { return DecodeError(mistakes.joined(separator: "\n")) }
        var names = expected.subtracting(["EOF"]).sorted()
        if expected.contains("EOF") { names.append("EOF") }
        let last = names.removeLast()
        let list = names.isEmpty ? last : names.joined(separator: ", ") + " or " + last
        return DecodeError("\(place(of: farthest)): no match found, expected: \(list)")
    }

    /// "line:column (offset)"; a line's end is column 0 of the next line.
    private func place(of offset: Int) -> String {
        let before = text.prefix(offset + 1)
        let line = before.count { $0 == 10 } + 1
        let start = before.lastIndex(of: 10) ?? -1
        let characters = text[(start + 1)..<max(offset, start + 1)].count { $0 & 0xC0 != 0x80 }
        let column = start == offset ? 0 : characters + 1
        return "\(line):\(column) (\(offset))"
    }

    private mutating func missing(_ what: @autoclosure () -> String) {
        guard offset >= farthest else { return }
        if offset > farthest { expected.removeAll(keepingCapacity: true) }
        farthest = offset
        expected.insert(what())
    }

    /// What a rule says of the text before or at a place.
    private mutating func mistake(_ words: String, in rule: String, at place: Int) {
        let text = "\(self.place(of: place)): rule \"\(rule)\": \(words)"
        if !mistakes.contains(text) { mistakes.append(text) }
    }

    // MARK: Characters

    private mutating func literal(_ word: String) -> Bool {
        guard text[offset...].starts(with: word.utf8) else {
            missing(Strconv.quoted(word))
            return false
        }
        offset += word.utf8.count
        return true
    }

    private mutating func character(_ name: String, _ fits: (UInt8) -> Bool) -> Bool {
        guard offset < text.count, fits(text[offset]) else {
            missing(name)
            return false
        }
        offset += 1
        return true
    }

    private mutating func space() -> Bool {
        let start = offset
        while character("[ \\t\\r\\n]", { [32, 9, 10, 13].contains($0) }) {}
        return offset > start
    }

    private mutating func end() -> Bool {
        guard offset < text.count else { return true }
        missing("EOF")
        return false
    }

    /// Words with space before, between and after them, or only before and between.
    private mutating func words(_ words: String..., spaceAfter: Bool = true) -> Bool {
        let start = offset
        for word in words {
            guard space(), literal(word) else {
                offset = start
                return false
            }
        }
        guard !spaceAfter || space() else {
            offset = start
            return false
        }
        return true
    }

    private mutating func symbol(_ symbol: String) -> Bool {
        let start = offset
        _ = space()
        guard literal(symbol) else {
            offset = start
            return false
        }
        _ = space()
        return true
    }

    // MARK: Expressions

    private mutating func input() throws(DecodeError) -> FilterExpression? {
        _ = space()
        guard let expression = try or() else { return nil }
        _ = space()
        return end() ? expression : nil
    }

    private mutating func or() throws(DecodeError) -> FilterExpression? {
        try chain(
            "or",
            of: { parser throws(DecodeError) in try parser.and() },
            join: FilterExpression.or
        )
    }

    private mutating func and() throws(DecodeError) -> FilterExpression? {
        try chain(
            "and",
            of: { parser throws(DecodeError) in try parser.negation() },
            join: FilterExpression.and
        )
    }

    /// A chain is as long as the filter's bytes allow; only what stands within something counts as
    /// depth.
    private mutating func chain(
        _ word: String,
        of operand: (inout FilterParser) throws(DecodeError) -> FilterExpression?,
        join: (FilterExpression, FilterExpression) -> FilterExpression
    ) throws(DecodeError) -> FilterExpression? {
        guard let first = try operand(&self) else { return nil }
        var operands = [first]
        var end = offset
        while words(word), let next = try operand(&self) {
            operands.append(next)
            end = offset
        }
        offset = end
        let last = operands.removeLast()
        return operands.reversed().reduce(last) { join($1, $0) }
    }

    private mutating func negation() throws(DecodeError) -> FilterExpression? {
        let start = offset
        if literal("not"), space() {
            try deeper()
            defer { depth -= 1 }
            if let inner = try negation() { return .not(inner) }
        }
        offset = start
        return try group()
    }

    private mutating func group() throws(DecodeError) -> FilterExpression? {
        let start = offset
        if literal("(") {
            try deeper()
            defer { depth -= 1 }
            _ = space()
            if let inner = try or() {
                _ = space()
                if literal(")") { return inner }
                mistake("Unmatched parentheses", in: "grouping", at: offset)
            }
            offset = start
        }
        return match().map { .match($0) }
    }

    private mutating func deeper() throws(DecodeError) {
        guard depth < limits.filterDepthMax else {
            throw DecodeError("filter nests deeper than \(limits.filterDepthMax)")
        }
        depth += 1
    }

    // MARK: Conditions

    private mutating func match() -> FilterMatch? {
        let start = offset
        if let selector = selector() {
            let afterSelector = offset
            if let `operator` = comparison(), let value = value() {
                return FilterMatch(selector: selector, operator: `operator`, value: value)
            }
            offset = afterSelector
            if let `operator` = emptiness() {
                return FilterMatch(selector: selector, operator: `operator`, value: "")
            }
        }
        offset = start
        if let value = value(), let `operator` = membership() {
            if let selector = selector() {
                return FilterMatch(selector: selector, operator: `operator`, value: value)
            }
            mistake("Invalid selector", in: "match", at: offset)
        }
        offset = start
        return nil
    }

    private mutating func comparison() -> FilterMatch.Operator? {
        if symbol("==") { return .equal }
        if symbol("!=") { return .notEqual }
        if words("contains") { return .contains }
        if words("not", "contains") { return .doesNotContain }
        if words("matches") { return .matches }
        return words("not", "matches") ? .doesNotMatch : nil
    }

    private mutating func emptiness() -> FilterMatch.Operator? {
        if words("is", "empty", spaceAfter: false) { return .isEmpty }
        return words("is", "not", "empty", spaceAfter: false) ? .isNotEmpty : nil
    }

    private mutating func membership() -> FilterMatch.Operator? {
        if words("in") { return .contains }
        return words("not", "in") ? .doesNotContain : nil
    }

    // MARK: Selectors and values

    /// Name(.Name | ["any text"])*
    private mutating func selector() -> [String]? {
        guard let first = identifier() else { return nil }
        var parts = [first]
        while true {
            let start = offset
            if literal("."), let name = identifier() {
                parts.append(name)
                continue
            }
            offset = start
            guard let name = index() else {
                offset = start
                return parts
            }
            parts.append(name)
        }
    }

    private mutating func identifier() -> String? {
        let start = offset
        guard character("[a-zA-Z]", { Self.isLetter($0) }) else { return nil }
        while character("[a-zA-Z0-9_]", { Self.isLetter($0) || Self.isDigit($0) || $0 == 95 }) {}
        return string(from: start)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (65...90).contains(byte) || (97...122).contains(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    private func string(from start: Int) -> String {
        String(decoding: text[start..<offset], as: UTF8.self)
    }

    private mutating func index() -> String? {
        guard literal("[") else { return nil }
        _ = space()
        let start = offset
        guard let name = quoted() else {
            mistake("Invalid index", in: "index", at: start)
            return nil
        }
        _ = space()
        guard literal("]") else {
            mistake("Unclosed index expression", in: "index", at: offset)
            return nil
        }
        return name
    }

    private mutating func value() -> String? {
        if let selector = selector() { return selector.joined(separator: ".") }
        return number() ?? quoted()
    }

    private mutating func number() -> String? {
        let start = offset
        _ = literal("-")
        guard literal("0") || digits(from: 49) else {
            offset = start
            return nil
        }
        let whole = offset
        if !literal(".") || !digits(from: 48) { offset = whole }
        let after = offset
        if space() || end() || literal(")") {
            offset = after
            return string(from: start)
        }
        mistake("Invalid number literal", in: "number", at: after)
        offset = start
        return nil
    }

    /// Digits of which the first is at least that one.
    private mutating func digits(from lowest: UInt8) -> Bool {
        let first = lowest == 48 ? "[0-9]" : "[1-9]"
        guard character(first, { (lowest...57).contains($0) }) else { return false }
        while character("[0-9]", { Self.isDigit($0) }) {}
        return true
    }

    /// A string in backticks as it stands, or in quotes with Go's escapes.
    private mutating func quoted() -> String? {
        let start = offset
        guard literal("`") || literal("\"") else { return nil }
        let quote = text[start]
        guard let close = text[offset...].firstIndex(of: quote) else {
            mistake("Unterminated string literal", in: "string", at: text.count)
            offset = start
            return nil
        }
        let body = text[offset..<close]
        offset = close + 1
        if quote == UInt8(ascii: "`") {
            return String(decoding: body.filter { $0 != 13 }, as: UTF8.self)
        }
        guard let value = Strconv.unquoted(body) else {
            mistake("invalid syntax", in: "string", at: start)
            return ""
        }
        return value
    }
}
