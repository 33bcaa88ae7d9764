/// Regular expressions of filters: all ways through the pattern are followed at once, as Go's RE2
/// does, so that a match takes at most the pattern's steps times the text's characters.
///
/// The language is that of Go's regexp/syntax, in its Perl flavour; of its Unicode classes it has
/// the general categories (`\pL`, `\p{Lu}`, `\p{Any}`) and not the scripts. What is captured is
/// nobody's business here, and lazy repeats match where others do.
///
/// Map: `PatternReader` (from text to parts), `PatternClass` (which characters a part takes).
struct FilterPattern {
    private enum Step {
        case scalar(PatternClass)
        case split(Int, Int)
        case jump(Int)
        case position(Position)
        case accept
    }

    /// What is asked of a place between two characters.
    enum Position {
        case textStart
        case textEnd
        case lineStart
        case lineEnd
        case wordBoundary
        case noWordBoundary

        func holds(at offset: Int, in text: [Unicode.Scalar]) -> Bool {
            switch self {
            case .textStart: offset == 0
            case .textEnd: offset == text.count
            case .lineStart: offset == 0 || text[offset - 1] == "\n"
            case .lineEnd: offset == text.count || text[offset] == "\n"
            case .wordBoundary: Self.isWordBoundary(offset, text)
            case .noWordBoundary: !Self.isWordBoundary(offset, text)
            }
        }

        /// Between a character of `\w` and another one, or the text's end.
        private static func isWordBoundary(_ offset: Int, _ text: [Unicode.Scalar]) -> Bool {
            let before = offset > 0 && PatternClass.word.contains(text[offset - 1], [])
            let after = offset < text.count && PatternClass.word.contains(text[offset], [])
            return before != after
        }
    }

    indirect enum Node {
        case empty
        case set(PatternClass)
        case position(Position)
        case sequence([Node])
        case either(Node, Node)
        case times(Node, min: Int, max: Int?)

        var isEmpty: Bool {
            if case .empty = self { true } else { false }
        }

        /// How many copies of one part the repeats within make together, as RE2's limit counts
        /// them; what is repeated 0 times counts nothing.
        var copies: Int {
            switch self {
            case .empty, .set, .position: return 1
            case .sequence(let nodes): return nodes.reduce(1) { max($0, $1.copies) }
            case .either(let left, let right): return max(left.copies, right.copies)
            case .times(let inner, let min, let most):
                if most == 0 { return 1 }
                return max(1, most ?? min) * inner.copies
            }
        }
    }

    static let stepsMax = 4_096
    /// Parts that are gone through to make the steps, since not every part makes one.
    private static let visitsMax = 4 * stepsMax

    private var steps: [Step] = []
    private var visits = 0
    var stepCount: Int { steps.count }
    /// Whether a part takes a character in either case.
    private var foldsCase = false

    init(_ pattern: String) throws(DecodeError) {
        try compile(try PatternReader.read(pattern), pattern)
        steps.append(.accept)
    }

    /// Where a match has come to in its text. Its lists keep their memory from one character to
    /// the next.
    private struct Run {
        let text: [Unicode.Scalar]
        /// At which position each step was reached last: at one position a step counts once.
        var marks: [Int]
        /// The steps that wait for the character at the position, and those for the next one.
        var current: [Int] = []
        var next: [Int] = []
        var pending: [Int] = []
    }

    /// Whether some part of the text matches.
    func matches(_ text: String) -> Bool {
        let text = Array(text.unicodeScalars)
        var run = Run(text: text, marks: [Int](repeating: -1, count: steps.count))
        for position in 0...text.count {
            if follow(0, position, &run) { return true }
            guard position < text.count else { return false }
            swap(&run.current, &run.next)
            run.next.removeAll(keepingCapacity: true)
            let scalar = text[position]
            let variants = foldsCase ? CaseVariants.others(of: scalar) : []
            for state in run.current {
                guard case .scalar(let set) = steps[state] else { continue }
                guard set.contains(scalar, variants) else { continue }
                if follow(state + 1, position + 1, &run) { return true }
            }
        }
        return false
    }

    /// Follows what needs no character; true when the end of the pattern is reached.
    private func follow(_ state: Int, _ position: Int, _ run: inout Run) -> Bool {
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
            case .position(let asked):
                if asked.holds(at: position, in: run.text) { run.pending.append(state + 1) }
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
        case .set(let set):
            if set.foldsCase { foldsCase = true }
            steps.append(.scalar(set))
        case .position(let position): steps.append(.position(position))
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
}
