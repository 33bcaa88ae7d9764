import ArgumentParser
import Bytes
import Disk
import Glibc
import Testing

@testable import Raft
@testable import RaftStore
@testable import roost_log

@Suite struct OutputTests {
    /// A full disk behind standard output trapped: Foundation's way to write ends the process.
    @Test func `results that cannot be written are a failure of the verb`() async {
        await #expect(processExitsWith: .exitCode(9)) {
            let node = ScratchNode()
            try node.fill(ScratchNode.entries(1...20))
            let full = try File("/dev/full", .readWrite)
            dup2(full.descriptor, STDOUT_FILENO)
            do { try StatusCommand.parse(["--data-dir", node.path]).run() } catch {
                exit(error as? ExitCode == ExitCodes.unreadable ? 9 : 8)
            }
        }
    }
}

@Suite struct VerifyTests {
    private func classes(_ node: ScratchNode) throws -> Set<String> {
        Set(try node.check().findings.map(\.group.rawValue))
    }

    @Test func `a whole directory is clean, and stays as it was`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...300), snapshotAt: 200)
        let before = try node.print()
        let check = try node.check()
        #expect(check.findings.isEmpty, "\(check.findings)")
        #expect(check.worst == nil)
        #expect(check.log?.statistics.entries == 300)
        #expect(try node.dump(1...300).count == 300)
        #expect(try DirectoryStatus(InspectedDirectory(node.path)).rows.count > 8)
        #expect(try node.print() == before)
    }

    /// `verify` ended as if it could not read, and `recover` found no way past it.
    @Test(arguments: [0, 1])
    func `a meta page of the state that cannot be read is damage of the state`(slot: Int) throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100))
        try node.spoil("\(node.path)/state/data.mdb", at: slot * 4_096 + 16)
        #expect(try node.check().findings.map(\.group) == [.stateMismatch])
    }

    @Test func `a flipped byte in a record is damage of the log, named by its first entry`() throws
    {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100))
        try node.spoilRecords(of: "app/55", in: node.logFile)
        let before = try node.print()
        let check = try node.check()
        #expect(check.worst == .logDamage)
        #expect(check.findings.map(\.damage.index) == [LogIndex(51)])
        #expect(check.findings.first?.damage.kind == .record)
        #expect(try node.dump(1...100) == Array(1...50) + Array(61...100))
        #expect(try node.print() == before)
    }

    @Test func `it stays damage of the log when the operating system has stopped since`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100))
        try node.spoilRecords(of: "app/55", in: node.logFile)
        try node.forgetTrust("wal")
        #expect(try node.check().worst == .logDamage)
    }

    @Test func `damage of the newest commit alone is a torn tail after a power cut only`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100))
        try node.spoilRecords(of: "app/100", in: node.logFile)
        #expect(try node.check().worst == .logDamage)
        try node.forgetTrust("wal")
        let check = try node.check()
        #expect(check.worst == .tornTail)
        #expect(check.worst?.exitCode.rawValue == 2)
    }

    /// A directory that was closed cleanly and copied with a bad page lost what was acknowledged:
    /// only that the file is another one was looked at, and a start went back by a commit.
    @Test func `damage of a clean log that was copied is no torn tail`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100))
        try node.spoilRecords(of: "app/100", in: node.logFile)
        let copy = "\(node.logFile).copy"
        try FileSystem.copy(node.logFile, to: copy)
        try FileSystem.rename(copy, to: node.logFile)
        let check = try node.check()
        #expect(check.worst == .logDamage)
        #expect(try TornTail.look(at: node.path).word == "damaged")
        #expect(throws: StoreError.self) { try TornTail.cut(node.path) }
        #expect(throws: StoreError.self) { _ = try WriteAheadLog.open("\(node.path)/wal") }
    }

    @Test func `a whole copy of a clean log is opened`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100))
        let copy = "\(node.logFile).copy"
        try FileSystem.copy(node.logFile, to: copy)
        try FileSystem.rename(copy, to: node.logFile)
        #expect(try TornTail.look(at: node.path).word == "whole")
        let log = try WriteAheadLog.open("\(node.path)/wal")
        #expect(log.recovery.outcome == .verified)
        try log.close()
    }

    @Test func `a damaged page is told with all the entries that lay on it`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...400))
        try node.spoilPages(of: "app/155", in: node.logFile)
        var lost: [ClosedRange<UInt64>] = []
        try InspectedDirectory(node.path).log.forEachEntry(LogIndex(1)...LogIndex(400)) { item in
            if case .damage(let damage, let through) = item, let first = damage.index {
                #expect(damage.kind == .page)
                lost.append(first.rawValue...through.rawValue)
            }
            return true
        }
        #expect(lost.count == 1)
        let range = try #require(lost.first)
        #expect(range.contains(155))
        #expect(range.lowerBound % 10 == 1 && range.upperBound % 10 == 0)
        #expect(try node.dump(1...400) == (1...400).filter { !range.contains($0) })
        let check = try node.check()
        #expect(check.worst == .logDamage)
        #expect(check.findings.contains { $0.damage.index?.rawValue == range.lowerBound })
    }

    @Test func `a damaged chunk loses its entry and no other`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100, valueBytes: 5_000))
        #expect(try node.dump(1...100) == Array(1...100))
        // The value of entry 65 is all "A".
        try node.spoilRecords(of: "AAAAAAAA", in: node.logFile)
        #expect(try node.dump(1...100) == (1...100).filter { $0 != 65 })
        #expect(try node.dump(65...65).isEmpty)
        #expect(try node.dump(66...100) == Array(66...100))
        let check = try node.check()
        #expect(check.worst == .logDamage)
        #expect(Set(check.findings.map(\.damage.index)) == [LogIndex(65)])
    }

    @Test(arguments: [100, 4_096, 8_192, 40_000])
    func `a truncated log is damaged, and nothing crashes`(_ bytes: Int) throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...300))
        let file = try File(node.logFile, .readWrite)
        try file.truncate(to: bytes)
        #expect(try node.check().worst == .logDamage)
    }

    @Test func `a damaged snapshot, and one that is missing, are found`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100), snapshotAt: 50)
        let copy = "\(node.path)/snapshots/50-1.mdb"
        try node.spoil(copy, at: 10_000)
        #expect(try node.check().worst == .snapshotDamage)
        try FileSystem.remove(copy)
        #expect(try node.check().worst == .snapshotDamage)
        try FileSystem.remove("\(node.path)/snapshots/50-1.manifest")
        let check = try node.check()
        #expect(check.findings.map(\.damage.text) == ["it is on record and not there"])
    }

    @Test func `a damaged manifest is found`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100), snapshotAt: 50)
        try node.spoil("\(node.path)/snapshots/50-1.manifest", at: 60)
        let check = try node.check()
        #expect(check.worst == .snapshotDamage)
        #expect(check.findings.count == 1)
    }

    @Test func `a damaged state is found`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100))
        try node.spoilPages(of: "app/55", in: node.stateFile)
        let check = try node.check()
        #expect(check.worst == .stateMismatch)
        #expect(check.findings.first?.place == "state")
    }

    @Test func `a state that is ahead of the log does not fit it`() throws {
        let long = ScratchNode()
        try long.fill(ScratchNode.entries(1...100))
        let short = ScratchNode()
        try short.fill(ScratchNode.entries(1...50))
        try FileSystem.removeDirectory("\(short.path)/state")
        try FileSystem.rename("\(long.path)/state", to: "\(short.path)/state")
        let check = try short.check()
        #expect(check.worst == .stateMismatch)
        #expect(check.worst?.exitCode.rawValue == 5)
    }

    @Test func `a state that is not trusted is no damage while it can be rebuilt`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100), snapshotAt: 50, isCompacted: true)
        try node.forgetTrust("state")
        #expect(try node.check().findings.isEmpty)
        try FileSystem.remove("\(node.path)/snapshots/50-1.mdb")
        #expect(try classes(node) == ["snapshotDamage", "stateMismatch"])
        #expect(try node.check().worst == .stateMismatch)
    }

    /// After a power cut the state, which is never synced, is expected to be torn: a start throws
    /// it away. The verbs took the log for damaged, and said not to start the node.
    @Test func `a torn state that is not trusted is not read`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100), snapshotAt: 50)
        try node.forgetTrust("state")
        let file = try File(node.stateFile, .readWrite)
        let garbage = [UInt8](repeating: 0xa5, count: try file.size() - 8_192)
        try file.write(garbage.rawSpan, at: 8_192)
        let directory = ["--data-dir", node.path]
        try StatusCommand.parse(directory).run()
        try StateCommand.parse(directory + ["--scratch", "/tmp", "--summary"]).run()
        try DiffCommand.parse([node.path, node.path, "--scratch", "/tmp"]).run()
        #expect(throws: ExitCodes.unconfirmed) {
            try RecoverCommand.parse(directory + ["--scratch", "/tmp"]).run()
        }
        let rows = try DirectoryStatus(InspectedDirectory(node.path)).rows
        #expect(rows.contains { $0.value.hasPrefix("not looked at") })
    }

    /// One of several bases: `verify` tells of it, and the others serve.
    @Test func `a damaged snapshot is passed over, and the log is not called damaged`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100), snapshotAt: 50)
        let copy = try #require(
            try FileSystem.list("\(node.path)/snapshots").first {
                $0.hasSuffix(".mdb")
            }
        )
        let file = try File("\(node.path)/snapshots/\(copy)", .readWrite)
        let garbage = [UInt8](repeating: 0xa5, count: try file.size() - 8_192)
        try file.write(garbage.rawSpan, at: 8_192)
        let directory = ["--data-dir", node.path, "--scratch", "/tmp"]
        try StateCommand.parse(directory + ["--at", "60", "--summary"]).run()
        try HistoryCommand.parse(directory + ["--exact", "k"]).run()
        #expect(try node.check().worst == .snapshotDamage)
    }

    @Test func `entries before a snapshot are not missed when they are dropped`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...100), snapshotAt: 50, isCompacted: true)
        #expect(try node.check().findings.isEmpty)
        #expect(try node.dump(1...100) == Array(51...100))
    }

    @Test func `a server that is started meanwhile is noticed`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...20))
        let inspected = try InspectedDirectory(node.path)
        #expect(try !inspected.wasChanged())
        let server = try DataDirectory(node.path)
        #expect(try inspected.wasChanged())
        extendLifetime(server)
    }

    @Test func `what is no data directory is refused`() {
        let node = ScratchNode()
        #expect(throws: StoreError.self) { _ = try InspectedDirectory(node.path) }
    }
}
