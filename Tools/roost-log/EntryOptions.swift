import ArgumentParser
import Bytes
import Commands
import Raft

/// Which things a verb is to look at, whether in entries or in a state.
struct NameOptions: ParsableArguments {
    @Option(
        help: .init(
            "A ZooKeeper session (0x…) or a Consul session (UUID). Repeatable.",
            valueName: "id"
        )
    )
    var session: [String] = []

    @Option(help: .init("A znode. Repeatable.", valueName: "path"))
    var path: [String] = []

    @Option(help: .init("A Consul key. Repeatable.", valueName: "key"))
    var key: [String] = []

    @Flag(help: "--path and --key are beginnings: --path /app/ is all below /app.")
    var prefix = false

    func validate() throws {
        if prefix, path.isEmpty, key.isEmpty {
            throw ValidationError("--prefix says how --path and --key are meant; give one of them")
        }
    }

    func sessions() throws -> [EntryFilter.SessionName] {
        try session.map { text in
            guard let name = EntryFilter.SessionName(text) else {
                throw ValidationError("--session \(text): write 0x and hexadecimal, or a UUID")
            }
            return name
        }
    }
}

/// Which entries a verb is to look at.
struct EntryOptions: ParsableArguments {
    @Option(help: .init("The first index.", valueName: "index"))
    var from: UInt64 = 1

    @Option(help: .init("The last index, included.", valueName: "index"))
    var to: UInt64?

    @Option(help: .init("Not before: 2026-11-25T12:00:00Z, or ago: 90s, 15m, 2h, 3d."))
    var since: String?

    @Option(help: .init("Not after; written like --since.", valueName: "time"))
    var until: String?

    @OptionGroup var names: NameOptions

    @Option(
        help: .init(
            "What came with a token: its accessor (UUID). Repeatable.",
            valueName: "id"
        )
    )
    var token: [String] = []

    @Option(help: .init("A kind of entry, as dump prints it. Repeatable.", valueName: "kind"))
    var kind: [String] = []

    var range: ClosedRange<LogIndex> { LogIndex(from)...LogIndex(to ?? .max - 1) }

    func validate() throws {
        guard from >= 1, from <= to ?? .max - 1, to ?? 0 < .max else {
            throw ValidationError("--from must be 1 or above, and not above --to")
        }
        _ = try filter(now: 0)
    }

    /// - Parameter now: what relative times count back from, in milliseconds.
    func filter(now: Int64) throws -> EntryFilter {
        var filter = EntryFilter()
        let known = Set(DescribedEntry.kinds)
        if let wrong = kind.first(where: { !known.contains($0) }) {
            let names = DescribedEntry.kinds.joined(separator: ", ")
            throw ValidationError("--kind \(wrong): there is no such kind; there are \(names)")
        }
        filter.kinds = Set(kind)
        filter.sessions = try names.sessions()
        filter.tokens = try token.map { text in
            guard let accessor = UUIDValue(Array(text.utf8)) else {
                throw ValidationError("--token \(text): write its accessor, a UUID")
            }
            return String(decoding: accessor.text, as: UTF8.self)
        }
        filter.paths = names.path.map { ByteString($0) }
        filter.keys = names.key.map { ByteString($0) }
        filter.isPrefix = names.prefix
        filter.since = try since.map { try time($0, "--since", now) }
        filter.until = try until.map { try time($0, "--until", now) }
        return filter
    }

    private func time(_ text: String, _ option: String, _ now: Int64) throws -> Int64 {
        guard let time = TimeText.milliseconds(text, now: now) else {
            throw ValidationError(
                "\(option) \(text): write a time like 2026-11-25T12:00:00Z, or an age like 15m"
            )
        }
        return time
    }
}
