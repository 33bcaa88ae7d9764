import Bytes
import Disk
import LMDB
import StateMachine
import Synchronization
import Testing

@testable import Backup
@testable import Raft
@testable import RaftStore
@testable import roost_log

/// What a restore leaves that does not come to its end.
@Suite struct NewClusterTests {
    /// A backup of a state of 40 keys, and where to restore it to.
    private func backup(_ node: ScratchNode) throws -> (file: BackupFile, target: String) {
        try node.fill(ScratchNode.entries(1...40), snapshotAt: 40)
        let bases = try StartingState.all(of: InspectedDirectory(node.path))
        let base = try #require(bases.first { !$0.isOwnState })
        guard case .snapshot(let snapshot) = base.source, let manifest = snapshot.manifest else {
            throw InspectionFailure.other("no snapshot was taken")
        }
        let head = ArchiveHead(
            manifest: manifest,
            clusterID: [UInt8](repeating: 7, count: 16),
            node: "n1",
            time: ScratchNode.firstTime,
            counts: StateCounts(base.summary)
        )
        var writer = try ArchiveWriter(head, state: File(snapshot.path, .readOnly))
        let path = "\(node.path)/wal/saved.snap"
        let file = try File(path, .replace)
        var offset = 0
        while let piece = try writer.next() {
            try file.write(piece.rawSpan, at: offset)
            offset += piece.count
        }
        return (try BackupFile(path), "\(node.path)-restored")
    }

    private func isWhole(_ path: String) throws -> Bool {
        var check = DirectoryCheck(try InspectedDirectory(path))
        try check.run()
        return check.findings.isEmpty && check.log?.commit?.firstIndex == LogIndex(41)
    }

    /// The one that came later removed what the first had made.
    @Test func `of two restores into one directory, one is made and stays whole`() throws {
        let node = ScratchNode()
        let (file, target) = try backup(node)
        for round in 0..<20 {
            defer { ScratchNode.remove(target) }
            let results = Mutex<[BackupError?]>([])
            let threads = try (0..<2).map { number in
                try OwnThread(named: "restore") {
                    var failure: BackupError?
                    do throws(BackupError) {
                        _ = try NewCluster.restore(file, to: target, name: "n\(number)")
                    } catch { failure = error }
                    results.withLock { $0.append(failure) }
                }
            }
            for thread in threads { thread.join() }
            let failures = results.withLock { $0 }
            #expect(failures.count { $0 == nil } == 1, "round \(round): \(failures)")
            #expect(try isWhole(target), "round \(round): \(failures)")
        }
    }

    /// A directory whose log has its name is somebody's: with half of what belongs to it, a server
    /// would begin there.
    @Test func `a failure after the log has its name leaves no log`() throws {
        let node = ScratchNode()
        let (file, target) = try backup(node)
        let stray = "\(target)/restoring/stray"
        defer {
            try? FileSystem.removeDirectory(stray)
            try? FileSystem.removeDirectory("\(target)/restoring")
            ScratchNode.remove(target)
        }
        do throws(BackupError) {
            _ = try NewCluster.restore(file, to: target, name: "n1") { _ in
                // What is removed last cannot be.
                _ = try? FileSystem.makeDirectory(stray)
            }
            Issue.record("it came to its end")
        } catch { #expect("\(error)".contains("stays behind"), "\(error)") }
        #expect(FileSystem.exists(stray))
        #expect(!FileSystem.exists("\(target)/wal"))
        #expect { _ = try NewCluster.restore(file, to: target, name: "n1") } throws: { error in
            "\(error)".contains("cut short")
        }
    }

    /// A restore that is killed at its very end leaves a whole directory, and what it unpacked. A
    /// second one, by mistake, was told to remove that directory, which a node may serve by then.
    @Test func `what has a log is nobody's to remove, and loses what was unpacked`() throws {
        let node = ScratchNode()
        let (file, target) = try backup(node)
        let left = "\(target)/restoring"
        defer {
            try? FileSystem.removeDirectory(left)
            ScratchNode.remove(target)
        }
        _ = try NewCluster.restore(file, to: target, name: "n1")
        try FileSystem.makeDirectory(left)
        try File("\(left)/data.mdb", .new).write([1].rawSpan, at: 0)
        #expect { _ = try NewCluster.restore(file, to: target, name: "n1") } throws: { error in
            "\(error)".hasSuffix("it is there already, and not empty")
        }
        try NewCluster.removeLeftovers(try DataDirectory(target))
        #expect(!FileSystem.exists(left))
        #expect(try isWhole(target))
    }

    @Test func `a failure leaves an empty directory empty, and else none`() throws {
        let node = ScratchNode()
        let (file, target) = try backup(node)
        defer { ScratchNode.remove(target) }
        try node.spoil(file.path, at: file.byteCount / 2)
        for isThere in [false, true] {
            if isThere { try FileSystem.makeDirectory(target) }
            #expect(throws: BackupError.self) {
                _ = try NewCluster.restore(file, to: target, name: "n1")
            }
            #expect(FileSystem.exists(target) == isThere)
            if isThere { #expect(try FileSystem.list(target).isEmpty) }
        }
    }

    /// Its checksums were right, and only its records could not be read: such a file was said to
    /// be unreadable for a reason of the machine's.
    @Test func `a backup whose records do not decode is damaged`() throws {
        let node = ScratchNode()
        let (file, target) = try backup(node)
        defer { ScratchNode.remove(target) }
        let head = try file.describe()
        let copy = "\(node.path)/wal/copy.mdb"
        try FileSystem.copy("\(node.path)/snapshots/40-1.mdb", to: copy)
        do {
            var options = EnvironmentOptions()
            options.isSingleFile = true
            options.tablesMax = StateTables.count
            let environment = try Environment(path: copy, options: options)
            let place = StateTables.summaryPlace
            let table = try environment.openTables([place.table])[0]
            var writing = try WriteTransaction(environment)
            try writing.put(place.key.rawSpan, [7, 7].rawSpan, in: table)
            try writing.commit()
        }
        #expect { try StateCheck.run(head, stateAt: copy) } throws: { error in
            guard case BackupError.damaged? = error as? BackupError else { return false }
            return true
        }
    }
}
