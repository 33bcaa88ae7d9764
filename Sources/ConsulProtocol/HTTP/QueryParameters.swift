import Bytes

/// The parameters of a request, in their order, as Go 1.15's `url.ParseQuery` finds them.
public struct QueryParameters: Equatable, Sendable {
    public struct Pair: Equatable, Sendable {
        public let name: String
        public let value: String
    }

    public private(set) var pairs: [Pair] = []
    /// An escape was malformed: Consul then answers 500 with nothing else.
    public private(set) var isMalformed = false

    public init() {}

    public init(_ query: RawSpan) {
        var start = 0
        while start < query.byteCount {
            var end = start
            while end < query.byteCount, !Self.isSeparator(query[byte: end]) { end += 1 }
            if end > start { add(query.extracting(start..<end)) }
            start = end + 1
        }
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "&") || byte == UInt8(ascii: ";")
    }

    private mutating func add(_ part: RawSpan) {
        let equals = part.firstOffset(of: UInt8(ascii: "="))
        let nameEnd = equals ?? part.byteCount
        let valueStart = equals.map { $0 + 1 } ?? part.byteCount
        guard let name = URLEscape.query(part.extracting(0..<nameEnd)),
            let value = URLEscape.query(part.extracting(valueStart..<part.byteCount))
        else {
            isMalformed = true
            return
        }
        let pair = Pair(
            name: String(decoding: name, as: UTF8.self),
            value: String(decoding: value, as: UTF8.self)
        )
        pairs.append(pair)
    }

    public var isEmpty: Bool { pairs.isEmpty }

    public func has(_ name: String) -> Bool {
        for pair in pairs where pair.name == name { return true }
        return false
    }

    /// The first value of `name`, "" when it is not there.
    public func first(_ name: String) -> String {
        for pair in pairs where pair.name == name { return pair.value }
        return ""
    }

    public func all(_ name: String) -> [String] {
        pairs.filter { $0.name == name }.map(\.value)
    }

    /// `url.Values.Encode`: sorted by name.
    public func encoded() -> String {
        let sorted = pairs.enumerated().sorted { left, right in
            (left.element.name, left.offset) < (right.element.name, right.offset)
        }
        return sorted.map { _, pair in
            let name = URLEscape.escapedQuery(Array(pair.name.utf8))
            return name + "=" + URLEscape.escapedQuery(Array(pair.value.utf8))
        }.joined(separator: "&")
    }
}
