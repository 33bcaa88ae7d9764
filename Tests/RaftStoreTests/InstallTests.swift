import Bytes
import Disk
import LMDB
import Raft
import Testing

@testable import RaftStore

/// A leader's snapshot in the state's place, and what a crash on the way leaves.
@Suite struct InstallTests {
    /// A state with one row, "old", and a snapshot of another with the row "new".
    private struct Fixture {
        let directory = ScratchDirectory()
        let snapshots: SnapshotStore
        let manifest: SnapshotManifest

        init() throws {
            for name in ["snapshots", "other"] {
                try FileSystem.makeDirectory("\(directory.path)/\(name)")
            }
            snapshots = try SnapshotStore(directory: "\(directory.path)/snapshots")
            let empty = try SnapshotStore(directory: "\(directory.path)/other")
            let other = try StateDirectory.open(
                "\(directory.path)/leader",
                snapshots: empty,
                settings: Self.settings
            )
            try Self.put("new", other.environment)
            let record = Sample.memberships[0]
            manifest = try snapshots.take(of: other.environment, bytesPerSecondMax: nil) { _ in
                SnapshotCoverage(index: LogIndex(70), term: Term(4), membership: record)
            }
            let own = try StateDirectory.open(
                state,
                snapshots: empty,
                settings: Self.settings
            )
            try Self.put("old", own.environment)
            try own.close()
        }

        static var settings: StateSettings {
            var settings = StateSettings()
            settings.mapBytes = 1 << 28
            settings.stepBytes = 1 << 20
            return settings
        }

        var state: String { "\(directory.path)/state" }

        func open() throws -> StateDirectory {
            try StateDirectory.open(state, snapshots: snapshots, settings: Self.settings)
        }

        func install() throws -> StateDirectory {
            try StateDirectory.install(
                manifest,
                at: state,
                snapshots: snapshots,
                settings: Self.settings
            )
        }

        static func put(_ row: String, _ environment: Environment) throws {
            let table = try environment.mainTable()
            var transaction = try WriteTransaction(environment)
            let bytes = Array(row.utf8)
            try transaction.put(bytes.rawSpan, bytes.rawSpan, in: table)
            try transaction.commit()
        }

        func has(_ row: String, _ state: StateDirectory) throws -> Bool {
            let table = try state.environment.mainTable()
            let reading = try ReadTransaction(state.environment)
            let bytes = Array(row.utf8)
            return try reading.reader.get(bytes.rawSpan, in: table) != nil
        }

        var leftovers: [String] {
            get throws {
                try FileSystem.list(directory.path).filter { $0.hasPrefix("state.") }
            }
        }
    }

    @Test func `the old state stays readable beside the new one`() throws {
        let fixture = try Fixture()
        let old = try fixture.open()
        let new = try fixture.install()
        #expect(try fixture.has("new", new) && !fixture.has("old", new))
        #expect(try fixture.has("old", old) && !fixture.has("new", old))
        #expect(try fixture.leftovers.isEmpty)
        try new.close()
        let again = try fixture.open()
        #expect(again.origin == .closedCleanly)
        #expect(try fixture.has("new", again))
    }

    @Test func `a crash while it is copied leaves the old state`() throws {
        let fixture = try Fixture()
        try FileSystem.makeDirectory("\(fixture.state).new")
        _ = try File("\(fixture.state).new/data.mdb", .create)
        let state = try fixture.open()
        #expect(state.origin == .closedCleanly)
        #expect(try fixture.has("old", state))
        #expect(try fixture.leftovers.isEmpty)
    }

    @Test func `a crash between the two renames leaves none, and the snapshot is restored`() throws
    {
        let fixture = try Fixture()
        try FileSystem.rename(fixture.state, to: "\(fixture.state).old")
        let state = try fixture.open()
        guard case .rebuilt(fixture.manifest, _) = state.origin else {
            Issue.record("\(state.origin)")
            return
        }
        #expect(try fixture.has("new", state))
        #expect(try fixture.leftovers.isEmpty)
    }

    @Test func `a snapshot that there is no room for is not begun`() throws {
        let fixture = try Fixture()
        var huge = fixture.manifest
        huge.byteCount = 1 << 60
        #expect(throws: StoreError.self) {
            _ = try StateDirectory.install(
                huge,
                at: fixture.state,
                snapshots: fixture.snapshots,
                settings: Fixture.settings
            )
        }
        #expect(try fixture.leftovers.isEmpty)
        #expect(try fixture.has("old", fixture.open()))
    }

    // MARK: A state that is wrong

    @Test func `the mark of a wrong state outlives a rebuilding and goes with the state`() throws {
        let fixture = try Fixture()
        let marker = DivergenceMarker(directory: fixture.state)
        #expect(try marker.read() == nil)
        try marker.write(equalAt: LogIndex(256), differsAt: LogIndex(512))
        // The power was cut: what is rebuilt from this node's own snapshots may be as wrong.
        try FileSystem.remove("\(fixture.state)/trust")
        let rebuilt = try fixture.open()
        guard case .rebuilt = rebuilt.origin else {
            Issue.record("\(rebuilt.origin)")
            return
        }
        let found = try #require(try marker.read())
        #expect(found == (LogIndex(256), LogIndex(512)))
        try rebuilt.close()
        _ = try fixture.install()
        #expect(try marker.read() == nil)
    }

    @Test func `an unreadable mark is a mark`() throws {
        let fixture = try Fixture()
        for text in ["", "roost-diverged 2\nequal 1\ndifferent 2\n", "roost-diverged 1\n"] {
            try FileSystem.replace(
                "\(fixture.state)/diverged",
                with: Array(text.utf8),
                in: fixture.state
            )
            let found = try DivergenceMarker(directory: fixture.state).read()
            #expect(try #require(found) == (.zero, .zero))
        }
    }

    @Test func `snapshots of a wrong state go, older and newer ones`() throws {
        let fixture = try Fixture()
        let own = try fixture.open()
        for index in [UInt64(60), 80] {
            _ = try fixture.snapshots.take(of: own.environment, bytesPerSecondMax: nil) { _ in
                SnapshotCoverage(
                    index: LogIndex(index),
                    term: Term(4),
                    membership: Sample.memberships[0]
                )
            }
        }
        #expect(try fixture.snapshots.list().count == 3)
        try fixture.snapshots.keepOnly(fixture.manifest)
        #expect(try fixture.snapshots.list() == [fixture.manifest])
        #expect(try FileSystem.list(fixture.snapshots.directory).count == 2)
        try fixture.snapshots.verify(fixture.manifest)
    }

    /// Written, synced, and other bytes on the disk: the log must not be dropped for it.
    @Test func `a copy that is damaged before it is verified is no snapshot`() throws {
        let fixture = try Fixture()
        let own = try fixture.open()
        let copy = "\(fixture.snapshots.directory)/copy.tmp"
        #expect(throws: SnapshotError.self) {
            try fixture.snapshots.take(of: own.environment, bytesPerSecondMax: nil) {
                _ throws(SnapshotError) in
                do throws(DiskError) {
                    try File(copy, .readWrite).write([UInt8(0x5A)].rawSpan, at: 100)
                } catch { throw .disk(error) }
                return SnapshotCoverage(
                    index: LogIndex(80),
                    term: Term(4),
                    membership: Sample.memberships[0]
                )
            }
        }
        #expect(try fixture.snapshots.list() == [fixture.manifest])
        #expect(!FileSystem.exists(copy))
    }
}
