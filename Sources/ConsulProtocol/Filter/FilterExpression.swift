/// A filter, read: the language of hashicorp/go-bexpr, of which Consul 1.8 has all.
public indirect enum FilterExpression: Equatable, Sendable {
    case and(FilterExpression, FilterExpression)
    case or(FilterExpression, FilterExpression)
    case not(FilterExpression)
    case match(FilterMatch)
}

/// One condition on one field.
public struct FilterMatch: Equatable, Sendable {
    public enum Operator: String, Sendable {
        case equal = "Equal"
        case notEqual = "Not Equal"
        case isEmpty = "Is Empty"
        case isNotEmpty = "Is Not Empty"
        case contains = "In"
        case doesNotContain = "Not In"
        case matches = "Matches"
        case doesNotMatch = "Not Matches"
    }

    public var selector: [String]
    public var `operator`: Operator
    /// "" for the emptiness tests.
    public var value: String

    /// As go-bexpr prints it.
    public var selectorText: String { selector.joined(separator: ".") }
}

/// What a field of a filtered record is.
public indirect enum FilterSchema: Equatable, Sendable {
    case text
    case integer
    case bool
    case list(FilterSchema)
    /// A map with any keys.
    case map(FilterSchema)
    case record([String: FilterSchema])
}
