/// The value of a Date header (IMF-fixdate): "Tue, 24 Nov 2026 04:06:04 GMT".
public enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// - Parameter seconds: since 1970; negative times are taken for 1970.
    public static func text(seconds: Int64) -> String {
        let seconds = max(0, seconds)
        let day = seconds / 86_400
        let time = seconds % 86_400
        let (year, month, date) = civil(day)
        let clock = "\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60))"
        return "\(days[Int(day % 7)]), \(two(date)) \(months[Int(month) - 1]) \(year) \(clock) GMT"
    }

    /// As go-metrics prints it: "2026-11-24 04:07:00 +0000 UTC".
    public static func metricsText(seconds: Int64) -> String {
        let seconds = max(0, seconds)
        let (year, month, date) = civil(seconds / 86_400)
        let time = seconds % 86_400
        let clock = "\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60))"
        return "\(year)-\(two(month))-\(two(date)) \(clock) +0000 UTC"
    }

    /// As Go's JSON has a time: "2026-11-24T04:07:00.25Z".
    public static func jsonText(milliseconds: Int64) -> String {
        let (seconds, part) = max(0, milliseconds).quotientAndRemainder(dividingBy: 1_000)
        let (year, month, date) = civil(seconds / 86_400)
        let time = seconds % 86_400
        let clock = "\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60))"
        var fraction = part == 0 ? "" : ".\(part < 100 ? "0" : "")\(two(part))"
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return "\(year)-\(two(month))-\(two(date))T\(clock)\(fraction)Z"
    }

    private static func two(_ value: Int64) -> String {
        value < 10 ? "0\(value)" : "\(value)"
    }

    /// Year, month and day of a count of days since 1970 (Howard Hinnant, chrono algorithms).
    private static func civil(_ day: Int64) -> (Int64, Int64, Int64) {
        let shifted = day + 719_468
        let era = shifted / 146_097
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let slot = (5 * ofYear + 2) / 153
        let month = slot < 10 ? slot + 3 : slot - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * slot + 2) / 5 + 1
        )
    }
}
