import Foundation

/// Points in time as a person writes and reads them.
enum TimeText {
    /// ISO 8601 in UTC with milliseconds.
    static func text(milliseconds: Int64) -> String {
        let seconds = Double(milliseconds) / 1_000
        return Date(timeIntervalSince1970: seconds).formatted(Self.style)
    }

    /// An ISO 8601 time (UTC unless it says otherwise; a date alone is its first instant), or how
    /// long before `now`: 90s, 15m, 2h, 3d. In milliseconds; nil if it is neither.
    static func milliseconds(_ text: String, now: Int64) -> Int64? {
        if let span = span(text) {
            let (time, isOverflow) = now.subtractingReportingOverflow(span)
            return isOverflow ? nil : time
        }
        return date(text).map { Int64(($0.timeIntervalSince1970 * 1_000).rounded()) }
    }

    static var nowMilliseconds: Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }

    private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    private static func span(_ text: String) -> Int64? {
        let units: [Character: Int64] = ["s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()),
            count >= 0
        else { return nil }
        let (span, isOverflow) = count.multipliedReportingOverflow(by: unit)
        return isOverflow ? nil : span
    }

    private static func date(_ text: String) -> Date? {
        let zoned = text.contains("T") && !hasZone(text) ? text + "Z" : text
        let styles = [
            Date.ISO8601FormatStyle(), style,
            Date.ISO8601FormatStyle().year().month().day(),
        ]
        for style in styles {
            if let date = try? style.parse(zoned) { return date }
        }
        return nil
    }

    private static func hasZone(_ text: String) -> Bool {
        let clock = text.drop { $0 != "T" }
        return clock.contains { $0 == "Z" || $0 == "+" || $0 == "-" }
    }
}
