import ArgumentParser
import Bytes
import ConsulProtocol
import LMDB
import Raft
import RaftStore
import StateMachine

struct StatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stat",
        abstract: "Print what takes the room, what is written most, and the pages of the files.",
        discussion: """
            Sizes of the state by subtree and key prefix, the largest values, the entries of
            the log by kind and by minute, the names that they name most, and LMDB's pages.

            EXAMPLES
              roost-log stat
              roost-log stat --depth 2 --top 50 --json
              roost-log stat --since 1h --kind setData
              roost-log stat --only pages

            LIMITS
              The filters choose entries; sizes are those of the newest state. Names are
              counted in bounded memory: a count may be too high by what ERROR says. Bytes of
              the state are those of names and values, without the tables around them.
            """
    )

    enum Part: String, CaseIterable, ExpressibleByArgument {
        case sizes, largest, entries, minutes, names, pages
    }

    @OptionGroup var options: DirectoryOptions
    @OptionGroup var scratch: ScratchOptions
    @OptionGroup var entries: EntryOptions

    @Option(help: "A part: sizes, largest, entries, minutes, names or pages. Repeatable.")
    var only: [Part] = []

    @Option(help: .init("How many levels make a group.", valueName: "levels"))
    var depth = 1

    @Option(help: .init("How many of each.", valueName: "count"))
    var top = 20

    func validate() throws {
        guard depth >= 1, top >= 1 else {
            throw ValidationError("--depth and --top must be 1 or above")
        }
    }

    @Option(help: .init("A snapshot's file in place of a data directory.", valueName: "file"))
    var snapshot: String?

    func run() throws {
        if let snapshot {
            try options.run { output in
                let source = try StateSource(snapshotAt: snapshot, scratch: scratch.path)
                try show(source, StatPrint(output, isJSON: options.json))
                return .success
            }
            return
        }
        let filter = try entries.filter(now: TimeText.nowMilliseconds)
        try options.inspect { directory, output in
            let replay = try Replay(directory, scratch: scratch.path)
            let print = StatPrint(output, isJSON: options.json)
            if wants(.sizes, .largest, .pages) {
                let source = try StateSource(replay, at: nil, usesState: true)
                try show(source, print)
            }
            if wants(.pages) { try show(try directory.log.pages(), print) }
            guard wants(.entries, .minutes, .names) else { return .success }
            let tally = try count(replay, filter)
            show(tally, print)
            if tally.damaged > 0 { Output.complain("\(tally.damaged) places are damaged") }
            return tally.damaged > 0 ? ExitCodes.logDamage : .success
        }
    }

    private func wants(_ parts: Part...) -> Bool {
        only.isEmpty || parts.contains(where: only.contains)
    }

    private func count(_ replay: Replay, _ filter: EntryFilter) throws -> EntryTally {
        var tally = EntryTally()
        let progress = Progress("counted")
        try replay.directory.log.forEachEntry(entries.range) { item in
            tally.add(item, filter)
            if case .entry(let entry) = item {
                progress.note(entry.index.rawValue, of: replay.log.last.rawValue)
            }
            return true
        }
        progress.end()
        return tally
    }

    // MARK: State

    private func show(_ source: StateSource, _ print: StatPrint) throws {
        var znodes = GroupedSizes()
        var keys = GroupedSizes()
        var largest = LargestValues(top)
        var pages: [(name: String, pages: TableStatistics)] = []
        try source.read { view in
            pages = try view.tableStatistics()
            guard wants(.sizes, .largest) else { return }
            try view.forEachZnodeSize { path, bytes in
                let all = path.byteCount + bytes
                znodes.add(GroupedSizes.group(path, depth: depth), all)
                if largest.wants(bytes) { largest.add("znode", ByteString(copying: path), bytes) }
            }
            try view.forEachKey(prefix: RawSpan()) { entry in
                let all = entry.key.byteCount + entry.valueBytes
                keys.add(GroupedSizes.group(entry.key, depth: depth), all)
                if largest.wants(entry.valueBytes) {
                    largest.add("key", ByteString(copying: entry.key), entry.valueBytes)
                }
                return .next
            }
        }
        if wants(.sizes) {
            for (kind, groups) in [("znodes", znodes), ("keys", keys)] {
                print.table(
                    kind,
                    ["NAME", "COUNT", "BYTES"],
                    groups.top(top).map {
                        [
                            .text($0.name), .number($0.sizes.count),
                            .number($0.sizes.bytes),
                        ]
                    }
                )
            }
        }
        if wants(.largest) {
            print.table(
                "largest",
                ["KIND", "NAME", "BYTES"],
                largest.all.map { [.text($0.kind), .text($0.name.text), .number($0.bytes)] }
            )
        }
        if wants(.pages) { show(pages, print) }
    }

    private func show(
        _ tables: [(name: String, pages: TableStatistics)],
        _ print: StatPrint
    ) {
        print.table(
            "tables",
            ["TABLE", "RECORDS", "DEPTH", "BRANCH", "LEAF", "OVERFLOW", "BYTES"],
            tables.map { table in
                [
                    .text(table.name), .number(table.pages.entries), .number(table.pages.depth),
                    .number(table.pages.branchPages), .number(table.pages.leafPages),
                    .number(table.pages.overflowPages),
                    .number(table.pages.pages * table.pages.pageBytes),
                ]
            }
        )
    }

    // MARK: Log

    private func show(_ pages: PageCounts, _ print: StatPrint) throws {
        let used = pages.branch + pages.leaf + pages.overflow
        print.table(
            "log",
            ["RECORDS", "DEPTH", "BRANCH", "LEAF", "OVERFLOW", "PAGES", "UNUSED", "BYTES"],
            [
                [
                    .number(pages.records), .number(pages.depth), .number(pages.branch),
                    .number(pages.leaf), .number(pages.overflow), .number(pages.pages),
                    .number(max(0, pages.pages - used - 2)),
                    .number(pages.pages * pages.pageBytes),
                ]
            ]
        )
    }

    private func show(_ tally: EntryTally, _ print: StatPrint) {
        if wants(.entries) {
            let rows = tally.kinds.sorted {
                ($0.value.entries, $1.key) > ($1.value.entries, $0.key)
            }
            print.table(
                "entries",
                ["KIND", "COUNT", "BYTES"],
                rows.map { [.text($0.key), .number($0.value.entries), .number($0.value.bytes)] }
            )
        }
        if wants(.minutes) {
            let rows = tally.minutes.sorted { $0.key < $1.key }
            print.table(
                "minutes",
                ["MINUTE", "COUNT", "BYTES"],
                rows.map { minute, count in
                    let text = TimeText.text(milliseconds: minute * 60_000)
                    return [.text(text), .number(count.entries), .number(count.bytes)]
                }
            )
        }
        if wants(.names) {
            print.table(
                "names",
                ["NAME", "COUNT", "ERROR"],
                tally.busiest.top(top).map {
                    [.text($0.name.text), .number($0.count), .number($0.error)]
                }
            )
        }
    }
}

/// Tables with a title, or the same as JSON lines.
struct StatPrint {
    enum Cell {
        case text(String)
        case number(Int)
    }

    private let output: Output
    private let isJSON: Bool

    init(_ output: Output, isJSON: Bool) {
        self.output = output
        self.isJSON = isJSON
    }

    func table(_ title: String, _ names: [String], _ rows: [[Cell]]) {
        guard isJSON else {
            output.line(title.uppercased())
            output.table(
                names,
                rows.map { cells in
                    cells.map { cell in
                        switch cell {
                        case .text(let text): EntryTable.shown(text)
                        case .number(let number): "\(number)"
                        }
                    }
                }
            )
            output.line("")
            return
        }
        for cells in rows {
            output.json { json in
                json.member("part", title)
                for (name, cell) in zip(names, cells) {
                    switch cell {
                    case .text(let text): json.member(name.lowercased(), text)
                    case .number(let number): json.member(name.lowercased(), number)
                    }
                }
            }
        }
    }
}
