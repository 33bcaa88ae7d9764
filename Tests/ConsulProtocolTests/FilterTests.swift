import Bytes
import ConsulProtocol
import Testing

@Suite("Filters are go-bexpr's")
struct FilterTests {
    private let schema = FilterSchema.record([
        "Node": .text,
        "Service": .record([
            "Port": .integer, "Tags": .list(.text), "Meta": .map(.text), "Native": .bool,
            "Mesh": .record([
                "Name": .text, "Port": .integer, "Native": .bool,
                "Upstreams": .list(.record(["Port": .integer])),
            ]),
        ]),
        "Checks": .list(.record(["Status": .text])),
    ])

    private func matches(_ filter: String) throws -> Bool {
        let json = """
            {"Node":"n1","Service":{"Port":80,"Tags":["a","b"],"Meta":{"x":"y"},"Native":true},\
            "Checks":[{"Status":"passing"},{"Status":"critical"}]}
            """
        let record = try JSONParser.parse(Array(json.utf8).rawSpan, depthMax: 64)
        return try Filter(filter, schema: schema, limits: ConsulLimits()).matches(record)
    }

    @Test(
        "conditions that hold",
        arguments: [
            "Node==n1", "Node != n2", "Service.Port == 80", "\"a\" in Service.Tags",
            "Service.Tags contains b", "z not in Service.Tags", "Service.Tags not contains z",
            "Service.Meta.x == y", "x in Service.Meta", "Service.Meta[\"x\"] == `y`",
            "Service.Tags is not empty", "Node matches `^n\\d+$`", "Node not matches \"^m\"",
            "Checks.Status == critical", "not Node == n2 and Service.Native == true",
            "Node == n2 or (Node == n1 and not Service.Port == 81)", "Service.Meta.z != y",
            "Service.Meta.z matches `no key, and yet`", "Service.Mesh.Name == \"\"",
            "Service.Mesh.Upstreams is empty", "not Service.Mesh.Upstreams.Port == 0",
            "Service.Mesh.Port == 0", "Service.Mesh.Native == false", "Service.Port == \"0x50\"",
            "Service.Port == \"0120\"", "Service.Port == \"8_0\"", "Service.Port == \"+80\"",
            "Node == \"\\x6e\\u0031\"", "(( Node == n1 ))\tor not\nNode == n1",
        ]
    )
    func holds(filter: String) throws {
        #expect(try matches(filter))
    }

    @Test(
        "conditions that do not hold",
        arguments: ["Node==n2", "Service.Meta is empty", "z in Service.Tags"]
    )
    func fails(filter: String) throws {
        #expect(try !matches(filter))
    }

    @Test(
        "errors are the real server's",
        arguments: [
            ("Nope==n1", "Selector \"Nope\" is not valid"),
            (
                "Service.Port == abc",
                "Failed to coerce value \"abc\" for selector \"Service.Port\": "
                    + "strconv.ParseInt: parsing \"abc\": invalid syntax"
            ),
            (
                "Node==",
                "1:7 (6): no match found, expected: "
                    + "\"-\", \"0\", \"\\\"\", \"`\", [ \\t\\r\\n], [1-9] or [a-zA-Z]"
            ),
            (
                "x",
                "1:2 (1): no match found, expected: "
                    + "\"!=\", \".\", \"==\", \"[\", [ \\t\\r\\n] or [a-zA-Z0-9_]"
            ),
            (
                "not(Node == n1)",
                "1:4 (3): no match found, expected: "
                    + "\"!=\", \".\", \"==\", \"[\", [ \\t\\r\\n] or [a-zA-Z0-9_]"
            ),
            (
                "Node is not nothing",
                "1:13 (12): no match found, expected: \"empty\" or [ \\t\\r\\n]"
            ),
            ("Node == 12a", "1:11 (10): rule \"number\": Invalid number literal"),
            ("Node in 1", "1:9 (8): rule \"match\": Invalid selector"),
            ("Service.Meta[x] == y", "1:14 (13): rule \"index\": Invalid index"),
            (
                "Service.Meta[\"x",
                "1:16 (15): rule \"string\": Unterminated string literal\n"
                    + "1:14 (13): rule \"index\": Invalid index"
            ),
            (
                "Node == \"\\q\" and\n(Node == \"\\400\"",
                "1:9 (8): rule \"string\": invalid syntax\n"
                    + "2:10 (26): rule \"string\": invalid syntax\n"
                    + "2:16 (32): rule \"grouping\": Unmatched parentheses"
            ),
            ("Node is empty", "Invalid match operator \"Is Empty\" for selector \"Node\""),
            (
                "x in Service.Mesh.Upstreams",
                "Invalid match operator \"In\" for selector \"Service.Mesh.Upstreams\""
            ),
        ]
    )
    func errors(filter: String, expected: String) {
        let text = "Failed to create boolean expression evaluator: " + expected
        #expect(throws: DecodeError(text)) { try matches(filter) }
    }

    @Test(
        "several patterns are each matched with their own text",
        arguments: [
            ("Node matches `^n` and Service.Tags is not empty and Node matches `1$`", true),
            ("Node matches `^n` and Node matches `^m`", false),
            ("Node not matches `^m` or Node matches `x`", true),
            ("Node matches `^(n|m){1,2}[0-9]{1,3}$`", true),
            ("Node matches `(a|){1000}1`", true), ("Node matches `^(()|x){3}$`", false),
        ]
    )
    func patterns(filter: String, holds: Bool) throws {
        #expect(try matches(filter) == holds)
    }

    /// One GET with the first of these stopped an event loop for ever: a group without anything in
    /// it is copied 10^15 times, and the bound counted what the copies add to the pattern.
    @Test(
        "a pattern that repeats repeats is refused in Go's words",
        .timeLimit(.minutes(1)),
        arguments: [
            ("(((((){1000}){1000}){1000}){1000}){1000}", "invalid repeat count: `{1000}`"),
            ("((a{10}){10}){11}", "invalid repeat count: `{11}`"),
            ("(a{2,}b){501}", "invalid repeat count: `{501}`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{2,1}?b", "invalid repeat count: `{2,1}`"),
            (
                "()" + String(repeating: "+", count: 4_000),
                "invalid nested repetition operator: `++`"
            ),
            ("a*{2}", "invalid nested repetition operator: `*{2}`"),
            ("a+?*?", "invalid nested repetition operator: `+?*?`"),
        ]
    )
    func repeatedRepeats(pattern: String, reason: String) {
        let text =
            "Failed to create boolean expression evaluator: Failed to compile regular expression "
            + "\"\(pattern)\": error parsing regexp: \(reason)"
        #expect(throws: DecodeError(text)) { try matches("Node matches `\(pattern)`") }
    }

    @Test("a pattern of many empty groups is as large as it looks", .timeLimit(.minutes(1)))
    func emptyGroups() throws {
        let groups = String(repeating: "(^)", count: 2_000)
        let pattern = "(\(groups)){1000}"
        let text =
            "Failed to create boolean expression evaluator: Failed to compile regular expression "
            + "\"\(pattern)\": error parsing regexp: expression too large: `\(pattern)`"
        #expect(throws: DecodeError(text)) { try matches("Node matches `\(pattern)`") }
        let empty = String(repeating: "()", count: 2_000)
        #expect(try matches("Node matches `(\(empty)){1000}`"))
    }

    @Test("a chain is as long as it must be, and what nests is bounded")
    func depth() throws {
        let chain = [String](repeating: "Node == n2", count: 400).joined(separator: " or ")
        #expect(try !matches(chain))
        #expect(try matches(chain + " or Node == n1"))
        let nested =
            String(repeating: "(", count: 40) + "Node == n1" + String(repeating: ")", count: 40)
        #expect(throws: DecodeError.self) { try matches(nested) }
    }

    /// Each was asked of Consul 1.8.7, with these texts as a service's metadata.
    @Test(
        "patterns are Go's",
        arguments: [
            ("(?i)foo", "Foo", true), ("(?i)^k+$", "k\u{212A}", true), ("(?i)[^k]", "K", false),
            ("(?i)straße", "\u{17F}traße", true), ("(?i:f)oo", "FOO", false), ("(?i)é", "É", true),
            ("(?i)(?-i)f", "F", false), ("a(?i)*b", "aab", true), ("(?P<n>a)(?P<n>b)", "ab", true),
            ("\\bbar", "foo bar", true), ("\\Bbar", "foo bar", false), ("(?m)^y$", "x\ny", true),
            ("^y", "x\ny", false), ("(?s)x.y", "x\ny", true), ("x.y", "x\ny", false),
            ("\\Ay|x\\z", "x\ny", false), ("\\p{Lu}", "foo", false), ("\\p{Lu}", "Ω", true),
            ("\\P{^Nd}", "1", true), ("\\pN", "a", false), ("[[:alpha:]]{3}", "ab1", false),
            ("[[:^alpha:]]", "ab1", true), ("[\\W]", "a.b", true), ("[\\d\\-]", "-", true),
            ("a{2", "a{2}", true), ("\\Qa{2}\\E", "a{2}", true), ("\\x{3a9}", "Ω", true),
            ("\\101", "A", true), ("\\x41", "A", true), ("a{,2}", "aa", false),
            ("[^a]", "\n", true),
            ("[]a]", "]", true), ("[a-]", "-", true), ("a{02}", "a{02}", true), ("()*a", "a", true),
            ("(?i)I", "\u{131}", false),
            ("(?i)\\x{1F88}", "\u{1F80}", true),
        ]
    )
    func goPatterns(pattern: String, text: String, holds: Bool) throws {
        #expect(try match(pattern, text) == holds)
    }

    @Test(
        "errors of patterns are Go's",
        arguments: [
            ("(?<n>a)", "invalid or unsupported Perl syntax: `(?<`"),
            ("(?P<n", "invalid named capture: `(?P<n`"),
            ("(?P<n y>a)", "invalid named capture: `(?P<n y>`"),
            ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
            ("(?i-)", "invalid or unsupported Perl syntax: `(?i-)`"),
            ("\\p{Foo}", "invalid character class range: `\\p{Foo}`"),
            ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
            ("x[z-a]", "invalid character class range: `z-a`"), ("x[a", "missing closing ]: `[a`"),
            ("{2}", "missing argument to repetition operator: `{2}`"),
            ("(*?a)", "missing argument to repetition operator: `*?`"),
            ("\\C", "invalid escape sequence: `\\C`"),
            ("\\8", "invalid escape sequence: `\\8`"), ("\\x4", "invalid escape sequence: `\\x4`"),
            ("[\\z]", "invalid escape sequence: `\\z`"), ("a)", "unexpected ): `a)`"),
            ("(a", "missing closing ): `(a`"),
            ("a\\", "trailing backslash at end of expression: ``"),
            ("a{99999999999999999999}", "invalid repeat count: `{99999999999999999999}`"),
        ]
    )
    func goErrors(pattern: String, reason: String) {
        let quoted = pattern.replacing("\\", with: "\\\\")
        let text =
            "Failed to create boolean expression evaluator: Failed to compile regular expression "
            + "\"\(quoted)\": error parsing regexp: \(reason)"
        #expect(throws: DecodeError(text)) { try match(pattern, "") }
    }

    private func match(_ pattern: String, _ text: String) throws -> Bool {
        let schema = FilterSchema.record(["A": .text])
        let filter = try Filter("A matches `\(pattern)`", schema: schema, limits: ConsulLimits())
        let member = JSONMember(name: "A", value: .string(ByteString(text)))
        return filter.matches(.object([member]))
    }

    @Test("patterns are bounded together as one is")
    func manyPatterns() throws {
        #expect(try !matches("Node matches `a{1000}b` or Node matches `a`"))
        let many = (1...5).map { "Node matches `a{1000}\($0)`" }.joined(separator: " or ")
        let text =
            "Failed to create boolean expression evaluator: the regular expressions are too large "
            + "together"
        #expect(throws: DecodeError(text)) { try matches(many) }
    }

    @Test("a pattern that makes others backtrack for ever is matched at once")
    func noBacktracking() throws {
        let schema = FilterSchema.record(["A": .text])
        let filter = try Filter(
            "A matches `(a+)+$`",
            schema: schema,
            limits: ConsulLimits()
        )
        let value = String(repeating: "a", count: 5_000) + "!"
        let record = JSONValue.object([JSONMember(name: "A", value: .string(ByteString(value)))])
        #expect(!filter.matches(record))
    }
}
