import Bytes
import Disk
import LMDB
import SeededRandom

@testable import Raft
@testable import RaftStore

/// A node's whole data directory, with a state machine of a few lines in the place of the real one:
/// rows by key, and how far it is applied, in one transaction.
struct SmallNode {
    static let keys = 61
    static let applied = Array("applied".utf8)

    /// Not write-mapped: what is written through a map passes no recorder.
    static let stateSettings: StateSettings = {
        var settings = StateSettings()
        settings.isWriteMapped = false
        settings.tablesMax = 1
        settings.mapBytes = 256 << 20
        return settings
    }()

    let directory: DataDirectory
    let log: WriteAheadLog
    let snapshots: SnapshotStore
    let state: StateDirectory
    let rows: Table

    /// Opens the directory as the server does; begins a log if there is none.
    init(_ path: String, bootID: String) throws {
        directory = try DataDirectory(path)
        if !WriteAheadLog.exists(directory.logPath) {
            try WriteAheadLog.create(
                directory.logPath,
                identity: Sample.identity,
                memberships: Sample.memberships,
                settings: LogHistory.settings
            )
        }
        log = try WriteAheadLog.open(
            directory.logPath,
            settings: LogHistory.settings,
            bootID: bootID
        )
        snapshots = try SnapshotStore(directory: directory.snapshotsPath)
        try snapshots.removeLeftovers()
        state = try StateDirectory.open(
            directory.statePath,
            snapshots: snapshots,
            settings: Self.stateSettings,
            bootID: bootID
        )
        rows = try state.environment.openTables(["rows"])[0]
    }

    /// Up to where the state is applied.
    var applied: LogIndex {
        get throws {
            LogIndex(
                try Self.rows(of: state.environment, rows)[Self.applied].map {
                    LogRecord.word($0.rawSpan, 0)
                } ?? 0
            )
        }
    }

    /// Applies what the log has and the state has not.
    func catchUp() throws {
        let last = try log.lastIndex()
        let from = try applied.next
        guard from <= last else { return }
        var changes: [[UInt8]: [UInt8]] = [:]
        for entry in try log.entries(from: from, to: last.next, bytesMax: .max) {
            Self.apply(entry, to: &changes)
        }
        var transaction = try WriteTransaction(state.environment)
        for (key, value) in changes.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            try transaction.put(key.rawSpan, value.rawSpan, in: rows)
        }
        try transaction.commit()
    }

    static func apply(_ entry: Entry, to rows: inout [[UInt8]: [UInt8]]) {
        var value = ByteWriter()
        value.integer(entry.index.rawValue)
        rows[applied] = value.bytes
        value.append(entry.payload)
        rows[[UInt8(entry.index.rawValue % UInt64(keys))]] = value.bytes
    }

    static func rows(of environment: Environment, _ table: Table) throws -> [[UInt8]: [UInt8]] {
        let reading = try ReadTransaction(environment)
        var rows: [[UInt8]: [UInt8]] = [:]
        var cursor = try reading.reader.cursor(in: table)
        var isPlaced = try cursor.moveToFirst()
        while isPlaced {
            rows[cursor.key.copiedBytes()] = cursor.value.copiedBytes()
            isPlaced = try cursor.moveToNext()
        }
        return rows
    }

    /// Takes a snapshot and drops what it covers, as the server's threads do.
    func takeSnapshot() throws {
        let manifest = try snapshots.take(of: state.environment, bytesPerSecondMax: nil) {
            (copy) throws(SnapshotError) in try Self.coverage(copy)
        }
        try log.record(manifest)
        try log.compact(upTo: manifest.index)
        try log.collectGarbage()
        try snapshots.prune(onRecord: log.manifests)
    }

    private static func coverage(
        _ copy: Environment
    ) throws(SnapshotError) -> SnapshotCoverage {
        do {
            let table = try copy.openTables(["rows"], create: false)[0]
            let index = try rows(of: copy, table)[applied].map { LogRecord.word($0.rawSpan, 0) }
            return SnapshotCoverage(
                index: LogIndex(index ?? 0),
                term: Term(1),
                membership: Sample.memberships[0]
            )
        } catch { throw .undescribed(path: "copy", reason: "\(error)") }
    }

    func close() throws {
        try log.close()
        try state.close()
    }
}

/// What a node went through: all its entries, and where each was acknowledged.
struct NodeHistory {
    private(set) var operations: [DiskOperation] = []
    private(set) var entries: [Entry] = []

    /// - Parameters:
    ///   - path: where the node's directory is to be, below `directory`.
    ///   - trusts: the mark of trust says "clean" while it is not: for a canary.
    init(seed: UInt64, in directory: String, path: String, trusts: Bool = false) throws {
        var generator = SeededGenerator(seed: seed)
        var made: [Entry] = []
        operations = try DiskRecording.operations(below: directory) {
            for round in 0..<3 {
                let node = try SmallNode(path, bootID: LogHistory.bootID)
                if trusts { try TrustMarker(directory: node.directory.statePath).markClean() }
                if round == 0 { DiskRecording.mark(0) }
                for step in 1...18 {
                    let next = Self.next(after: made.count, &generator)
                    let hardState = HardState(
                        term: Term(1),
                        vote: NodeID(1),
                        commit: LogIndex(UInt64(made.count))
                    )
                    try node.log.write(
                        LogWrite(id: .zero, hardState: hardState, entries: next)
                    )
                    made += next
                    DiskRecording.mark(made.count)
                    try node.catchUp()
                    if step % 7 == 0 { try node.takeSnapshot() }
                }
                if round != 1 { try node.close() }
            }
        }
        entries = made
    }

    private static func next(after count: Int, _ generator: inout SeededGenerator) -> [Entry] {
        (0..<Int.random(in: 1...12, using: &generator)).map { offset in
            let bytes = Int.random(in: 1...(offset == 0 ? 4_000 : 300), using: &generator)
            return Entry(
                index: LogIndex(UInt64(count + offset + 1)),
                term: Term(1),
                payload: Sample.payload(bytes, &generator)
            )
        }
    }

    func rows(upTo count: Int) -> [[UInt8]: [UInt8]] {
        var rows: [[UInt8]: [UInt8]] = [:]
        for entry in entries.prefix(count) { SmallNode.apply(entry, to: &rows) }
        return rows
    }
}
