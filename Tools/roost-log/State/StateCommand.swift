import ArgumentParser
import Bytes
import ConsulProtocol
import Raft
import RaftStore
import StateMachine

struct StateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "state",
        abstract: "Print or write out the tree, keys, sessions and catalog as they were.",
        discussion: """
            The state is rebuilt by the server's own rules, from the newest snapshot (or the
            server's state) at or before the point, and the log after it. A time means: before
            the first entry that is stamped later.

            EXAMPLES
              roost-log state --path /app/ --prefix
              roost-log state --at 120000 --kind key --json
              roost-log state --at 2026-11-25T12:00:00Z --find password
              roost-log state --snapshot snapshots/1200-3.mdb --key app/mode
              roost-log state --at 15m --write-directory /var/lib/roost-before
              roost server --data-dir /var/lib/roost-before

            WRITTEN OUT
              --write-directory makes the data directory of a new cluster of one node, of
              which the others are then made by --join with empty directories. The old
              cluster's members are forgotten; sessions are there, and expire unless their
              clients come back. --write-snapshot makes INDEX-TERM.mdb with its manifest.

            LIMITS
              How far back it goes depends on what the server has kept; the message says
              what can be reached. Only entries known to be committed are applied. Values
              are cut in the table and whole in JSON lines. A state that was found to differ
              from the cluster's, and snapshots of it, are left out unless --use-diverged.
            """
    )

    @OptionGroup var options: DirectoryOptions
    @OptionGroup var scratch: ScratchOptions
    @OptionGroup var divergence: DivergenceOptions
    @OptionGroup var names: NameOptions

    @Option(help: .init("An index, a time, or an age: 15m. The newest, unless given."))
    var at: String?

    @Option(help: .init("A snapshot's file in place of a data directory.", valueName: "file"))
    var snapshot: String?

    @Flag(help: "Rebuild from snapshot and log alone, without the server's own state.")
    var fromLog = false

    @Option(help: .init("A kind of thing: znode, key, service, ... Repeatable."))
    var kind: [String] = []

    @Option(help: .init("Only what holds this in its name or value.", valueName: "text"))
    var find: String?

    @Option(help: .init("Stop after so many.", valueName: "count"))
    var limit: Int?

    @Flag(help: "Print the counts, the index and the digest only.")
    var summary = false

    @Option(help: .init("Make a data directory for a new cluster.", valueName: "dir"))
    var writeDirectory: String?

    @Option(help: .init("The name of the new cluster's node.", valueName: "name"))
    var name = "n1"

    @Option(help: .init("Make a snapshot in this directory.", valueName: "dir"))
    var writeSnapshot: String?

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit must be 1 or above") }
        if at != nil, snapshot != nil {
            throw ValidationError("--at goes back in a data directory; a snapshot has one state")
        }
        if writeDirectory != nil, writeSnapshot != nil {
            throw ValidationError("give --write-directory or --write-snapshot, not both")
        }
        if let at { _ = try PointInTime.parse(at, "--at") }
        _ = try ItemFilter(names, kind)
    }

    func run() throws {
        let filter = try ItemFilter(names, kind, text: find)
        if let snapshot {
            try options.run { output in
                let source = try StateSource(snapshotAt: snapshot, scratch: scratch.path)
                try show(source, filter, Self.membership(ofSnapshotAt: snapshot), output)
                return .success
            }
            return
        }
        let point = try at.map { try PointInTime.parse($0, "--at") }
        try options.inspect { directory, output in
            let replay = try Replay(
                directory,
                scratch: scratch.path,
                usesDiverged: divergence.isUsed
            )
            let source = try StateSource(replay, at: point, usesState: !fromLog)
            let membership = try Self.membership(of: directory, at: source.index)
            try show(source, filter, membership, output)
            return .success
        }
    }

    private func show(
        _ source: StateSource,
        _ filter: ItemFilter,
        _ membership: MembershipRecord?,
        _ output: Output
    ) throws {
        if let writeDirectory {
            let beginning = try NewBeginning(source)
            let manifest = try beginning.writeDirectory(writeDirectory, name: name)
            report(writeDirectory, manifest, output)
        } else if let writeSnapshot {
            guard let membership else {
                throw InspectionFailure.other("the membership at that entry is not known")
            }
            let beginning = try NewBeginning(source)
            report(writeSnapshot, try beginning.writeSnapshot(writeSnapshot, membership), output)
        } else if summary {
            report(source, output)
        } else {
            try list(source, filter, output)
        }
    }

    private func list(
        _ source: StateSource,
        _ filter: ItemFilter,
        _ output: Output
    ) throws {
        if !options.json { output.line(ItemTable.heading) }
        var left = limit ?? .max
        try source.read { view in
            for kind in StateItem.Kind.allCases where filter.wants(kind) && left > 0 {
                try view.forEachItem(kind, where: { filter.wants(kind, name: $0) }) { item in
                    guard filter.wants(item) else { return true }
                    if options.json {
                        output.json { ItemJSON.write(item, to: &$0) }
                    } else {
                        output.line(ItemTable.row(item))
                    }
                    left -= 1
                    return left > 0
                }
            }
        }
    }

    private func report(_ source: StateSource, _ output: Output) {
        let summary = source.summary
        let rows: [(name: String, value: UInt64)] = [
            ("index", summary.appliedIndex), ("term", summary.appliedTerm),
            ("znodes", summary.znodeCount), ("ephemerals", summary.ephemeralCount),
            ("znodeBytes", summary.znodeBytes), ("keys", summary.keyCount),
            ("zooKeeperSessions", summary.zooKeeperSessionCount),
        ]
        let digest = Hexadecimal.text(summary.digest)
        guard options.json else {
            let cells = rows.map { [$0.name, "\($0.value)"] } + [["digest", digest]]
            output.table(["WHAT", "VALUE"], cells)
            return
        }
        output.json { json in
            for row in rows { json.member(row.name, row.value) }
            json.member("digest", digest)
        }
    }

    private func report(_ path: String, _ manifest: SnapshotManifest, _ output: Output) {
        guard options.json else {
            output.line("\(path): written, with the state after entry \(manifest.index.rawValue)")
            return
        }
        output.json { json in
            json.member("written", path)
            json.member("index", manifest.index.rawValue)
            json.member("term", manifest.term.rawValue)
            json.member("snapshot", manifest.name)
            json.member("bytes", manifest.byteCount)
        }
    }

    /// The membership in force at an entry, as far as the directory still knows it.
    private static func membership(
        of directory: InspectedDirectory,
        at index: LogIndex
    ) throws -> MembershipRecord? {
        let known = try directory.snapshots().compactMap(\.manifest?.membership)
        let recorded = try directory.log.contents().memberships
        return (known + recorded).filter { $0.index <= index }.max { $0.index < $1.index }
    }

    private static func membership(ofSnapshotAt path: String) throws -> MembershipRecord? {
        try InspectedSnapshot(at: path)?.manifest?.membership
    }
}
