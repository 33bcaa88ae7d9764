import Bytes
import Commands
import Disk
import Glibc
import LMDB
import StateMachine

@testable import Raft
@testable import RaftStore
@testable import roost_log

/// A node's data directory that goes with the test: a log with commands, a state that has applied
/// them, and snapshots, as a server that stopped has left them.
final class ScratchNode {
    let path: String

    static let firstTime: Int64 = 1_800_000_000_000

    init() {
        let pattern = String(repeating: "X", count: 6)
        var template = Array("/tmp/roost-inspector-\(pattern)".utf8CString)
        path = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, let made = unsafe mkdtemp(start) else {
                preconditionFailure("mkdtemp: errno \(errno)")
            }
            return unsafe String(cString: made)
        }
    }

    deinit { Self.remove(path) }

    /// A data directory of a test's; what is left of it harms nobody.
    static func remove(_ path: String) {
        for name in ["/wal", "/state", "/snapshots", ""] {
            try? FileSystem.removeDirectory("\(path)\(name)")
        }
    }

    var logFile: String { "\(path)/wal/data.mdb" }
    var stateFile: String { "\(path)/state/data.mdb" }

    /// Entry 1 is a leader's first; the others set keys, ten to a commit, one second apart.
    static func entries(_ range: ClosedRange<UInt64>, valueBytes: Int = 40) -> [Entry] {
        range.map { index in
            if index == 1 { return Entry(index: LogIndex(1), term: Term(1), kind: .empty) }
            let operation = KeyOperation(
                verb: .set,
                key: ByteString("app/\(index)"),
                value: [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: valueBytes)
            )
            let header = CommandHeader(timeMilliseconds: firstTime + Int64(index) * 1_000)
            return Entry(
                index: LogIndex(index),
                term: Term(1),
                payload: Command.key(operation).encode(header)
            )
        }
    }

    /// Writes the entries, applies them (or what `applying` makes of them, as a node would whose
    /// state goes wrong), and closes both cleanly.
    func fill(
        _ entries: [Entry],
        snapshotAt snapshot: UInt64? = nil,
        isCompacted: Bool = false,
        voters: UInt64 = 1,
        appliedMax: UInt64 = .max,
        applying: (Entry) -> Entry = { $0 }
    ) throws {
        let membership = MembershipRecord(
            index: .zero,
            membership: Membership(voters: (1...voters).map { NodeID($0) })
        )
        try WriteAheadLog.create(
            "\(path)/wal",
            identity: NodeIdentity(
                clusterID: [UInt8](repeating: 7, count: 16),
                node: NodeID(1),
                name: "n1"
            ),
            memberships: [membership],
            settings: Self.logSettings
        )
        try FileSystem.makeDirectory("\(path)/snapshots")
        let log = try WriteAheadLog.open("\(path)/wal", settings: Self.logSettings)
        for start in stride(from: 0, to: entries.count, by: 10) {
            let some = Array(entries[start..<min(start + 10, entries.count)])
            try log.write(Self.write(some))
        }
        let agreed = entries.filter { $0.index.rawValue <= appliedMax }
        try apply(agreed.map(applying), log, snapshotAt: snapshot, isCompacted)
        try log.close()
    }

    static func write(_ entries: [Entry]) -> LogWrite {
        LogWrite(
            id: WriteID(1),
            hardState: HardState(term: entries.last?.term ?? Term(1), vote: NodeID(1)),
            entries: entries
        )
    }

    private func apply(
        _ entries: [Entry],
        _ log: WriteAheadLog,
        snapshotAt: UInt64?,
        _ isCompacted: Bool
    ) throws {
        let snapshots = try SnapshotStore(directory: "\(path)/snapshots")
        var settings = StateSettings()
        settings.tablesMax = StateTables.count
        settings.mapBytes = 64 << 20
        let state = try StateDirectory.open(
            "\(path)/state",
            snapshots: snapshots,
            settings: settings
        )
        let tables = try StateTables.open(state.environment)
        let machine = try Machine(environment: state.environment, tables: tables)
        for entry in entries {
            guard try state.ensureRoom(1 << 20) else { preconditionFailure("the disk is full") }
            _ = try machine.apply([Self.committed(entry)])
            guard entry.index.rawValue == snapshotAt else { continue }
            let manifest = try snapshots.take(of: state.environment, bytesPerSecondMax: nil) { _ in
                SnapshotCoverage(index: entry.index, term: entry.term, membership: Self.membership)
            }
            try log.record(manifest)
            if isCompacted { try log.compact(upTo: entry.index) }
        }
        while log.hasGarbage { try log.collectGarbage() }
        try state.close()
    }

    private static func committed(_ entry: Entry) -> CommittedEntry {
        CommittedEntry(
            index: entry.index.rawValue,
            term: entry.term.rawValue,
            payload: entry.kind == .normal ? entry.payload : []
        )
    }

    private static let membership = MembershipRecord(
        index: .zero,
        membership: Membership(voters: [NodeID(1)])
    )

    private static var logSettings: LogSettings {
        var settings = LogSettings()
        settings.growthBytes = 1 << 20
        settings.aheadBytesMin = 1 << 20
        settings.mapBytes = 256 << 20
        return settings
    }

    // MARK: Damage

    /// Adds one to a byte.
    func spoil(_ file: String, at offset: Int) throws {
        let opened = try File(file, .readWrite)
        var bytes = try opened.read(at: offset, count: 1)
        bytes[0] &+= 1
        try opened.write(bytes.rawSpan, at: offset)
    }

    /// Where all copies of `text` lie in a file: pages are copied when they change.
    func places(of text: String, in file: String) throws -> [Int] {
        let wanted = Array(text.utf8)
        let bytes = try FileSystem.contents(file, bytesMax: 64 << 20) ?? []
        var found: [Int] = []
        for start in 0..<max(0, bytes.count - wanted.count)
        where bytes[start] == wanted[0] && bytes[start...].starts(with: wanted) {
            found.append(start)
        }
        precondition(!found.isEmpty, "\(text) is not in \(file)")
        return found
    }

    /// Spoils the records that hold `text`.
    func spoilRecords(of text: String, in file: String) throws {
        for place in try places(of: text, in: file) { try spoil(file, at: place) }
    }

    /// Spoils the flags of the pages that hold `text`.
    func spoilPages(of text: String, in file: String) throws {
        for page in Set(try places(of: text, in: file).map { $0 / 4_096 }) {
            try spoil(file, at: page * 4_096 + 10)
        }
    }

    /// The directory as another run of the operating system finds it.
    func forgetTrust(_ part: String) throws { try FileSystem.remove("\(path)/\(part)/trust") }

    // MARK: Looking

    func check() throws -> DirectoryCheck {
        var check = DirectoryCheck(try InspectedDirectory(path))
        try check.run()
        return check
    }

    func dump(_ range: ClosedRange<UInt64>, _ filter: EntryFilter = .init()) throws -> [UInt64] {
        var found: [UInt64] = []
        let whole = LogIndex(range.lowerBound)...LogIndex(range.upperBound)
        try InspectedDirectory(path).log.forEachEntry(whole) { item in
            if case .entry(let entry) = item, filter.wants(DescribedEntry(entry)) {
                found.append(entry.index.rawValue)
            }
            return true
        }
        return found
    }

    /// The content and the times of everything in the directory.
    func print() throws -> [String] {
        var print: [String] = []
        for part in ["", "/wal", "/state", "/snapshots"] {
            for name in try FileSystem.list("\(path)\(part)") {
                let file = "\(path)\(part)/\(name)"
                let status = try FileSystem.status(file)
                let bytes =
                    status.isDirectory
                    ? [] : try FileSystem.contents(file, bytesMax: 64 << 20) ?? []
                print.append("\(file) \(status.size) \(status.inode) \(XXH64.hash(bytes))")
            }
        }
        return print
    }
}
