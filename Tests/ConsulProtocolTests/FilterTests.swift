import Bytes
import ConsulProtocol
import Testing

@Suite("Filters are go-bexpr's")
struct FilterTests {
    private let schema = FilterSchema.record([
        "Node": .text,
        "Service": .record([
            "Port": .integer, "Tags": .list(.text), "Meta": .map(.text), "Native": .bool,
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
