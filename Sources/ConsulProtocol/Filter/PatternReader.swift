/// Reads a regular expression, with the errors of Go's regexp/syntax (Go 1.14, Perl's flags).
struct PatternReader {
    /// Of one repeat, and of repeats within repeats together.
    private static let repeatMax = 1_000
    private static let depthMax = 64

    private let scalars: [Unicode.Scalar]
    private let pattern: String
    private var offset = 0
    private var flags = Flags()
    /// Whether no ":]" comes any more, which is looked for once.
    private var lacksPosixEnd = false

    /// What a `(?flags)` sets, to the end of the group that it stands in.
    private struct Flags {
        /// i
        var foldsCase = false
        /// m
        var isMultiline = false
        /// s
        var dotTakesNewline = false

        /// Sets a flag; false for a letter that is none. U changes nothing of whether a text
        /// matches.
        mutating func set(_ letter: Unicode.Scalar, to value: Bool) -> Bool {
            switch letter {
            case "i": foldsCase = value
            case "m": isMultiline = value
            case "s": dotTakesNewline = value
            case "U": break
            default: return false
            }
            return true
        }
    }

    static func read(_ pattern: String) throws(DecodeError) -> FilterPattern.Node {
        var reader = PatternReader(pattern)
        let node = try reader.alternatives(depth: 0)
        guard reader.isAtEnd else { throw reader.failure("unexpected )", pattern) }
        return node
    }

    private init(_ pattern: String) {
        scalars = Array(pattern.unicodeScalars)
        self.pattern = pattern
    }

    private var isAtEnd: Bool { offset == scalars.count }

    private func failure(_ reason: String, _ part: String) -> DecodeError {
        DecodeError("error parsing regexp: \(reason): `\(part)`")
    }

    /// The text from there to where the reader is, or to another place.
    private func text(from start: Int, to end: Int? = nil) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[start..<(end ?? offset)])
        return String(text)
    }

    private func isAt(_ scalar: Unicode.Scalar) -> Bool {
        offset < scalars.count && scalars[offset] == scalar
    }

    private func follows(_ text: String, at offset: Int) -> Bool {
        scalars[offset...].starts(with: text.unicodeScalars)
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard isAt(scalar) else { return false }
        offset += 1
        return true
    }

    private mutating func next() -> Unicode.Scalar? {
        guard offset < scalars.count else { return nil }
        offset += 1
        return scalars[offset - 1]
    }

    // MARK: Groups

    private mutating func alternatives(depth: Int) throws(DecodeError) -> FilterPattern.Node {
        guard depth < Self.depthMax else {
            throw failure("expression nests too deeply", pattern)
        }
        var node = try sequence(depth: depth)
        while take("|") { node = .either(node, try sequence(depth: depth)) }
        return node
    }

    private mutating func sequence(depth: Int) throws(DecodeError) -> FilterPattern.Node {
        var nodes: [FilterPattern.Node] = []
        var lastRepeat: Int?
        while !isAtEnd, !isAt("|"), !isAt(")") {
            let start = offset
            if let bounds = try repetition() {
                try apply(bounds, to: &nodes, from: start, after: lastRepeat)
                lastRepeat = start
                continue
            }
            lastRepeat = nil
            try atom(depth: depth, into: &nodes)
        }
        nodes.removeAll { $0.isEmpty }
        if nodes.count == 1 { return nodes[0] }
        return nodes.isEmpty ? .empty : .sequence(nodes)
    }

    /// A group, or flags for the rest of this one.
    private mutating func group(
        depth: Int,
        into nodes: inout [FilterPattern.Node]
    ) throws(DecodeError) {
        let outer = flags
        if isAt("?"), try !openGroup() { return }
        let inner = try alternatives(depth: depth + 1)
        guard take(")") else { throw failure("missing closing )", pattern) }
        flags = outer
        nodes.append(inner)
    }

    /// What follows "(" and begins with "?": true if a group begins, false if flags alone stood
    /// there.
    private mutating func openGroup() throws(DecodeError) -> Bool {
        let start = offset - 1
        if follows("?P<", at: offset), start + 4 < scalars.count {
            guard let end = scalars[offset...].firstIndex(of: ">") else {
                throw failure("invalid named capture", text(from: start, to: scalars.count))
            }
            let name = scalars[(offset + 3)..<end]
            offset = end + 1
            let isValid = !name.isEmpty && name.allSatisfy { $0 == "_" || $0.isWordOfASCII }
            guard isValid else { throw failure("invalid named capture", text(from: start)) }
            return true
        }
        offset += 1
        var set = flags
        var isSetting = true
        var hasLetter = false
        while let letter = next() {
            switch letter {
            case ":", ")":
                guard isSetting || hasLetter else { throw unsupported(from: start) }
                flags = set
                return letter == ":"
            case "-":
                guard isSetting else { throw unsupported(from: start) }
                isSetting = false
                hasLetter = false
            default:
                guard set.set(letter, to: isSetting) else { throw unsupported(from: start) }
                hasLetter = true
            }
        }
        throw unsupported(from: start)
    }

    private func unsupported(from start: Int) -> DecodeError {
        failure("invalid or unsupported Perl syntax", text(from: start))
    }

    // MARK: Repeats

    /// How often what stands before is there; nil where no repeat begins.
    private mutating func repetition() throws(DecodeError) -> (min: Int, max: Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        let start = offset
        guard let bounds = bounds() else { return nil }
        let isOrdered = bounds.max.map { $0 >= bounds.min } ?? true
        guard isOrdered, bounds.min <= Self.repeatMax, (bounds.max ?? 0) <= Self.repeatMax else {
            throw failure("invalid repeat count", text(from: start))
        }
        return bounds
    }

    /// "{n}", "{n,}", "{n,m}"; anything else is the brace itself. A number too large for any
    /// repeat stands for all such.
    private mutating func bounds() -> (min: Int, max: Int?)? {
        let start = offset
        guard take("{"), let low = number() else {
            offset = start
            return nil
        }
        var high: Int? = low
        if take(",") { high = isAt("}") ? nil : number() ?? -1 }
        guard high != -1, take("}") else {
            offset = start
            return nil
        }
        return (low, high)
    }

    /// Digits, of which the first is 0 only where it is alone.
    private mutating func number() -> Int? {
        let start = offset
        while !isAtEnd, ("0"..."9").contains(scalars[offset]) { offset += 1 }
        guard offset > start, offset == start + 1 || scalars[start] != "0" else { return nil }
        return Int(text(from: start)) ?? .max
    }

    /// As in RE2 a repeat of a repeat must stand in a group, and repeats within repeats are bounded
    /// together.
    private mutating func apply(
        _ bounds: (min: Int, max: Int?),
        to nodes: inout [FilterPattern.Node],
        from start: Int,
        after lastRepeat: Int?
    ) throws(DecodeError) {
        _ = take("?")
        if let lastRepeat {
            throw failure("invalid nested repetition operator", text(from: lastRepeat))
        }
        guard let last = nodes.popLast() else {
            throw failure("missing argument to repetition operator", text(from: start))
        }
        let repeated = FilterPattern.Node.times(last, min: bounds.min, max: bounds.max)
        guard repeated.copies <= Self.repeatMax else {
            throw failure("invalid repeat count", text(from: start))
        }
        nodes.append(repeated)
    }

    // MARK: Single places

    private mutating func atom(
        depth: Int,
        into nodes: inout [FilterPattern.Node]
    ) throws(DecodeError) {
        guard let scalar = next() else { return }
        switch scalar {
        case "(": try group(depth: depth, into: &nodes)
        case "[": nodes.append(.set(try bracket()))
        case "\\": try escape(into: &nodes)
        case ".": nodes.append(.set(flags.dotTakesNewline ? .any : .anyButNewline))
        case "^": nodes.append(.position(flags.isMultiline ? .lineStart : .textStart))
        case "$": nodes.append(.position(flags.isMultiline ? .lineEnd : .textEnd))
        default: nodes.append(literal(scalar))
        }
    }

    private func literal(_ scalar: Unicode.Scalar) -> FilterPattern.Node {
        set(PatternClass.Part(kind: .ranges([scalar.value...scalar.value])))
    }

    private func set(_ part: PatternClass.Part) -> FilterPattern.Node {
        .set(PatternClass(parts: [part], foldsCase: flags.foldsCase))
    }

    /// What a backslash begins outside of brackets.
    private mutating func escape(into nodes: inout [FilterPattern.Node]) throws(DecodeError) {
        let start = offset - 1
        guard !isAtEnd else { throw trailingBackslash }
        let position: FilterPattern.Position
        switch scalars[offset] {
        case "A": position = .textStart
        case "z": position = .textEnd
        case "b": position = .wordBoundary
        case "B": position = .noWordBoundary
        case "Q":
            offset += 1
            while !isAtEnd, !follows("\\E", at: offset), let scalar = next() {
                nodes.append(literal(scalar))
            }
            if !isAtEnd { offset += 2 }
            return
        default:
            if let part = try classEscape(from: start) { return nodes.append(set(part)) }
            let scalar = try scalarEscape(from: start)
            return nodes.append(literal(scalar))
        }
        offset += 1
        nodes.append(.position(position))
    }

    private var trailingBackslash: DecodeError {
        failure("trailing backslash at end of expression", "")
    }

    /// `\d` and its like, `\pL`, `\p{Lu}`; nil if something else is escaped.
    private mutating func classEscape(from start: Int) throws(DecodeError) -> PatternClass.Part? {
        guard offset < scalars.count else { return nil }
        let letter = scalars[offset]
        if let part = PatternClass.Part.perl(letter) {
            offset += 1
            return part
        }
        guard letter == "p" || letter == "P" else { return nil }
        offset += 1
        var name = ""
        if isAt("{") {
            guard let end = scalars[offset...].firstIndex(of: "}") else {
                throw failure("invalid character class range", text(from: start, to: scalars.count))
            }
            name = text(from: offset + 1, to: end)
            offset = end + 1
        } else if let single = next() {
            name = String(single)
        }
        let isNegated = (letter == "P") != name.hasPrefix("^")
        let plain = name.hasPrefix("^") ? name.dropFirst() : name[...]
        guard var part = PatternClass.Part.unicode(plain) else {
            throw failure("invalid character class range", text(from: start))
        }
        part.isNegated = isNegated
        return part
    }

    /// One character that is written with a backslash, within brackets and outside.
    private mutating func scalarEscape(from start: Int) throws(DecodeError) -> Unicode.Scalar {
        guard let letter = next() else { throw trailingBackslash }
        var escaped: Unicode.Scalar?
        switch letter {
        case "a": escaped = "\u{7}"
        case "f": escaped = "\u{C}"
        case "n": escaped = "\n"
        case "r": escaped = "\r"
        case "t": escaped = "\t"
        case "v": escaped = "\u{B}"
        case "x": escaped = hexadecimal()
        case "0"..."7": escaped = octal(letter)
        default: if letter.isASCII, !letter.isWordOfASCII { escaped = letter }
        }
        guard let escaped else { throw failure("invalid escape sequence", text(from: start)) }
        return escaped
    }

    /// Up to three digits; a single one that is not 0 would be a reference to a group.
    private mutating func octal(_ first: Unicode.Scalar) -> Unicode.Scalar? {
        var value = first.value - 48
        guard value == 0 || isAtOctal else { return nil }
        for _ in 0..<2 where isAtOctal {
            value = value * 8 + scalars[offset].value - 48
            offset += 1
        }
        return Unicode.Scalar(value)
    }

    private var isAtOctal: Bool { !isAtEnd && ("0"..."7").contains(scalars[offset]) }

    /// Two digits, or any number of them in braces.
    private mutating func hexadecimal() -> Unicode.Scalar? {
        guard take("{") else {
            let high = next()?.hexadecimalValue
            guard let low = next()?.hexadecimalValue, let high else { return nil }
            return Unicode.Scalar(high * 16 + low)
        }
        var value: UInt32 = 0
        var digits = 0
        while let digit = next() {
            if digit == "}" { return digits > 0 ? Unicode.Scalar(value) : nil }
            guard let number = digit.hexadecimalValue else { return nil }
            value = value * 16 + number
            guard value <= 0x10FFFF else { return nil }
            digits += 1
        }
        return nil
    }

    // MARK: Brackets

    private mutating func bracket() throws(DecodeError) -> PatternClass {
        let start = offset - 1
        var set = PatternClass(isNegated: take("^"), foldsCase: flags.foldsCase)
        var isFirst = true
        while isFirst || !isAt("]") {
            isFirst = false
            if let part = try posixClass() {
                set.parts.append(part)
                continue
            }
            let partStart = offset
            if take("\\") {
                if let part = try classEscape(from: partStart) {
                    set.parts.append(part)
                    continue
                }
                offset = partStart
            }
            let low = try bracketScalar(bracket: start)
            var high = low
            if isAt("-"), offset + 1 < scalars.count, scalars[offset + 1] != "]" {
                offset += 1
                high = try bracketScalar(bracket: start)
            }
            guard low.value <= high.value else {
                throw failure("invalid character class range", text(from: partStart))
            }
            set.parts.append(PatternClass.Part(kind: .ranges([low.value...high.value])))
        }
        offset += 1
        return set
    }

    private mutating func bracketScalar(bracket start: Int) throws(DecodeError) -> Unicode.Scalar {
        let place = offset
        guard let scalar = next() else {
            throw failure("missing closing ]", text(from: start, to: scalars.count))
        }
        return scalar == "\\" ? try scalarEscape(from: place) : scalar
    }

    /// `[:alpha:]` within brackets; nil where none begins.
    private mutating func posixClass() throws(DecodeError) -> PatternClass.Part? {
        guard !lacksPosixEnd, follows("[:", at: offset) else { return nil }
        let start = offset
        var end = offset + 2
        while end < scalars.count, !follows(":]", at: end) { end += 1 }
        guard end < scalars.count else {
            lacksPosixEnd = true
            return nil
        }
        offset = end + 2
        guard let part = PatternClass.Part.posix(text(from: start + 2, to: end)[...]) else {
            throw failure("invalid character class range", text(from: start))
        }
        return part
    }
}

extension Unicode.Scalar {
    /// A letter or digit of ASCII.
    fileprivate var isWordOfASCII: Bool {
        switch self {
        case "0"..."9", "A"..."Z", "a"..."z": true
        default: false
        }
    }

    fileprivate var hexadecimalValue: UInt32? {
        switch self {
        case "0"..."9": value - 48
        case "A"..."F": value - 55
        case "a"..."f": value - 87
        default: nil
        }
    }
}
