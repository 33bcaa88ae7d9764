import Foundation

/// Points in time as a person writes and reads them.
enum TimeText {
    /// ISO 8601 in UTC with milliseconds. In integers: a dump prints a million of them, and
    /// Foundation's formatting takes longer and rounds.
    static func text(milliseconds: Int64) -> String {
        let (day, inDay) = floorDivided(milliseconds, 86_400_000)
        let (year, month, dayOfMonth) = civil(day: day)
        let seconds = inDay / 1_000
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))T"
            + "\(padded(seconds / 3_600, 2)):\(padded(seconds / 60 % 60, 2)):"
            + "\(padded(seconds % 60, 2)).\(padded(inDay % 1_000, 3))Z"
    }

    /// The date of a day counted from 1970 (Howard Hinnant's civil_from_days).
    private static func civil(day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = floorDivided(day + 719_468, 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func floorDivided(_ value: Int64, _ by: Int64) -> (Int64, Int64) {
        let (quotient, rest) = value.quotientAndRemainder(dividingBy: by)
        return rest < 0 ? (quotient - 1, rest + by) : (quotient, rest)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        let missing = width - digits.utf8.count
        return missing > 0 ? String(repeating: "0", count: missing) + digits : digits
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
            Date.ISO8601FormatStyle(),
            Date.ISO8601FormatStyle(includingFractionalSeconds: true),
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
