/// Which characters one place of a pattern takes.
struct PatternClass {
    /// What a class is made of. A part that is negated takes what it would not, in either case.
    struct Part {
        enum Kind {
            case ranges([ClosedRange<UInt32>])
            case categories([Unicode.GeneralCategory])
        }

        var kind: Kind
        var isNegated = false

        fileprivate func contains(_ scalar: Unicode.Scalar, _ others: [Unicode.Scalar]) -> Bool {
            (has(scalar) || others.contains(where: has)) != isNegated
        }

        private func has(_ scalar: Unicode.Scalar) -> Bool {
            switch kind {
            case .ranges(let ranges): ranges.contains { $0.contains(scalar.value) }
            case .categories(let categories):
                categories.contains(scalar.properties.generalCategory)
            }
        }
    }

    var parts: [Part] = []
    var isNegated = false
    /// Whether it takes a character that is one of its own in another case.
    var foldsCase = false

    /// - Parameter others: the scalar in other cases, where the pattern asks for them.
    func contains(_ scalar: Unicode.Scalar, _ others: [Unicode.Scalar]) -> Bool {
        let others = foldsCase ? others : []
        return parts.contains { $0.contains(scalar, others) } != isNegated
    }
}

extension PatternClass {
    init(_ ranges: ClosedRange<UInt32>..., isNegated: Bool = false) {
        parts = [Part(kind: .ranges(ranges))]
        self.isNegated = isNegated
    }

    static let word = PatternClass(parts: [Part(kind: .ranges(Part.wordRanges))])
    static let any = PatternClass(0...0x10FFFF)
    static let anyButNewline = PatternClass(10...10, isNegated: true)
}

extension PatternClass.Part {
    fileprivate static let wordRanges: [ClosedRange<UInt32>] = [
        48...57, 65...90, 95...95, 97...122,
    ]

    /// `\d`, `\S` and their like; nil for another letter.
    static func perl(_ letter: Unicode.Scalar) -> PatternClass.Part? {
        switch letter {
        case "d", "D": PatternClass.Part(kind: .ranges([48...57]), isNegated: letter == "D")
        case "w", "W":
            PatternClass.Part(kind: .ranges(wordRanges), isNegated: letter == "W")
        case "s", "S":
            PatternClass.Part(kind: .ranges([9...10, 12...13, 32...32]), isNegated: letter == "S")
        default: nil
        }
    }

    /// `[:alpha:]` and its like by the name between the colons.
    static func posix(_ name: Substring) -> PatternClass.Part? {
        let isNegated = name.hasPrefix("^")
        let ranges: [ClosedRange<UInt32>]
        switch isNegated ? name.dropFirst() : name {
        case "alnum": ranges = [48...57, 65...90, 97...122]
        case "alpha": ranges = [65...90, 97...122]
        case "ascii": ranges = [0...127]
        case "blank": ranges = [9...9, 32...32]
        case "cntrl": ranges = [0...31, 127...127]
        case "digit": ranges = [48...57]
        case "graph": ranges = [33...126]
        case "lower": ranges = [97...122]
        case "print": ranges = [32...126]
        case "punct": ranges = [33...47, 58...64, 91...96, 123...126]
        case "space": ranges = [9...13, 32...32]
        case "upper": ranges = [65...90]
        case "word": ranges = wordRanges
        case "xdigit": ranges = [48...57, 65...70, 97...102]
        default: return nil
        }
        return PatternClass.Part(kind: .ranges(ranges), isNegated: isNegated)
    }

    /// A general category of Unicode by its name, as "L" and "Lu", or "Any".
    static func unicode(_ name: Substring) -> PatternClass.Part? {
        if name == "Any" { return PatternClass.Part(kind: .ranges([0...0x10FFFF])) }
        let named = categories.filter { $0.name == name || ($0.name.prefix(1) == name) }
        guard !named.isEmpty else { return nil }
        return PatternClass.Part(kind: .categories(named.map(\.category)))
    }

    /// Without Cn, which Go has not.
    private static let categories: [(name: String, category: Unicode.GeneralCategory)] = [
        ("Cc", .control), ("Cf", .format), ("Co", .privateUse), ("Cs", .surrogate),
        ("Ll", .lowercaseLetter), ("Lm", .modifierLetter), ("Lo", .otherLetter),
        ("Lt", .titlecaseLetter), ("Lu", .uppercaseLetter),
        ("Mc", .spacingMark), ("Me", .enclosingMark), ("Mn", .nonspacingMark),
        ("Nd", .decimalNumber), ("Nl", .letterNumber), ("No", .otherNumber),
        ("Pc", .connectorPunctuation), ("Pd", .dashPunctuation), ("Pe", .closePunctuation),
        ("Pf", .finalPunctuation), ("Pi", .initialPunctuation), ("Po", .otherPunctuation),
        ("Ps", .openPunctuation),
        ("Sc", .currencySymbol), ("Sk", .modifierSymbol), ("Sm", .mathSymbol),
        ("So", .otherSymbol),
        ("Zl", .lineSeparator), ("Zp", .paragraphSeparator), ("Zs", .spaceSeparator),
    ]
}

/// The same letter in other cases, by Unicode's simple folding (CaseFolding.txt, status C and S).
enum CaseVariants {
    static func others(of scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        // The letters of Turkish are mapped by language only.
        if scalar == "\u{130}" || scalar == "\u{131}" { return [] }
        if let orbit = orbitOf[scalar] { return orbit.filter { $0 != scalar } }
        let properties = scalar.properties
        // Where the upper case takes two characters the title case may be one.
        let mapped = [
            properties.lowercaseMapping, properties.uppercaseMapping, properties.titlecaseMapping,
        ]
        return mapped.compactMap { text in
            let scalars = text.unicodeScalars
            guard scalars.count == 1, let other = scalars.first, other != scalar else { return nil }
            return other
        }
    }

    private static let orbitOf: [Unicode.Scalar: [Unicode.Scalar]] = Dictionary(
        uniqueKeysWithValues: orbits.flatMap { orbit in orbit.map { ($0, orbit) } }
    )

    /// Letters with more than one other form.
    private static let orbits: [[Unicode.Scalar]] = [
        ["K", "k", "\u{212A}"], ["S", "s", "\u{17F}"], ["\u{C5}", "\u{E5}", "\u{212B}"],
        ["\u{B5}", "\u{39C}", "\u{3BC}"], ["\u{DF}", "\u{1E9E}"],
        ["\u{1C4}", "\u{1C5}", "\u{1C6}"], ["\u{1C7}", "\u{1C8}", "\u{1C9}"],
        ["\u{1CA}", "\u{1CB}", "\u{1CC}"], ["\u{1F1}", "\u{1F2}", "\u{1F3}"],
        ["\u{345}", "\u{399}", "\u{3B9}", "\u{1FBE}"], ["\u{392}", "\u{3B2}", "\u{3D0}"],
        ["\u{395}", "\u{3B5}", "\u{3F5}"], ["\u{398}", "\u{3B8}", "\u{3D1}", "\u{3F4}"],
        ["\u{39A}", "\u{3BA}", "\u{3F0}"], ["\u{3A0}", "\u{3C0}", "\u{3D6}"],
        ["\u{3A1}", "\u{3C1}", "\u{3F1}"], ["\u{3A3}", "\u{3C2}", "\u{3C3}"],
        ["\u{3A6}", "\u{3C6}", "\u{3D5}"], ["\u{3A9}", "\u{3C9}", "\u{2126}"],
        ["\u{412}", "\u{432}", "\u{1C80}"], ["\u{414}", "\u{434}", "\u{1C81}"],
        ["\u{41E}", "\u{43E}", "\u{1C82}"], ["\u{421}", "\u{441}", "\u{1C83}"],
        ["\u{422}", "\u{442}", "\u{1C84}", "\u{1C85}"], ["\u{42A}", "\u{44A}", "\u{1C86}"],
        ["\u{462}", "\u{463}", "\u{1C87}"], ["\u{1C88}", "\u{A64A}", "\u{A64B}"],
        ["\u{1E60}", "\u{1E61}", "\u{1E9B}"],
    ]
}
