import Bytes
import Commands

/// Which entries are wanted. All that is given must hold; of one sort, any of the values.
struct EntryFilter {
    var kinds: Set<String> = []
    var sessions: [SessionName] = []
    /// Accessors.
    var tokens: [String] = []
    /// Znodes' paths and keys, whole or (with `isPrefix`) their beginnings.
    var paths: [ByteString] = []
    var keys: [ByteString] = []
    var isPrefix = false
    /// Milliseconds since 1970, both included.
    var since: Int64?
    var until: Int64?

    /// A session of either kind.
    enum SessionName {
        case zooKeeper(SessionID)
        case consul(ByteString)

        /// Hexadecimal with 0x, or a UUID; nil if it is neither.
        init?(_ text: String) {
            if text.hasPrefix("0x") {
                guard let value = UInt64(text.dropFirst(2), radix: 16), value != 0 else {
                    return nil
                }
                self = .zooKeeper(SessionID(Int64(bitPattern: value)))
                return
            }
            let digits = text.filter(\.isHexDigit).count
            guard text.count == 36, digits == 32, text.filter({ $0 == "-" }).count == 4 else {
                return nil
            }
            self = .consul(ByteString(text.lowercased()))
        }
    }

    func wants(_ entry: DescribedEntry) -> Bool {
        if !kinds.isEmpty, !kinds.contains(entry.kind) { return false }
        guard needsCommand else { return true }
        guard let summary = entry.summary else { return false }
        if let since, summary.timeMilliseconds < since { return false }
        if let until, summary.timeMilliseconds > until { return false }
        if !sessions.isEmpty, !sessions.contains(where: { named($0, in: summary) }) { return false }
        if !tokens.isEmpty, !tokens.contains(summary.token) { return false }
        return (paths.isEmpty && keys.isEmpty) || touches(summary)
    }

    /// Whether only commands can be wanted: other entries have no time, session, token or path.
    private var needsCommand: Bool {
        since != nil || until != nil || !sessions.isEmpty || !tokens.isEmpty || !paths.isEmpty
            || !keys.isEmpty
    }

    private func named(_ name: SessionName, in summary: CommandSummary) -> Bool {
        switch name {
        case .zooKeeper(let session): summary.session == session
        case .consul(let session): summary.consulSessions.contains(session)
        }
    }

    private func touches(_ summary: CommandSummary) -> Bool {
        let wanted = summary.kind.isZooKeepers ? paths : keys
        return summary.paths.contains { path in
            wanted.contains { isPrefix ? path.bytes.starts(with: $0.bytes) : path == $0 }
        }
    }
}

extension CommandKind {
    /// Whether what it names are znodes' paths, and not keys.
    var isZooKeepers: Bool { rawValue < CommandKind.setKey.rawValue }
}
