import Bytes
import Commands
import ConsulProtocol
import Raft
import StateMachine

/// One entry of a history: what was asked, by whom, and what became of it.
struct HistoryRow {
    enum Result: Equatable {
        case done
        /// It depends on things that were not looked at; without them it was done.
        case likely
        /// What was asked left the subject as it was.
        case unchanged
        case refused(String)

        var text: String {
            switch self {
            case .done: "done"
            case .likely: "likely"
            case .unchanged: "unchanged"
            case .refused(let reason): "refused: \(reason)"
            }
        }
    }

    let entry: DescribedEntry
    var result: Result
    /// The subject before and after, as far as known; nil: it was not there.
    var before: Version?
    var after: Version?
    /// Whether `before` and `after` say anything.
    var isKnown = true

    /// A subject at a time.
    struct Version: Equatable {
        /// The value of a key or the data of a znode; nil is ZooKeeper's null.
        var value: [UInt8]?
        var hasValue = true
        /// Version, holder, flags and the like.
        var detail = ""
    }

    static let heading = cells("INDEX", "TIME", "KIND", "SESSION", "CLIENT", "RESULT", "CHANGE")

    var text: String {
        let summary = entry.summary
        let session = summary.map { $0.session.isSet ? "\($0.session)" : "" } ?? ""
        let consul = summary?.consulSessions.first?.text ?? ""
        return Self.cells(
            "\(entry.index.rawValue)",
            summary.map { TimeText.text(milliseconds: $0.timeMilliseconds) } ?? "",
            entry.kind,
            session.isEmpty ? EntryTable.shownOrEmpty(consul) : session,
            summary.map(EntryTable.client) ?? "",
            result.text,
            change
        )
    }

    private var change: String {
        guard isKnown else { return EntryTable.what(entry) }
        switch (before, after) {
        case (nil, nil): return "not there"
        case (nil, let after?): return "created \(Self.text(after))"
        case (let before?, nil): return "deleted \(Self.text(before))"
        case (let before?, let after?):
            if before == after { return Self.text(after) }
            return "\(Self.text(before)) -> \(Self.text(after))"
        }
    }

    private static func text(_ version: Version) -> String {
        let value = version.hasValue ? [ItemTable.shown(value: version.value)] : []
        let detail = version.detail.isEmpty ? [] : ["(\(version.detail))"]
        return (value + detail).joined(separator: " ")
    }

    private static func cells(_ texts: String...) -> String {
        let widths = [9, 24, 18, 18, 21, 12]
        let padded = zip(texts, widths).map { EntryTable.wide($0, $1) }
        return (padded + texts.suffix(1)).joined(separator: " ")
    }

    func write(to json: inout JSONWriter) {
        EntryJSON.write(entry, to: &json)
        json.member("result", result.text)
        guard isKnown else { return }
        Self.write("before", before, to: &json)
        Self.write("after", after, to: &json)
    }

    private static func write(_ name: String, _ version: Version?, to json: inout JSONWriter) {
        guard let version else {
            json.name(name)
            json.null()
            return
        }
        json.member(name) { json in
            if version.hasValue { json.member(value: version.value) }
            if !version.detail.isEmpty { json.member("detail", version.detail) }
        }
    }
}

extension HistoryRow.Version {
    /// All of a subject's things together; nil for none.
    init?(_ items: [StateItem]) {
        guard let first = items.first else { return nil }
        if items.count == 1, first.kind == .znode || first.kind == .key {
            self.init(value: first.value, detail: first.standing)
        } else {
            let parts = items.map { "\($0.name.text): \($0.standing)" }
            self.init(value: nil, hasValue: false, detail: parts.joined(separator: "; "))
        }
    }
}

extension StateItem {
    /// What may change of it beside its value.
    var standing: String {
        switch self {
        case .znode(let znode):
            var parts = ["version \(znode.stat.version)"]
            if znode.stat.aversion > 0 { parts.append("aversion \(znode.stat.aversion)") }
            if znode.stat.ephemeralOwner != 0 {
                parts.append("owner \(SessionID(znode.stat.ephemeralOwner))")
            }
            return parts.joined(separator: ", ")
        case .key(let key):
            var parts: [String] = []
            if key.flags != 0 { parts.append("flags \(key.flags)") }
            if !key.session.bytes.isEmpty { parts.append("held by \(key.session)") }
            return parts.joined(separator: ", ")
        default: return detail
        }
    }
}
