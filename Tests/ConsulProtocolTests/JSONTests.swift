import Bytes
import ConsulProtocol
import Testing

@Suite("JSON reads and writes as Go's encoding/json")
struct JSONTests {
    private func parse(_ text: String) throws(DecodeError) -> JSONValue {
        try JSONParser.parse(Array(text.utf8).rawSpan, depthMax: 64)
    }

    private func error(_ text: String) -> String? {
        do throws(DecodeError) {
            _ = try parse(text)
            return nil
        } catch {
            return error.text
        }
    }

    @Test(
        "errors have Go's words",
        arguments: [
            ("", "EOF"), ("  ", "EOF"), ("{", "unexpected EOF"), ("tru", "unexpected EOF"),
            ("{\"TTL\":\"10s\" \"x\"}", "invalid character '\"' after object key:value pair"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("[1 2]", "invalid character '2' after array element"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            ("\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            ("nul!", "invalid character '!' in literal null (expecting 'l')"),
            ("-x", "invalid character 'x' in numeric literal"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("1ex", "invalid character 'x' in exponent of numeric literal"),
            ("\0", "invalid character '\\x00' looking for beginning of value"),
            ("'", "invalid character '\\'' looking for beginning of value"),
        ]
    )
    func syntaxErrors(text: String, expected: String) {
        #expect(error(text) == expected)
    }

    @Test("what follows the first value is not looked at")
    func trailingBytes() throws {
        #expect(try parse("{\"TTL\":\"10s\"} x") != .null)
    }

    @Test("nesting is bounded")
    func depth() {
        #expect(error(String(repeating: "[", count: 100)) == "exceeded max depth")
    }

    @Test("escapes and surrogates are read; what is no UTF-8 becomes U+FFFD")
    func strings() throws {
        #expect(try parse("\"a\\u00e9\\ud83d\\ude00\\n\"") == .string("a\u{e9}\u{1f600}\n"))
        #expect(try parse("\"\\ud83dx\"") == .string("\u{fffd}x"))
        let bytes: [UInt8] = [0x22, 0x61, 0xff, 0x22]
        let value = try JSONParser.parse(bytes.rawSpan, depthMax: 4)
        #expect(value == .string("a\u{fffd}"))
    }

    @Test("<, > and & are escaped, as are line separators and control characters")
    func escaping() {
        var json = JSONWriter()
        json.string(ByteString(Array("<a>&\"\\\n\t\u{01}\u{2028}\u{e9}".utf8) + [0xff]))
        let expected =
            "\"\\u003ca\\u003e\\u0026\\\"\\\\\\n\\t\\u0001\\u2028\u{e9}\\ufffd\""
        #expect(String(decoding: json.bytes, as: UTF8.self) == expected)
    }

    @Test("commas set themselves, and empty data is null")
    func structure() {
        var json = JSONWriter()
        json.beginArray()
        json.beginObject()
        json.member("A", UInt64(0))
        json.member("B", true)
        json.name("C")
        json.data([UInt8]().rawSpan)
        json.name("D")
        json.texts(["[", ":"])
        json.endObject()
        json.beginObject()
        json.endObject()
        json.integer(-7)
        json.endArray()
        let text = String(decoding: json.bytes, as: UTF8.self)
        #expect(text == "[{\"A\":0,\"B\":true,\"C\":null,\"D\":[\"[\",\":\"]},{},-7]")
    }

    @Test("?pretty is json.Indent with a line end")
    func indentation() {
        let json = Array("[{\"a\":[],\"b\":{},\"c\":\"{,\\\"}\",\"d\":[1,2]}]".utf8)
        let expected = """
            [
                {
                    "a": [],
                    "b": {},
                    "c": "{,\\"}",
                    "d": [
                        1,
                        2
                    ]
                }
            ]

            """
        #expect(String(decoding: JSONIndent.indented(json), as: UTF8.self) == expected)
    }
}
