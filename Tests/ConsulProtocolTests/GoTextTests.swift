import Bytes
import ConsulProtocol
import Testing

@Suite("Texts are those of Go's standard library")
struct GoTextTests {
    private func error<T>(_ body: () throws(DecodeError) -> T) -> String? {
        do throws(DecodeError) {
            _ = try body()
            return nil
        } catch {
            return error.text
        }
    }

    @Test("numbers fail with strconv's words")
    func numbers() throws {
        #expect(try Strconv.parseUnsigned("18446744073709551615") == .max)
        #expect(
            error { () throws(DecodeError) in try Strconv.parseUnsigned("abc") }
                == "strconv.ParseUint: parsing \"abc\": invalid syntax"
        )
        #expect(
            error { () throws(DecodeError) in try Strconv.parseUnsigned("-1") }
                == "strconv.ParseUint: parsing \"-1\": invalid syntax"
        )
        #expect(
            error { () throws(DecodeError) in try Strconv.parseUnsigned("99999999999999999999999") }
                == "strconv.ParseUint: parsing \"99999999999999999999999\": value out of range"
        )
        #expect(
            error { () throws(DecodeError) in try Strconv.parseSigned("abc") }
                == "strconv.ParseInt: parsing \"abc\": invalid syntax"
        )
    }

    /// Each was asked of Consul 1.8.7 as a filter of ports.
    @Test(
        "numbers are read as Go writes them",
        arguments: [
            ("0", 0), ("80", 80), ("+80", 80), ("0x50", 80), ("0X50", 80), ("-0x1", -1), ("010", 8),
            ("0o12", 10), ("0b1010", 10), ("1_000", 1_000), ("0_10", 8), ("0x_5_0", 80),
            ("9223372036854775807", .max), ("-9223372036854775808", .min),
        ] as [(String, Int64)]
    )
    func numbers(text: String, value: Int64) throws {
        #expect(try Strconv.parseSigned(text) == value)
    }

    @Test(
        "what is no number is told in Go's words",
        arguments: [
            ("08", "invalid syntax"), ("_80", "invalid syntax"), ("1__0", "invalid syntax"),
            ("1_", "invalid syntax"), ("0x", "invalid syntax"), ("80 ", "invalid syntax"),
            ("", "invalid syntax"), ("-", "invalid syntax"),
            ("9223372036854775808", "value out of range"),
            ("99999999999999999999", "value out of range"),
        ]
    )
    func noNumbers(text: String, reason: String) {
        let expected = "strconv.ParseInt: parsing \"\(text)\": \(reason)"
        #expect(error { () throws(DecodeError) in try Strconv.parseSigned(text) } == expected)
    }

    @Test(
        "durations are read",
        arguments: [
            ("10s", 10_000_000_000), ("1h2m3.5s", 3_723_500_000_000), ("0", 0),
            ("-1s", -1_000_000_000),
            ("150ms", 150_000_000), (".5s", 500_000_000), ("1us", 1_000), ("1\u{b5}s", 1_000),
        ] as [(String, Int64)]
    )
    func durations(text: String, nanoseconds: Int64) throws {
        #expect(try GoDuration(parsing: text).nanoseconds == nanoseconds)
    }

    @Test(
        "durations fail with time's words",
        arguments: [
            ("7", "time: missing unit in duration \"7\""),
            ("abc", "time: invalid duration \"abc\""),
            ("", "time: invalid duration \"\""),
            ("1x", "time: unknown unit \"x\" in duration \"1x\""),
            ("9999999999h", "time: invalid duration \"9999999999h\""),
        ]
    )
    func durationErrors(text: String, expected: String) {
        #expect(error { () throws(DecodeError) in try GoDuration(parsing: text) } == expected)
    }

    @Test("durations are written")
    func durationTexts() {
        #expect("\(GoDuration(milliseconds: 86_400_000))" == "24h0m0s")
        #expect("\(GoDuration(milliseconds: 10_000))" == "10s")
        #expect("\(GoDuration(nanoseconds: 5))" == "5ns")
        #expect("\(GoDuration(nanoseconds: 1_500))" == "1.5\u{b5}s")
        #expect("\(GoDuration(nanoseconds: -1_500_000))" == "-1.5ms")
        #expect("\(GoDuration(nanoseconds: 0))" == "0s")
    }

    @Test("base64 comes back, and names the byte that is wrong")
    func base64() throws {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
            #expect(try Base64.decoded(Base64.encoded(bytes.rawSpan)) == bytes)
        }
        #expect(Base64.encoded(Array("he<>&llo".utf8).rawSpan) == Array("aGU8PiZsbG8=".utf8))
        #expect(
            error { () throws(DecodeError) in try Base64.decoded(Array("!!".utf8)) }
                == "illegal base64 data at input byte 0"
        )
    }

    @Test("a date is an IMF-fixdate")
    func dates() {
        #expect(HTTPDate.text(seconds: 1_795_493_164) == "Tue, 24 Nov 2026 04:06:04 GMT")
        #expect(HTTPDate.text(seconds: 0) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(HTTPDate.text(seconds: 951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
    }

    @Test("identifiers have 36 characters and dashes")
    func identifiers() {
        let text = Array("b6251bce-3eed-5bfd-8e06-b84f693bf9b7".utf8)
        #expect(UUIDText.lookupError(text) == nil)
        #expect(UUIDText.lookupError(Array("abc".utf8)) == "UUID must be 36 characters")
    }

    @Test(
        "a look-up is refused in go-memdb's words, which cares little for hyphens",
        arguments: [
            ("0000000-00000000000000000000000-0000", nil),
            ("0-0000000000000000000000000000000000", "Input (without hyphens) must be even length"),
            (
                "0-----000000000000000000000000000000",
                "UUID should have maximum of 4 \"-\"; got 5"
            ),
            (
                "zzzzzzzz-0000-0000-0000-000000000000",
                "Invalid UUID: encoding/hex: invalid byte: U+007A 'z'"
            ),
            (
                "\n0000000-0000-0000-0000-000000000000",
                "Invalid UUID: encoding/hex: invalid byte: U+000A"
            ),
        ]
    )
    func lookUps(_ text: String, _ error: String?) {
        #expect(UUIDText.lookupError(Array(text.utf8)) == error)
    }

    @Test("quoting is %q")
    func quoting() {
        #expect(
            Strconv.quoted("a\"b\\\n\u{01}\u{e9}\u{2028}") == "\"a\\\"b\\\\\\n\\x01\u{e9}\\u2028\""
        )
    }
}
