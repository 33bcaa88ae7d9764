import Bytes

/// A filter that fits the records it is meant for.
///
/// Records are looked at as the JSON that would be answered, whose names are those of Consul's
/// structs; a null stands for an empty list or map.
public struct Filter: Sendable {
    private let expression: FilterExpression
    private let schema: FilterSchema
    private let literals: Literals

    /// What a filter's values are where they are no texts, by their text: each is read once for all
    /// records.
    fileprivate struct Literals {
        var patterns: [String: FilterPattern] = [:]
        /// Of all patterns together.
        var steps = 0
        var integers: [String: Int64] = [:]
    }

    /// Reads and checks a filter; the error is the text of the 500 that Consul answers.
    public init(
        _ text: String,
        schema: FilterSchema,
        limits: ConsulLimits
    ) throws(DecodeError) {
        var literals = Literals()
        do throws(DecodeError) {
            expression = try FilterParser.parse(text, limits: limits)
            try Self.check(expression, schema, &literals)
        } catch {
            throw DecodeError("Failed to create boolean expression evaluator: \(error.text)")
        }
        self.schema = schema
        self.literals = literals
    }

    public func matches(_ record: JSONValue) -> Bool {
        evaluate(expression, record)
    }

    private static func check(
        _ expression: FilterExpression,
        _ schema: FilterSchema,
        _ literals: inout Literals
    ) throws(DecodeError) {
        switch expression {
        case .and(let left, let right), .or(let left, let right):
            try check(left, schema, &literals)
            try check(right, schema, &literals)
        case .not(let inner): try check(inner, schema, &literals)
        case .match(let match): try check(match, schema, &literals)
        }
    }

    private static func check(
        _ match: FilterMatch,
        _ schema: FilterSchema,
        _ literals: inout Literals
    ) throws(DecodeError) {
        guard let field = field(match.selector[...], schema) else {
            let known = match.selector.indices.first {
                self.field(match.selector[...$0], schema) == nil
            }
            let wrong = match.selector[...(known ?? match.selector.count - 1)]
            let text = Strconv.quoted(wrong.joined(separator: "."))
            throw DecodeError("Selector \(text) is not valid")
        }
        let isCollection =
            switch field {
            case .list, .map: true
            default: false
            }
        let isAllowed =
            switch (match.operator, field) {
            case (_, .record): false
            case (.equal, _), (.notEqual, _): !isCollection
            case (.isEmpty, _), (.isNotEmpty, _): isCollection
            case (.contains, .list(.record)), (.doesNotContain, .list(.record)): false
            case (.contains, _), (.doesNotContain, _): isCollection || field == .text
            case (.matches, _), (.doesNotMatch, _): field == .text
            }
        guard isAllowed else {
            throw DecodeError(
                "Invalid match operator \(Strconv.quoted(match.operator.rawValue)) for selector "
                    + Strconv.quoted(match.selectorText)
            )
        }
        switch match.operator {
        case .isEmpty, .isNotEmpty: return
        case .matches, .doesNotMatch: try literals.read(pattern: match.value)
        case .equal, .notEqual, .contains, .doesNotContain: try read(match, field, &literals)
        }
    }

    /// A value that is compared with a number or a truth value must be one.
    private static func read(
        _ match: FilterMatch,
        _ field: FilterSchema,
        _ literals: inout Literals
    ) throws(DecodeError) {
        do throws(DecodeError) {
            switch field {
            case .integer, .list(.integer):
                literals.integers[match.value] = try Strconv.parseSigned(match.value)
            case .bool: _ = try Strconv.parseBool(match.value)
            default: return
            }
        } catch {
            let value = Strconv.quoted(match.value)
            let selector = Strconv.quoted(match.selectorText)
            throw DecodeError(
                "Failed to coerce value \(value) for selector \(selector): \(error.text)"
            )
        }
    }

    /// What a selector names; lists are looked through.
    private static func field(
        _ selector: ArraySlice<String>,
        _ schema: FilterSchema
    ) -> FilterSchema? {
        guard let name = selector.first else { return schema }
        switch schema {
        case .record(let fields):
            guard let next = fields[name] else { return nil }
            return field(selector.dropFirst(), next)
        case .map(let value): return field(selector.dropFirst(), value)
        case .list(let element):
            if case .record = element { return field(selector, element) }
            return nil
        default: return nil
        }
    }

    private func evaluate(_ expression: FilterExpression, _ record: JSONValue) -> Bool {
        switch expression {
        case .and(let left, let right): evaluate(left, record) && evaluate(right, record)
        case .or(let left, let right): evaluate(left, record) || evaluate(right, record)
        case .not(let inner): !evaluate(inner, record)
        case .match(let match): evaluate(match, match.selector[...], record, schema)
        }
    }

    /// - Parameter value: nil: the answer leaves out what is as it is when nobody sets it.
    private func evaluate(
        _ match: FilterMatch,
        _ selector: ArraySlice<String>,
        _ value: JSONValue?,
        _ schema: FilterSchema
    ) -> Bool {
        guard let name = selector.first else { return holds(match, value ?? schema.unset) }
        switch schema {
        case .record(let fields):
            guard let field = fields[name] else { return false }
            return evaluate(match, selector.dropFirst(), value?.member(name), field)
        case .map(let entry):
            guard let member = value?.member(name) else {
                return Self.holdsOfNothing(match.operator)
            }
            return evaluate(match, selector.dropFirst(), member, entry)
        case .list(let element):
            guard case .array(let elements)? = value else { return false }
            return elements.contains { evaluate(match, selector, $0, element) }
        case .text, .integer, .bool: return false
        }
    }

    /// What a condition says of a map's entry that is not there. That `matches` holds is go-bexpr's
    /// (its evaluate.go asks for three operators and lets all others hold).
    private static func holdsOfNothing(_ operator: FilterMatch.Operator) -> Bool {
        switch `operator` {
        case .equal, .isNotEmpty, .contains: false
        case .notEqual, .isEmpty, .doesNotContain, .matches, .doesNotMatch: true
        }
    }

    private func holds(_ match: FilterMatch, _ value: JSONValue) -> Bool {
        switch match.operator {
        case .equal: equals(value, match.value)
        case .notEqual: !equals(value, match.value)
        case .isEmpty: Self.isEmpty(value)
        case .isNotEmpty: !Self.isEmpty(value)
        case .contains: contains(value, match.value)
        case .doesNotContain: !contains(value, match.value)
        case .matches: matches(value, match.value)
        case .doesNotMatch: !matches(value, match.value)
        }
    }

    private func equals(_ value: JSONValue, _ text: String) -> Bool {
        switch value {
        case .string(let other): other.bytes.elementsEqual(text.utf8)
        case .number(let number): Int64(number) == literals.integers[text]
        case .bool(let flag): (try? Strconv.parseBool(text)) == flag
        default: false
        }
    }

    private static func isEmpty(_ value: JSONValue) -> Bool {
        switch value {
        case .null: true
        case .string(let text): text.bytes.isEmpty
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        default: false
        }
    }

    private func contains(_ value: JSONValue, _ text: String) -> Bool {
        switch value {
        case .string(let other): other.bytes.contains(text.utf8)
        case .array(let elements): elements.contains { equals($0, text) }
        case .object(let members): members.contains { $0.name.utf8.elementsEqual(text.utf8) }
        default: false
        }
    }

    private func matches(_ value: JSONValue, _ pattern: String) -> Bool {
        guard case .string(let text) = value else { return false }
        return literals.patterns[pattern]?.matches(text.text) ?? false
    }
}

extension Filter.Literals {
    /// The patterns are bounded together as one is: each of them is matched with each record.
    fileprivate mutating func read(pattern text: String) throws(DecodeError) {
        if patterns[text] != nil { return }
        do throws(DecodeError) {
            let pattern = try FilterPattern(text)
            patterns[text] = pattern
            steps += pattern.stepCount
        } catch {
            let quoted = Strconv.quoted(text)
            throw DecodeError("Failed to compile regular expression \(quoted): \(error.text)")
        }
        guard steps <= FilterPattern.stepsMax else {
            throw DecodeError("the regular expressions are too large together")
        }
    }
}

extension FilterSchema {
    /// A field's value when nobody sets it.
    fileprivate var unset: JSONValue {
        switch self {
        case .text: .string("")
        case .integer: .number("0")
        case .bool: .bool(false)
        case .list: .array([])
        case .map, .record: .object([])
        }
    }
}

extension JSONValue {
    fileprivate func member(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name.utf8.elementsEqual(name.utf8) }?.value
    }
}
