import Bytes
import Disk
import LMDB
import SeededRandom
import Synchronization
import Testing

@testable import Raft
@testable import RaftStore

func entries(_ range: ClosedRange<UInt64>, term: UInt64 = 1, bytes: Int = 40) -> [Entry] {
    var generator = SeededGenerator(seed: range.lowerBound &* 31 &+ term)
    return range.map {
        Entry(
            index: LogIndex($0),
            term: Term(term),
            payload: Sample.payload(bytes, &generator)
        )
    }
}

func write(_ entries: [Entry], term: UInt64 = 1, id: UInt64 = 1) -> LogWrite {
    LogWrite(
        id: WriteID(id),
        hardState: HardState(term: Term(term), vote: NodeID(1)),
        entries: entries
    )
}

@Suite struct WriteAheadLogTests {
    @Test func `the largest membership, joint too, is stored with its snapshot`() throws {
        let most = UInt64(Membership.membersMax)
        let membership = MembershipRecord(
            index: LogIndex(1 << 40),
            membership: Membership(
                incoming: (1...most).map { NodeID($0 << 50) },
                outgoing: (1...most).map { NodeID($0 << 50 | 1) },
                autoLeave: true
            )
        )
        let directory = ScratchDirectory()
        try Sample.withNewLog(directory) { log in
            var first = write(entries(1...1))
            first.memberships = [membership]
            try log.write(first)
            var manifest = Sample.manifest(LogIndex(1), term: Term(1))
            manifest.membership = membership
            try log.record(manifest)
            #expect(log.memberships == [membership])
            #expect(log.manifests == [manifest])
            try log.close()
        }
    }

    /// The era has two bytes: the 65,536th received snapshot ended the process, and each start.
    @Test func `a log that was replaced as often as can be says so`() throws {
        let directory = ScratchDirectory()
        let environment = try Environment(path: directory.path, options: EnvironmentOptions())
        var commit = CommitRecord()
        commit.era = .max
        var transaction = try LogTransaction(
            environment,
            try environment.mainTable(),
            path: directory.path,
            after: commit,
            StateRecords()
        )
        var found: StoreError?
        do throws(StoreError) { try transaction.restart(after: LogIndex(9), term: Term(1)) } catch {
            found = error
        }
        #expect(found == .tooManyRestarts(65_535))
        #expect(transaction.commit.firstIndex == LogIndex(1))
    }

    /// A node was taken in that could not note who the others are, and stayed a dead learner.
    @Test func `whether the members fit in a node's record is known before`() throws {
        for count in [20, 60] {
            let members = (1...count).map { number in
                NodeStanding.Member(
                    node: NodeID(UInt64(number)),
                    name: "roost-\(number)",
                    address: "roost-\(number).roost.example.svc.cluster.local:8300",
                    incarnation: [UInt8](repeating: 0, count: 16)
                )
            }
            let standing = NodeStanding(
                incarnation: [UInt8](repeating: 1, count: 16),
                hasBegun: true,
                members: members
            )
            let directory = ScratchDirectory()
            let made = Result {
                try WriteAheadLog.create(
                    "\(directory.path)/wal",
                    identity: Sample.identity,
                    standing: standing,
                    memberships: Sample.memberships,
                    settings: Sample.settings
                )
            }
            #expect(standing.isStorable == (count == 20))
            #expect((try? made.get()) != nil || !standing.isStorable)
            #expect((try? made.get()) == nil || standing.isStorable)
        }
    }

    @Test func `entries, hard state and memberships come back after reopening`() throws {
        let directory = ScratchDirectory()
        let small = entries(1...500)
        let big = entries(501...503, term: 2, bytes: 1 << 20)
        try Sample.withNewLog(directory) { log in
            try log.write(write(small))
            try log.write(write(big, term: 2))
            try log.close()
        }
        let log = try WriteAheadLog.open("\(directory.path)/wal", settings: Sample.settings)
        #expect(log.recovery.outcome == .closedCleanly)
        #expect(log.identity == Sample.identity)
        #expect(log.memberships == Sample.memberships)
        #expect(log.hardState == HardState(term: Term(2), vote: NodeID(1)))
        #expect(try log.firstIndex() == LogIndex(1))
        #expect(try log.lastIndex() == LogIndex(503))
        #expect(try log.term(at: LogIndex(500)) == Term(1))
        #expect(try log.term(at: LogIndex(501)) == Term(2))
        let all = try log.entries(from: LogIndex(1), to: LogIndex(504), bytesMax: .max)
        #expect(all == small + big)
        let some = try log.entries(from: LogIndex(77), to: LogIndex(90), bytesMax: .max)
        #expect(some == Array(small[76..<89]))
        let bounded = try log.entries(from: LogIndex(500), to: LogIndex(504), bytesMax: 1)
        #expect(bounded == [small[499]])
    }

    /// The server ended by SIGBUS, which nobody can catch.
    @Test func `a log whose file became shorter is damaged`() throws {
        let directory = ScratchDirectory()
        try Sample.withNewLog(directory) { log in try log.write(write(entries(1...5_000))) }
        let path = "\(directory.path)/wal/data.mdb"
        let whole = try FileSystem.status(path).size
        try File(path, .readWrite).truncate(to: 64 << 10)
        #expect {
            try WriteAheadLog.open("\(directory.path)/wal", settings: Sample.settings)
        } throws: { error in
            guard case .damaged? = error as? StoreError else { return false }
            return whole > 128 << 10
        }
    }

    @Test func `an overlapping append replaces the rest, inside of a record too`() throws {
        let directory = ScratchDirectory()
        let log = try Sample.log(directory)
        let old = entries(1...100)
        try log.write(write(old))
        let new = entries(51...60, term: 3)
        try log.write(write(new, term: 3))
        #expect(try log.lastIndex() == LogIndex(60))
        let all = try log.entries(from: LogIndex(1), to: LogIndex(61), bytesMax: .max)
        #expect(all == old[..<50] + new)
        #expect(throws: LogStorageError.unavailable(index: LogIndex(61), last: LogIndex(60))) {
            try log.term(at: LogIndex(61))
        }
    }

    @Test func `entries are dropped only when a snapshot covers them`() throws {
        let directory = ScratchDirectory()
        let log = try Sample.log(directory)
        try log.write(write(entries(1...1000)))
        #expect(throws: StoreError.notCovered(index: LogIndex(500), snapshot: .zero)) {
            try log.compact(upTo: LogIndex(500))
        }
        try log.record(Sample.manifest(LogIndex(600), term: Term(1)))
        try log.compact(upTo: LogIndex(500))
        try log.collectGarbage()
        #expect(try log.firstIndex() == LogIndex(501))
        #expect(try log.term(at: LogIndex(500)) == Term(1))
        #expect(throws: LogStorageError.compacted(index: LogIndex(499), first: LogIndex(501))) {
            try log.term(at: LogIndex(499))
        }
        while log.hasGarbage { try log.collectGarbage() }
        let rest = try log.entries(from: LogIndex(501), to: LogIndex(1001), bytesMax: .max)
        #expect(rest == Array(entries(1...1000)[500...]))
    }

    /// Of a state that went wrong, newer snapshots than the leader's may be on record.
    @Test func `a snapshot that is recorded alone is the only one, also after a restart`() throws {
        let directory = ScratchDirectory()
        let leaders = Sample.manifest(LogIndex(700), term: Term(1))
        try Sample.withNewLog(directory) { log in
            try log.write(write(entries(1...1000)))
            try log.record(Sample.manifest(LogIndex(600), term: Term(1)))
            try log.record(Sample.manifest(LogIndex(900), term: Term(1)))
            try log.compact(upTo: LogIndex(500))
            try log.recordAlone(leaders)
            #expect(log.manifests == [leaders])
            #expect(try log.firstIndex() == LogIndex(501))
            #expect(throws: StoreError.notCovered(index: LogIndex(800), snapshot: LogIndex(700))) {
                try log.compact(upTo: LogIndex(800))
            }
            try log.close()
        }
        let again = try WriteAheadLog.open("\(directory.path)/wal", settings: Sample.settings)
        #expect(again.manifests == [leaders])
        #expect(try again.lastIndex() == LogIndex(1000))
    }

    /// A commit deletes so many bytes of dropped entries and may stop within one that lies in
    /// several chunks. The check took the chunks that were left for damage, so that after a power
    /// cut recovery went back behind an acknowledged commit, or the log did not open.
    @Test func `an entry that is deleted by halves is no damage`() throws {
        let directory = ScratchDirectory()
        let path = "\(directory.path)/wal"
        let kept = entries(4...6, bytes: 50)
        try Sample.withNewLog(directory) { log in
            try log.write(write(entries(1...3, bytes: 3 << 20)))
            try log.write(write(kept))
            try log.record(Sample.manifest(LogIndex(3), term: Term(1)))
            try log.compact(upTo: LogIndex(3))
            var steps = 0
            while log.hasGarbage {
                try log.collectGarbage()
                steps += 1
                let outside = try InspectedLog(directory: path, isServed: false)
                #expect(try outside.verify().damage == [])
                var read: [LogItem] = []
                try outside.forEachEntry(LogIndex(1)...LogIndex(99)) { item in
                    read.append(item)
                    return true
                }
                #expect(read == kept.map(LogItem.entry))
            }
            #expect(steps > 3, "an entry went in one step, so that nothing was tested")
        }
        let log = try WriteAheadLog.open(path, settings: Sample.settings, bootID: "another")
        #expect(log.recovery.outcome == .verified)
        #expect(try log.entries(from: LogIndex(4), to: LogIndex(7), bytesMax: .max) == kept)
    }

    @Test func `an installed snapshot replaces the whole log`() throws {
        let directory = ScratchDirectory()
        let after = entries(701...720, term: 5)
        try Sample.withNewLog(directory) { log in
            try log.write(write(entries(1...1000)))
            var install = write([], term: 5)
            install.snapshot = SnapshotDescriptor(
                index: LogIndex(700),
                term: Term(4),
                membership: Membership(voters: [NodeID(1)])
            )
            try log.write(install)
            #expect(try log.firstIndex() == LogIndex(701))
            #expect(try log.lastIndex() == LogIndex(700))
            #expect(try log.term(at: LogIndex(700)) == Term(4))
            try log.write(write(after, term: 5))
        }
        let log = try WriteAheadLog.open("\(directory.path)/wal", settings: Sample.settings)
        let all = try log.entries(from: LogIndex(701), to: LogIndex(721), bytesMax: .max)
        #expect(all == after)
    }

    @Test func `entries out of order are refused and change nothing`() throws {
        let directory = ScratchDirectory()
        let log = try Sample.log(directory)
        try log.write(write(entries(1...10)))
        #expect(throws: StoreError.self) { try log.write(write(entries(12...13))) }
        #expect(try log.lastIndex() == LogIndex(10))
        try log.write(write(entries(11...13)))
        #expect(try log.lastIndex() == LogIndex(13))
    }

    @Test func `a directory is served by one process at a time`() throws {
        let directory = ScratchDirectory()
        let first = try DataDirectory(directory.path)
        #expect(throws: StoreError.directoryInUse(path: directory.path)) {
            _ = try DataDirectory(directory.path)
        }
        _ = first.path
    }

    /// `roost-log status` asked whether someone serves by holding a shared lock for a moment; a
    /// server that started just then said that the directory was in use.
    @Test func `asking whether a directory is served is in nobody's way`() throws {
        let directory = ScratchDirectory()
        let path = "\(directory.path)/LOCK"
        _ = try File(path, .create)
        let isOver = Atomic<Bool>(false)
        let asked = Atomic<Int>(0)
        let inspector = try OwnThread(named: "inspector") {
            guard let lock = try? File(path, .readOnly) else { return }
            while !isOver.load(ordering: .acquiring) {
                if (try? lock.isLocked()) == nil { return }
                asked.add(1, ordering: .relaxed)
            }
        }
        defer { inspector.join() }
        defer { isOver.store(true, ordering: .releasing) }
        while asked.load(ordering: .relaxed) == 0 { sleepThread(nanoseconds: 1_000_000) }
        for _ in 0..<2_000 {
            let server = try File(path, .create)
            let isTaken = try server.tryLock()
            #expect(isTaken)
        }
        let held = try File(path, .create)
        let asking = try File(path, .readOnly)
        let isTaken = try held.tryLock()
        let isSeen = try asking.isLocked()
        #expect(isTaken && isSeen)
    }

    /// A server that was killed may not be gone yet when the next one starts.
    @Test func `a directory whose lock is held for a moment can be opened`() throws {
        let directory = ScratchDirectory()
        let isHeld = Atomic<Bool>(false)
        let path = "\(directory.path)/LOCK"
        let inspector = try OwnThread(named: "inspector") {
            guard let lock = try? File(path, .create), (try? lock.tryLock()) == true else { return }
            isHeld.store(true, ordering: .releasing)
            sleepThread(nanoseconds: 300_000_000)
            _ = lock.descriptor
        }
        defer { inspector.join() }
        while !isHeld.load(ordering: .acquiring) { sleepThread(nanoseconds: 1_000_000) }
        let opened = try DataDirectory(directory.path)
        _ = opened.path
    }

    /// On an ext4 of 64 MiB the log once took all that was free for what it might write one day,
    /// and the state had no room for its first transaction.
    @Test func `a log on a small disk leaves room for the state`() throws {
        let directory = ScratchDirectory()
        var settings = Sample.settings
        settings.leftFreeBytes = 1 << 60
        let log = try Sample.log(directory, settings: settings)
        let sizes = log.growth.sizes
        #expect(sizes.isDiskFull)
        #expect(sizes.fileBytes < settings.growthBytes)
        guard case .none = log.room else {
            Issue.record("room is \(log.room)")
            return
        }
    }

    /// A server that was killed could not start again on a full disk, because it marked its data
    /// as open, which they were marked as, in a new file.
    @Test func `a mark of trust is written over in place when the data are opened`() throws {
        let directory = ScratchDirectory()
        let before = TrustMarker(directory: directory.path, bootID: "a boot with a longer name")
        try before.markOpen()
        try before.markClean()
        #expect(try before.verdict() == .closedCleanly)
        let inode = try FileSystem.status("\(directory.path)/trust").inode
        let marker = TrustMarker(directory: directory.path, bootID: "boot")
        try marker.markOpen()
        #expect(try FileSystem.status("\(directory.path)/trust").inode == inode)
        #expect(try marker.verdict() == .sameBoot)
        guard case .untrusted = try before.verdict() else {
            Issue.record("trusted under another boot")
            return
        }
    }

    /// A server whose disk was full ended with an error when it was told to stop, because it marked
    /// its data as closed in a new file (found by Tools/faults, five nodes, seed 401).
    @Test func `a mark of trust is written over in place when the data are closed`() throws {
        let directory = ScratchDirectory()
        let marker = TrustMarker(directory: directory.path, bootID: "boot")
        try marker.markOpen()
        let inode = try FileSystem.status("\(directory.path)/trust").inode
        try marker.markClean()
        #expect(try FileSystem.status("\(directory.path)/trust").inode == inode)
        #expect(try marker.verdict() == .closedCleanly)
    }

    /// What a failed flush did not write is in the page cache only. A log that was opened again
    /// with it counted, and then acknowledged, entries that no disk held.
    @Test func `after a failed flush the disk is believed, not the page cache`() throws {
        let directory = ScratchDirectory()
        let path = "\(directory.path)/wal"
        try Sample.withNewLog(directory) { log in
            try log.write(write(entries(1...10)))
            try log.write(write(entries(11...20), id: 2))
        }
        let marker = TrustMarker(directory: path)
        #expect(try marker.verdict() == .sameBoot)
        #expect(try !marker.isUnsynced)
        try marker.markUnsynced()
        #expect(try marker.isUnsynced)
        #expect(try marker.verdict() == .untrusted("a flush of it failed"))
        // As a disk has it that did not take the newest commit's meta page.
        let pages = try PageFile("\(path)/data.mdb")
        let metas = try [pages.meta(0), pages.meta(1)].sorted { $0.transaction < $1.transaction }
        let file = try File("\(path)/data.mdb", .readWrite)
        let nothing = [UInt8](repeating: 0, count: metas[1].pageBytes)
        try file.write(nothing.rawSpan, at: metas[1].slot * metas[1].pageBytes)
        let log = try WriteAheadLog.open(path, settings: Sample.settings)
        #expect(log.recovery.outcome == .fellBack)
        #expect(try log.lastIndex() == LogIndex(10))
        #expect(try marker.verdict() == .sameBoot)
    }

    @Test func `a state whose log could not be flushed is not believed either`() throws {
        let scratch = ScratchDirectory()
        try Sample.withNewLog(scratch) { log in try log.write(write(entries(1...10))) }
        let directory = try DataDirectory(scratch.path)
        let data = "\(directory.statePath)/data.mdb"
        try FileSystem.replace(data, with: [1], in: directory.statePath)
        let state = TrustMarker(directory: directory.statePath)
        try state.markClean()
        try directory.distrustStateOfUnsyncedLog()
        #expect(try state.verdict() == .closedCleanly)
        try TrustMarker(directory: directory.logPath).markUnsynced()
        try directory.distrustStateOfUnsyncedLog()
        #expect(try state.verdict() == .untrusted("a flush of it failed"))
    }
}
