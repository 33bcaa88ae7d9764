/// Regular expressions of filters, matched in time proportional to the text (as Go's RE2 does):
/// all ways through the pattern are followed at once, so that no pattern can hold a server up.
///
/// Known: literals, `.`, classes and their negations, `\d \w \s` and their negations, `^ $`,
/// groups, `|`, `* + ?` (also lazy) and `{n,m}`. Anything else of RE2 is an error.
struct FilterPattern {
    private enum Step {
        case scalar(Set)
        case split(Int, Int)
        case jump(Int)
        case start
        case end
        case accept
    }

    /// Ranges of scalars, or everything but them.
    struct Set {
        var ranges: [ClosedRange<UInt32>] = []
        var isNegated = false

        func contains(_ value: UInt32) -> Bool {
            ranges.contains { $0.contains(value) } != isNegated
        }
    }

    private indirect enum Node {
        case empty
        case set(Set)
        case start
        case end
        case sequence([Node])
        case either(Node, Node)
        case times(Node, min: Int, max: Int?)

        /// How many copies of one part the repeats within make together, as RE2's limit counts
        /// them; what is repeated 0 times counts nothing.
        var copies: Int {
            switch self {
            case .empty, .set, .start, .end: return 1
            case .sequence(let nodes): return nodes.reduce(1) { max($0, $1.copies) }
            case .either(let left, let right): return max(left.copies, right.copies)
            case .times(let inner, let min, let most):
                if most == 0 { return 1 }
                return max(1, most ?? min) * inner.copies
            }
        }
    }

    private static let stepsMax = 4_096
    /// Parts that are gone through to make the steps, since not every part makes one.
    private static let visitsMax = 4 * stepsMax
    /// Of one repeat, and of repeats within repeats together.
    private static let repeatMax = 1_000
    /// The braces of a repeat with what they hold: two numbers, of which either may be too large.
    private static let boundsScalarsMax = 48

    private var steps: [Step] = []
    private var visits = 0

    init(_ pattern: String) throws(DecodeError) {
        var reader = Reader(scalars: Array(pattern.unicodeScalars), pattern: pattern)
        let node = try reader.alternatives(depth: 0)
        guard reader.isAtEnd else { throw reader.failure("unexpected ): `\(pattern)`") }
        try compile(node, pattern)
        steps.append(.accept)
    }

    /// Where a match has come to in its text. Its lists keep their memory from one character to
    /// the next.
    private struct Run {
        /// At which position each step was reached last: at one position a step counts once.
        var marks: [Int]
        /// The steps that wait for the character at the position, and those for the next one.
        var current: [Int] = []
        var next: [Int] = []
        var pending: [Int] = []
    }

    /// Whether some part of the text matches.
    func matches(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        var run = Run(marks: [Int](repeating: -1, count: steps.count))
        for position in 0...scalars.count {
            if follow(0, position, scalars.count, &run) { return true }
            guard position < scalars.count else { return false }
            swap(&run.current, &run.next)
            run.next.removeAll(keepingCapacity: true)
            for state in run.current {
                guard case .scalar(let set) = steps[state] else { continue }
                guard set.contains(scalars[position].value) else { continue }
                if follow(state + 1, position + 1, scalars.count, &run) { return true }
            }
        }
        return false
    }

    /// Follows what needs no character; true when the end of the pattern is reached.
    private func follow(_ state: Int, _ position: Int, _ count: Int, _ run: inout Run) -> Bool {
        run.pending.append(state)
        while let state = run.pending.popLast() {
            if run.marks[state] == position { continue }
            run.marks[state] = position
            switch steps[state] {
            case .accept: return true
            case .jump(let target): run.pending.append(target)
            case .split(let first, let second):
                run.pending.append(second)
                run.pending.append(first)
            case .start: if position == 0 { run.pending.append(state + 1) }
            case .end: if position == count { run.pending.append(state + 1) }
            case .scalar: run.next.append(state)
            }
        }
        return false
    }

    private mutating func compile(_ node: Node, _ pattern: String) throws(DecodeError) {
        visits += 1
        guard steps.count < Self.stepsMax, visits < Self.visitsMax else {
            throw DecodeError("error parsing regexp: expression too large: `\(pattern)`")
        }
        switch node {
        case .empty: return
        case .set(let set): steps.append(.scalar(set))
        case .start: steps.append(.start)
        case .end: steps.append(.end)
        case .sequence(let nodes): for node in nodes { try compile(node, pattern) }
        case .either(let left, let right):
            let split = steps.count
            steps.append(.accept)
            try compile(left, pattern)
            let jump = steps.count
            steps.append(.accept)
            steps[split] = .split(split + 1, steps.count)
            try compile(right, pattern)
            steps[jump] = .jump(steps.count)
        case .times(.empty, _, _): return
        case .times(let inner, let min, let max):
            for _ in 0..<min { try compile(inner, pattern) }
            guard let max else { return try compileStar(inner, pattern) }
            for _ in min..<Swift.max(min, max) {
                let split = steps.count
                steps.append(.accept)
                try compile(inner, pattern)
                steps[split] = .split(split + 1, steps.count)
            }
        }
    }

    private mutating func compileStar(_ inner: Node, _ pattern: String) throws(DecodeError) {
        let split = steps.count
        steps.append(.accept)
        try compile(inner, pattern)
        steps.append(.jump(split))
        steps[split] = .split(split + 1, steps.count)
    }

    /// Reads a pattern.
    private struct Reader {
        let scalars: [Unicode.Scalar]
        let pattern: String
        var offset = 0

        var isAtEnd: Bool { offset == scalars.count }

        func failure(_ reason: String) -> DecodeError {
            DecodeError("error parsing regexp: \(reason)")
        }

        private func isAt(_ scalar: Unicode.Scalar) -> Bool {
            offset < scalars.count && scalars[offset] == scalar
        }

        private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
            guard isAt(scalar) else { return false }
            offset += 1
            return true
        }

        mutating func alternatives(depth: Int) throws(DecodeError) -> Node {
            guard depth < 64 else { throw failure("expression nests too deeply: `\(pattern)`") }
            var node = try sequence(depth: depth)
            while take("|") { node = .either(node, try sequence(depth: depth)) }
            return node
        }

        private mutating func sequence(depth: Int) throws(DecodeError) -> Node {
            var nodes: [Node] = []
            while !isAtEnd, !isAt("|"), !isAt(")") {
                let node = try repeated(try atom(depth: depth))
                if case .empty = node { continue }
                nodes.append(node)
            }
            if nodes.count == 1 { return nodes[0] }
            return nodes.isEmpty ? .empty : .sequence(nodes)
        }

        /// The node with the repeat that follows it, if one does. As in RE2 a repeat of a repeat
        /// must stand in a group, and repeats within repeats are bounded together.
        private mutating func repeated(_ node: Node) throws(DecodeError) -> Node {
            let start = offset
            guard let range = try times() else { return node }
            _ = take("?")
            let repeated = Node.times(node, min: range.min, max: range.max)
            guard repeated.copies <= FilterPattern.repeatMax else {
                throw failure("invalid repeat count: `\(text(from: start))`")
            }
            if try times() != nil {
                _ = take("?")
                throw failure("invalid nested repetition operator: `\(text(from: start))`")
            }
            return repeated
        }

        /// How often what stands before is there; nil where no repeat begins.
        private mutating func times() throws(DecodeError) -> (min: Int, max: Int?)? {
            if take("*") { return (0, nil) }
            if take("+") { return (1, nil) }
            if take("?") { return (0, 1) }
            let start = offset
            guard isAt("{"), let bounds = bounds() else { return nil }
            guard bounds.1 ?? bounds.0 >= bounds.0,
                max(bounds.0, bounds.1 ?? 0) <= FilterPattern.repeatMax
            else { throw failure("invalid repeat count: `\(text(from: start))`") }
            return (bounds.0, bounds.1)
        }

        private func text(from start: Int) -> String {
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars[start..<offset])
            return String(text)
        }

        /// "{n}", "{n,}", "{n,m}"; anything else is the brace itself.
        private mutating func bounds() -> (Int, Int?)? {
            let near = scalars[offset...].prefix(FilterPattern.boundsScalarsMax)
            guard let close = near.firstIndex(of: "}") else { return nil }
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars[(offset + 1)..<close])
            let parts = String(text).split(separator: ",", omittingEmptySubsequences: false)
            guard parts.count <= 2, let low = Int(parts[0]), low >= 0 else { return nil }
            if parts.count == 1 {
                offset = close + 1
                return (low, low)
            }
            if parts[1].isEmpty {
                offset = close + 1
                return (low, nil)
            }
            guard let high = Int(parts[1]) else { return nil }
            offset = close + 1
            return (low, high)
        }

        private mutating func atom(depth: Int) throws(DecodeError) -> Node {
            let scalar = scalars[offset]
            offset += 1
            switch scalar {
            case ".": return .set(Set(ranges: [10...10], isNegated: true))
            case "^": return .start
            case "$": return .end
            case "(": return try group(depth: depth)
            case "[": return .set(try bracket())
            case "\\": return .set(try escape())
            case "*", "+", "?":
                throw failure("missing argument to repetition operator: `\(scalar)`")
            default: return .set(Set(ranges: [scalar.value...scalar.value]))
            }
        }

        private mutating func group(depth: Int) throws(DecodeError) -> Node {
            if take("?") {
                guard take(":") else {
                    throw failure("invalid or unsupported Perl syntax: `(?`")
                }
            }
            let inner = try alternatives(depth: depth + 1)
            guard take(")") else { throw failure("missing closing ): `\(pattern)`") }
            return inner
        }

        private mutating func escape() throws(DecodeError) -> Set {
            guard !isAtEnd else { throw failure("trailing backslash at end of expression: ``") }
            let scalar = scalars[offset]
            offset += 1
            switch scalar {
            case "d", "D": return Set(ranges: [48...57], isNegated: scalar == "D")
            case "w", "W":
                return Set(ranges: [48...57, 65...90, 95...95, 97...122], isNegated: scalar == "W")
            case "s", "S": return Set(ranges: [9...10, 12...13, 32...32], isNegated: scalar == "S")
            case "n": return Set(ranges: [10...10])
            case "t": return Set(ranges: [9...9])
            case "r": return Set(ranges: [13...13])
            default:
                let isWord = scalar.isASCII && scalar.properties.isAlphabetic
                if isWord { throw failure("invalid escape sequence: `\\\(scalar)`") }
                return Set(ranges: [scalar.value...scalar.value])
            }
        }

        private mutating func bracket() throws(DecodeError) -> Set {
            var set = Set(isNegated: take("^"))
            var isFirst = true
            while isFirst || !isAt("]") {
                guard !isAtEnd else { throw failure("missing closing ]: `\(pattern)`") }
                isFirst = false
                let low = scalars[offset]
                offset += 1
                if low == "\\" {
                    let escaped = try escape()
                    if escaped.isNegated { throw failure("invalid character class: `\(pattern)`") }
                    set.ranges += escaped.ranges
                    continue
                }
                var high = low
                if isAt("-"), offset + 1 < scalars.count, scalars[offset + 1] != "]" {
                    high = scalars[offset + 1]
                    offset += 2
                }
                guard low.value <= high.value else {
                    throw failure("invalid character class range: `\(low)-\(high)`")
                }
                set.ranges.append(low.value...high.value)
            }
            offset += 1
            return set
        }
    }
}
