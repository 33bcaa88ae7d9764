/// A `time.Duration`: nanoseconds, read and written as Go does.
public struct GoDuration: Hashable, Comparable, Sendable {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    public init(milliseconds: Int64) {
        nanoseconds = milliseconds &* 1_000_000
    }

    /// Rounded up, so that a positive duration never becomes none.
    public var milliseconds: Int64 {
        nanoseconds > 0 ? (nanoseconds - 1) / 1_000_000 + 1 : nanoseconds / 1_000_000
    }

    public static func < (left: GoDuration, right: GoDuration) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// `time.ParseDuration` of Go 1.15.
    public init(parsing text: String) throws(DecodeError) {
        var rest = Array(text.utf8)[...]
        let invalid = DecodeError("time: invalid duration \(Strconv.quoted(text))")
        var isNegative = false
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            isNegative = sign == UInt8(ascii: "-")
            rest = rest.dropFirst()
        }
        if rest.elementsEqual([48]) {
            nanoseconds = 0
            return
        }
        guard !rest.isEmpty else { throw invalid }
        var total: Int64 = 0
        while !rest.isEmpty {
            let part = try Self.part(&rest, text, invalid)
            let (sum, overflow) = total.addingReportingOverflow(part)
            if overflow { throw invalid }
            total = sum
        }
        nanoseconds = isNegative ? -total : total
    }

    /// One number with its unit.
    private static func part(
        _ rest: inout ArraySlice<UInt8>,
        _ text: String,
        _ invalid: DecodeError
    ) throws(DecodeError) -> Int64 {
        guard let first = rest.first, first == UInt8(ascii: ".") || isDigit(first) else {
            throw invalid
        }
        let hasDigits = isDigit(first)
        guard let whole = leadingInteger(&rest) else { throw invalid }
        var fraction = Fraction()
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            fraction = Fraction(&rest)
        }
        guard hasDigits || fraction.hasDigits else { throw invalid }
        let name = rest.prefix { $0 != UInt8(ascii: ".") && !isDigit($0) }
        guard !name.isEmpty else {
            throw DecodeError("time: missing unit in duration \(Strconv.quoted(text))")
        }
        rest = rest.dropFirst(name.count)
        let unitName = String(decoding: name, as: UTF8.self)
        guard let unit = unit(unitName) else {
            let quoted = Strconv.quoted(unitName)
            throw DecodeError("time: unknown unit \(quoted) in duration \(Strconv.quoted(text))")
        }
        let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
        guard !overflow else { throw invalid }
        let (sum, tooMuch) = product.addingReportingOverflow(fraction.of(unit))
        guard !tooMuch else { throw invalid }
        return sum
    }

    /// The digits behind a point, as one whole number and what it is to be divided by: a sum of
    /// tenths and hundredths would miss a nanosecond here and there.
    private struct Fraction {
        private var number: Int64 = 0
        private var scale = 1.0
        private(set) var hasDigits = false

        init() {}

        /// Digits beyond those that a whole number holds are passed over.
        init(_ rest: inout ArraySlice<UInt8>) {
            while let byte = rest.first, isDigit(byte) {
                rest = rest.dropFirst()
                hasDigits = true
                let (product, overflow) = number.multipliedReportingOverflow(by: 10)
                let (sum, tooMuch) = product.addingReportingOverflow(Int64(byte - 48))
                if overflow || tooMuch {
                    rest = rest.drop(while: isDigit)
                    return
                }
                number = sum
                scale *= 10
            }
        }

        func of(_ unit: Int64) -> Int64 { Int64(Double(number) * (Double(unit) / scale)) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

    private static func leadingInteger(_ rest: inout ArraySlice<UInt8>) -> Int64? {
        var value: Int64 = 0
        while let byte = rest.first, isDigit(byte) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, tooMuch) = product.addingReportingOverflow(Int64(byte - 48))
            if overflow || tooMuch { return nil }
            value = sum
            rest = rest.dropFirst()
        }
        return value
    }

    private static func unit(_ name: String) -> Int64? {
        switch name {
        case "ns": 1
        case "us", "\u{b5}s", "\u{3bc}s": 1_000
        case "ms": 1_000_000
        case "s": 1_000_000_000
        case "m": 60_000_000_000
        case "h": 3_600_000_000_000
        default: nil
        }
    }
}

extension GoDuration: CustomStringConvertible {
    /// `Duration.String()`: "1h2m3.5s", "150ms", "0s".
    public var description: String {
        let magnitude = nanoseconds.magnitude
        let sign = nanoseconds < 0 ? "-" : ""
        if magnitude == 0 { return "0s" }
        if magnitude < 1_000 { return "\(sign)\(magnitude)ns" }
        if magnitude < 1_000_000 { return sign + Self.decimal(magnitude, 1_000) + "\u{b5}s" }
        if magnitude < 1_000_000_000 { return sign + Self.decimal(magnitude, 1_000_000) + "ms" }
        let minutes = magnitude / 60_000_000_000
        let seconds = Self.decimal(magnitude % 60_000_000_000, 1_000_000_000) + "s"
        if minutes == 0 { return sign + seconds }
        if minutes < 60 { return "\(sign)\(minutes)m\(seconds)" }
        return "\(sign)\(minutes / 60)h\(minutes % 60)m\(seconds)"
    }

    /// `value / unit` without trailing zeros.
    private static func decimal(_ value: UInt64, _ unit: UInt64) -> String {
        let rest = value % unit
        guard rest > 0 else { return String(value / unit) }
        var digits = String(unit + rest).dropFirst()
        while digits.last == "0" { digits = digits.dropLast() }
        return "\(value / unit).\(digits)"
    }
}
