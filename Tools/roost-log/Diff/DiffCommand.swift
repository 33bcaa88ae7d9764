import ArgumentParser
import Bytes
import ConsulProtocol
import Disk
import Raft
import RaftStore
import StateMachine

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Print in what two nodes, two snapshots or two points in time differ.",
        discussion: """
            A and B are data directories, snapshots' files, or points (index, time or age) in
            the past of --data-dir, in any combination. Of two directories the logs are
            compared first, and then the states after the same entry: the one that is behind
            goes on from what its server had applied. Where logs agree and states do not, the
            first entry whose effect differs is named, and whether each state is what its own
            log makes of its newest snapshot.

            EXAMPLES
              roost-log diff /backup/n1 /backup/n2
              roost-log diff 120000 now --data-dir /var/lib/roost --path /app/ --prefix
              roost-log diff snapshots/1000-2.mdb snapshots/2000-2.mdb --json
              roost-log diff 1h 5m --kind key

            EXIT CODES
              0 they are equal, 1 could not read, 3 damage was met, 6 they differ, 64 wrong
              usage

            LIMITS
              An effect that was overwritten since by equal records on both sides does not
              show; the first entry named is the oldest whose effect still does.
            """
    )

    @Argument(help: .init("A directory, a snapshot's file, or a point in time.", valueName: "a"))
    var left: String

    @Argument(help: .init("The other one; \"now\" is the newest.", valueName: "b"))
    var right: String

    @OptionGroup var options: DirectoryOptions
    @OptionGroup var scratch: ScratchOptions
    @OptionGroup var names: NameOptions

    @Option(help: .init("A kind of thing: znode, key, service, ... Repeatable."))
    var kind: [String] = []

    @Option(help: .init("Print so many differences; all are counted.", valueName: "count"))
    var limit = 100

    func validate() throws {
        guard limit >= 0 else { throw ValidationError("--limit must be 0 or above") }
        _ = try ItemFilter(names, kind)
    }

    func run() throws {
        let filter = try ItemFilter(names, kind)
        try options.run { output in
            if let pair = try directories() {
                return try compare(pair, filter, output)
            }
            let sources = try (source(left), source(right))
            let count = try show(sources.0, sources.1, filter, output).count
            return count == 0 ? .success : ExitCodes.differs
        }
    }

    private func directories() throws -> DirectoryPair? {
        guard Self.isDirectory(left), Self.isDirectory(right) else { return nil }
        return try DirectoryPair(left, right, scratch: scratch.path)
    }

    private static func isDirectory(_ text: String) -> Bool {
        FileSystem.exists("\(text)/wal/data.mdb")
    }

    private func source(_ text: String) throws -> StateSource {
        if Self.isDirectory(text) {
            return try StateSource(
                DirectoryPair.replay(text, scratch.path),
                at: nil,
                usesState: true
            )
        }
        if FileSystem.exists(text) || text.hasSuffix(".mdb") {
            return try StateSource(snapshotAt: text, scratch: scratch.path)
        }
        let replay = try DirectoryPair.replay(options.path, scratch.path)
        if text == "now" { return try StateSource(replay, at: nil, usesState: true) }
        let point = try PointInTime.parse(text, "diff")
        return try StateSource(replay, at: point, usesState: true)
    }

    // MARK: Directories

    private func compare(
        _ pair: DirectoryPair,
        _ filter: ItemFilter,
        _ output: Output
    ) throws -> ExitCode {
        if let first = try pair.log.first() {
            tell(first, output)
            return ExitCodes.differs
        }
        tell(
            "log",
            pair.log.range.map {
                "equal in \($0.lowerBound.rawValue) to "
                    + "\($0.upperBound.rawValue)"
            } ?? "no entry is in both",
            output
        )
        let states = try pair.states()
        let found = try show(states.left, states.right, filter, output)
        guard found.count > 0 else { return .success }
        let since = try pair.lastAgreement().map { " and after \($0.rawValue)" } ?? ""
        if found.oldest > 0 {
            tell("firstDifference", "entry \(found.oldest) or before\(since)", output)
        }
        for (name, side, state) in [
            (left, pair.left, states.left), (right, pair.right, states.right),
        ] {
            let verdict: String
            switch try pair.isFaithful(side, state) {
            case true?: verdict = "its state is what its log makes of its snapshot"
            case false?: verdict = "its state is NOT what its log makes of its snapshot"
            case nil: verdict = "no snapshot to judge its state by"
            }
            tell(name, verdict, output)
        }
        return ExitCodes.differs
    }

    private func tell(_ name: String, _ text: String, _ output: Output) {
        if options.json {
            output.json { json in
                json.member("about", name)
                json.member("text", text)
            }
        } else {
            output.line("\(name): \(text)")
        }
    }

    private func tell(_ first: LogComparison.Difference, _ output: Output) {
        guard options.json else {
            output.line("the logs differ from entry \(first.index.rawValue) on:")
            output.line(EntryTable.heading)
            output.line(EntryTable.row(first.left))
            output.line(EntryTable.row(first.right))
            return
        }
        output.json { json in
            json.member("about", "log")
            json.member("firstDifferentEntry", first.index.rawValue)
            json.member("left") { EntryJSON.write(first.left, to: &$0) }
            json.member("right") { EntryJSON.write(first.right, to: &$0) }
        }
    }

    // MARK: States

    private struct Found {
        var count = 0
        /// The oldest entry that a differing record names; 0: none names any.
        var oldest: UInt64 = 0
    }

    private func show(
        _ left: StateSource,
        _ right: StateSource,
        _ filter: ItemFilter,
        _ output: Output
    ) throws -> Found {
        var found = Found()
        try left.read { leftView in
            try right.read { rightView in
                try StateView.forEachDifference(leftView, rightView) { difference in
                    guard filter.wants(difference) else { return true }
                    found.count += 1
                    let index = difference.newestIndex
                    if index > 0 {
                        found.oldest = min(found.oldest == 0 ? .max : found.oldest, index)
                    }
                    if found.count <= limit {
                        let text = DifferenceText(difference)
                        if options.json {
                            output.json { text.write(to: &$0) }
                        } else {
                            for line in text.lines { output.line(line) }
                        }
                    }
                    return true
                }
            }
        }
        let text =
            "\(found.count) records differ after entries \(left.index.rawValue) and "
            + "\(right.index.rawValue)"
        tell("state", text, output)
        if left.index == right.index, left.summary.digest != right.summary.digest {
            tell("digest", "they differ, so that the nodes did different things", output)
            found.count += 1
        }
        return found
    }
}

/// A difference, printed.
struct DifferenceText {
    private let difference: StateDifference

    init(_ difference: StateDifference) { self.difference = difference }

    private var kind: String { item?.kind.rawValue ?? difference.table }

    private var item: StateItem? {
        for side in [difference.left, difference.right] {
            if case .item(let item) = side { return item }
        }
        return nil
    }

    private var name: String {
        item?.name.text ?? "0x\(Hexadecimal.text(difference.key))"
    }

    var lines: [String] {
        let head = "\(kind) \(EntryTable.shown(name))"
        return [
            head, "  < \(Self.text(difference.left))", "  > \(Self.text(difference.right))",
        ]
    }

    private static func text(_ side: StateDifference.Side?) -> String {
        switch side {
        case nil: "not there"
        case .item(let item): "\(item.newestIndex) \(item.detail)"
        case .bytes(let bytes): ItemTable.shown(value: bytes)
        }
    }

    func write(to json: inout JSONWriter) {
        json.member("table", difference.table)
        json.member("kind", kind)
        json.member("name", name)
        json.member("index", difference.newestIndex)
        for (side, value) in [("left", difference.left), ("right", difference.right)] {
            switch value {
            case nil:
                json.name(side)
                json.null()
            case .item(let item): json.member(side) { ItemJSON.write(item, to: &$0) }
            case .bytes(let bytes): json.member(side, value: bytes)
            }
        }
    }
}

extension ItemFilter {
    /// Of a verb's options.
    init(_ names: NameOptions, _ kinds: [String], text: String? = nil) throws {
        let known = StateItem.Kind.allCases
        self.kinds = Set(
            try kinds.map { text in
                guard let kind = StateItem.Kind(rawValue: text) else {
                    let all = known.map(\.rawValue).joined(separator: ", ")
                    throw ValidationError("--kind \(text): there is no such kind; there are \(all)")
                }
                return kind
            }
        )
        paths = names.path.map { ByteString($0) }
        keys = names.key.map { ByteString($0) }
        isPrefix = names.prefix
        sessions = try names.sessions()
        self.text = text.map { ByteString($0) }
    }

    /// Records that lead to others are wanted only where all is.
    func wants(_ difference: StateDifference) -> Bool {
        let items = [difference.left, difference.right].compactMap { side in
            if case .item(let item) = side { return item }
            return nil as StateItem?
        }
        guard let first = items.first else {
            return kinds.isEmpty && paths.isEmpty && keys.isEmpty && sessions.isEmpty
        }
        return wants(first.kind) && wants(first.kind, name: first.name.bytes.rawSpan)
            && items.contains(where: wants)
    }
}
