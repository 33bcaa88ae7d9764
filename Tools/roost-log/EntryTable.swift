import Commands
import Raft

/// Entries as rows for eyes. The columns have fixed widths, because rows are printed as they come.
enum EntryTable {
    static let heading = row("INDEX", "TERM", "TIME", "KIND", "SESSION", "CLIENT", "WHAT")

    static func row(_ entry: DescribedEntry) -> String {
        let summary = entry.summary
        return row(
            "\(entry.index.rawValue)",
            "\(entry.term.rawValue)",
            summary.map { TimeText.text(milliseconds: $0.timeMilliseconds) } ?? "",
            entry.kind,
            summary.map { $0.session.isSet ? "\($0.session)" : "" } ?? "",
            summary.map(client) ?? "",
            what(entry)
        )
    }

    private static func row(
        _ index: String,
        _ term: String,
        _ time: String,
        _ kind: String,
        _ session: String,
        _ client: String,
        _ what: String
    ) -> String {
        let cells = [
            wide(index, 9), wide(term, 4), wide(time, 24), wide(kind, 20), wide(session, 18),
            wide(client, 21), what,
        ]
        return cells.joined(separator: " ")
    }

    /// Where it came from, and the token that it came with.
    static func client(_ summary: CommandSummary) -> String {
        let parts = [summary.client, summary.token.isEmpty ? "" : "as \(summary.token)"]
        return parts.filter { !$0.isEmpty }.joined(separator: " ")
    }

    static func wide(_ text: String, _ width: Int) -> String {
        let missing = width - text.utf8.count
        return missing > 0 ? text + String(repeating: " ", count: missing) : text
    }

    static func what(_ entry: DescribedEntry) -> String {
        switch entry.content {
        case .command(let summary):
            summary.fields.map { "\($0.name)=\(shown($0.value))" }.joined(separator: " ")
        case .empty: "a leader's first entry"
        case .membership(let membership): membership.text
        case .undecodable(let reason): "\(entry.payloadBytes) bytes: \(shown(reason))"
        }
    }

    static func shownOrEmpty(_ text: String) -> String { text.isEmpty ? "" : shown(text) }

    /// What a client chose cannot break a line, move the cursor or pass for another field.
    static func shown(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") }
        if isPlain, !text.isEmpty { return text }
        var shown = "\""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned:
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            default:
                if scalar == "\"" || scalar == "\\" { shown += "\\" }
                shown.unicodeScalars.append(scalar)
            }
        }
        return shown + "\""
    }
}
