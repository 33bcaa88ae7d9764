package import Bytes
package import Commands

/// `dump`: sessions, their ephemerals, and connections, each by when it would expire.
///
/// Only the leader knows when a session expires; here a session stands under the time at which it
/// would, were it silent from now on.
package struct DumpReport: Sendable {
    package var wallMilliseconds: Int64
    package var sessions: [(id: SessionID, timeoutMilliseconds: Int32)] = []
    package var ephemerals: [(session: SessionID, paths: [ByteString])] = []
    package var connections: [ConnectionReport] = []

    package init(wallMilliseconds: Int64) {
        self.wallMilliseconds = wallMilliseconds
    }

    package var text: String { sessionsText + ephemeralsText + connectionsText }

    private var sessionsText: String {
        let groups = Dictionary(grouping: sessions, by: \.timeoutMilliseconds)
        var text = "SessionTracker dump:\n"
        text += "Session Sets (\(groups.count))/(\(sessions.count)):\n"
        for (timeout, members) in groups.sorted(by: { $0.key < $1.key }) {
            text += expiry(members.count, timeout)
            for member in members { text += "\t\(member.id)\n" }
        }
        return text
    }

    private var ephemeralsText: String {
        var text = "ephemeral nodes dump:\n"
        text += "Sessions with Ephemerals (\(ephemerals.count)):\n"
        for owner in ephemerals {
            text += "\(owner.session):\n"
            for path in owner.paths { text += "\t\(path.text)\n" }
        }
        return text
    }

    private var connectionsText: String {
        let groups = Dictionary(grouping: connections, by: \.timeoutMilliseconds)
        var text = "Connections dump:\n"
        text += "Connections Sets (\(groups.count))/(\(connections.count)):\n"
        for (timeout, members) in groups.sorted(by: { $0.key < $1.key }) {
            text += expiry(members.count, timeout)
            for member in members {
                text += "\tip: /\(member.address) sessionId: \(member.session)\n"
            }
        }
        return text
    }

    private func expiry(_ count: Int, _ timeoutMilliseconds: Int32) -> String {
        let time = JavaDate.text(milliseconds: wallMilliseconds + Int64(timeoutMilliseconds))
        return "\(count) expire at \(time):\n"
    }
}

/// Dates as `java.util.Date` prints them in UTC: "Tue Nov 24 04:41:12 UTC 2026".
enum JavaDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func text(milliseconds: Int64) -> String {
        let seconds = max(0, milliseconds / 1_000)
        let day = seconds / 86_400
        let (year, month, dayOfMonth) = civil(day: day)
        let ofDay = seconds % 86_400
        let clock = [ofDay / 3_600, ofDay / 60 % 60, ofDay % 60].map(two).joined(separator: ":")
        return "\(days[Int(day % 7)]) \(months[month - 1]) \(two(dayOfMonth)) \(clock) UTC \(year)"
    }

    private static func two(_ value: Int64) -> String {
        value < 10 ? "0\(value)" : "\(value)"
    }

    /// The proleptic Gregorian date of a day since 1970 (Howard Hinnant's civil_from_days).
    private static func civil(day: Int64) -> (year: Int64, month: Int, day: Int64) {
        let shifted = day + 719_468
        let era = shifted / 146_097
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * ofYear + 2) / 153
        let dayOfMonth = ofYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfMonth)
    }
}
