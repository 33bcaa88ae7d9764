package import Bytes
package import Commands

/// Who watches what, as `wchs`, `wchc` and `wchp` print it: the data watches, to which the real
/// server counts persistent ones, but no child watches.
package struct WatchReport: Equatable, Sendable {
    package var pairs: [(path: ByteString, session: SessionID)] = []

    package init() {}

    package static func == (left: WatchReport, right: WatchReport) -> Bool {
        left.pairs.elementsEqual(right.pairs) { $0 == $1 }
    }

    /// `wchs`.
    package var summaryText: String {
        let sessions = Set(pairs.map(\.session)).count
        let paths = Set(pairs.map(\.path)).count
        return "\(sessions) connections watching \(paths) paths\nTotal watches:\(pairs.count)\n"
    }

    /// `wchc`.
    package var bySessionText: String {
        grouped(by: \.session.description, member: \.path.text)
    }

    /// `wchp`.
    package var byPathText: String {
        grouped(by: \.path.text, member: \.session.description)
    }

    private func grouped(
        by key: ((path: ByteString, session: SessionID)) -> String,
        member: ((path: ByteString, session: SessionID)) -> String
    ) -> String {
        var groups: [String: [String]] = [:]
        for pair in pairs { groups[key(pair), default: []].append(member(pair)) }
        var text = ""
        for (name, members) in groups.sorted(by: { $0.key < $1.key }) {
            text += name + "\n"
            for member in members.sorted() { text += "\t" + member + "\n" }
        }
        return text + "\n"
    }
}
