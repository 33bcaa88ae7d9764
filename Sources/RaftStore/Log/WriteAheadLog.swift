internal import Bytes
internal import Disk
internal import LMDB
package import Measures
package import Raft

/// The write-ahead log: entries, hard state, memberships, manifests, in one LMDB environment.
///
/// One thread owns it. `write` makes a `LogWrite` durable and returns; `stage` and `sync` are its
/// two halves, for a leader that sends between them. Between the two, reads see the new entries.
/// A commit costs one flush: see `LogRecovery` for why that is enough.
package final class WriteAheadLog {
    package let directory: String
    package let settings: LogSettings
    /// What was found and done when the log was opened.
    package let recovery: RecoveryReport
    /// Lengthens the file; its `growAhead` is for a thread beside the owner.
    package let growth: FileGrowth
    package let identity: NodeIdentity
    /// How long flushes took, in microseconds.
    package let flushes = SharedDistribution()

    let environment: Environment
    let table: Table
    private(set) var commit: CommitRecord
    private var records: StateRecords
    private var read: ReadTransaction
    private var isSyncPending = false
    private var isGarbageLeft = true
    private var compactionTarget = LogIndex.zero
    private let marker: TrustMarker

    package private(set) var standing: NodeStanding
    package private(set) var memberships: [MembershipRecord] = []
    /// The snapshots on record, oldest first.
    package private(set) var manifests: [SnapshotManifest] = []

    init(
        opened environment: Environment,
        directory: String,
        settings: LogSettings,
        marker: TrustMarker,
        recovery: RecoveryReport
    ) throws(StoreError) {
        self.directory = directory
        self.settings = settings
        self.environment = environment
        self.marker = marker
        self.recovery = recovery
        growth = try FileGrowth(
            path: "\(directory)/data.mdb",
            settings: settings,
            marker: marker,
            environment: environment
        )
        do {
            table = try environment.mainTable()
            read = try ReadTransaction(environment)
        } catch { throw StoreError(error, directory) }
        let loaded = try LogLoading.load(read.reader, table, path: directory)
        commit = loaded.commit
        records = loaded.records
        guard let identity = records[StoreKey.identity] else {
            throw .damaged(path: directory, [Damage(.record, "the node's identity is missing")])
        }
        self.identity = try NodeIdentity(
            Array(identity.dropFirst(StateRecord.headerBytes)),
            path: directory
        )
        standing = try Self.standing(in: records, of: self.identity, path: directory)
        read.reset()
        try decodeRecords()
        try noteSizes()
    }

    // MARK: What is stored

    package var hardState: HardState { commit.hardState }
    /// The newest snapshot on record.
    package var newestManifest: SnapshotManifest? { manifests.last }
    /// The number of LMDB's transaction that the last write committed.
    package var transactionID: UInt64 { commit.transaction }

    /// What the Raft core starts from.
    package func restoredState(applied: LogIndex) -> RestoredState {
        RestoredState(hardState: hardState, memberships: memberships, applied: applied)
    }

    /// How much can be written.
    package var room: Room { growth.room }

    // MARK: Writing

    /// Stores `write` as one atomic step. Durable when it returns.
    package func write(_ write: LogWrite) throws(StoreError) {
        try stage(write)
        try sync()
    }

    /// Hands `write` to the kernel as one atomic step; `sync` makes it durable. The next `stage`
    /// must come after the `sync`. After a `diskFull` nothing is changed and it can be repeated.
    package func stage(_ write: LogWrite) throws(StoreError) {
        var transaction = try begin()
        if let snapshot = write.snapshot {
            try transaction.restart(after: snapshot.index, term: snapshot.term)
        }
        try transaction.append(write.entries)
        transaction.commit.hardState = write.hardState
        if let memberships = write.memberships {
            try Self.set(memberships, in: &transaction.records)
        }
        try finish(transaction)
    }

    /// Makes what was staged durable: the one flush of a commit. An error is the end: nobody
    /// knows what the disk holds after it.
    package func sync() throws(StoreError) {
        guard isSyncPending else { return }
        let began = monotonicNanoseconds()
        do { try environment.sync(force: true) } catch { throw marker.flushFailed(error) }
        flushes.add((monotonicNanoseconds() - began) / 1_000)
        isSyncPending = false
    }

    /// Replaces the node's standing. Durable when it returns.
    package func setStanding(_ standing: NodeStanding) throws(StoreError) {
        var transaction = try begin()
        let key = StoreKey.standing
        transaction.records.set(key, try StateRecord.seal(standing.body, under: key))
        try finish(transaction)
        try sync()
        self.standing = standing
    }

    private static func standing(
        in records: StateRecords,
        of identity: NodeIdentity,
        path: String
    ) throws(StoreError) -> NodeStanding {
        // Directories of earlier versions, all of clusters of one, have none.
        guard let record = records[StoreKey.standing] else { return NodeStanding(ofOne: identity) }
        do throws(Damage) {
            return try NodeStanding(Array(record.dropFirst(StateRecord.headerBytes)))
        } catch { throw .damaged(path: path, [error]) }
    }

    /// Takes note of a snapshot that is on the disk and verified, and forgets all but the newest
    /// ones. Durable when it returns.
    package func record(
        _ manifest: SnapshotManifest,
        keeping count: Int = 2
    ) throws(StoreError) {
        var transaction = try begin()
        transaction.records.set(
            manifest.key,
            try StateRecord.seal(manifest.body, under: manifest.key)
        )
        let kept = transaction.records.tagged(StoreKey.manifestTag)
        for old in kept.dropLast(count) { transaction.records.set(old.key, nil) }
        try finish(transaction)
        try sync()
    }

    /// Takes note of a snapshot that is on the disk and verified, and forgets all others, which
    /// are of a state that went wrong. Durable when it returns.
    package func recordAlone(_ manifest: SnapshotManifest) throws(StoreError) {
        var transaction = try begin()
        for old in transaction.records.tagged(StoreKey.manifestTag) {
            transaction.records.set(old.key, nil)
        }
        transaction.records.set(
            manifest.key,
            try StateRecord.seal(manifest.body, under: manifest.key)
        )
        try finish(transaction)
        try sync()
    }

    /// Drops the entries up to `index` with the next write; a recorded snapshot must cover them.
    package func compact(upTo index: LogIndex) throws(StoreError) {
        let covered = newestManifest?.index ?? .zero
        guard index <= covered else { throw .notCovered(index: index, snapshot: covered) }
        compactionTarget = max(compactionTarget, index)
    }

    /// Whether dropped entries still take up room.
    package var hasGarbage: Bool { isGarbageLeft || compactionTarget >= commit.firstIndex }

    /// Deletes a step's worth of dropped entries in a commit of its own, for idle times.
    package func collectGarbage() throws(StoreError) {
        guard hasGarbage else { return }
        try finish(try begin())
        try sync()
    }

    /// Marks the log as closed cleanly. The object must not be used after it.
    package func close() throws(StoreError) {
        try sync()
        do { try environment.sync(force: true) } catch { throw marker.flushFailed(error) }
        try marker.markClean()
    }

    private func begin() throws(StoreError) -> LogTransaction {
        precondition(!isSyncPending, "a write began before the one before it was synced")
        return try LogTransaction(
            environment,
            table,
            path: directory,
            after: commit,
            records
        )
    }

    private func finish(_ transaction: consuming LogTransaction) throws(StoreError) {
        try transaction.compact(upTo: min(compactionTarget, transaction.commit.lastIndex))
        var isGarbageLeft = isGarbageLeft
        if isGarbageLeft || transaction.commit.firstIndex != commit.firstIndex {
            isGarbageLeft = try transaction.deleteGarbage(settings)
        }
        var pending: LogTransaction? = consume transaction
        let result = try growth.whileWriting { () throws(StoreError) in
            guard let transaction = pending.take() else { preconditionFailure("committed twice") }
            return try transaction.finish()
        }
        isSyncPending = true
        // Not before: one that finds no room has deleted nothing.
        self.isGarbageLeft = isGarbageLeft
        let areRecordsChanged = commit.digest != result.0.digest
        (commit, records) = result
        if areRecordsChanged { try decodeRecords() }
        try noteSizes()
    }

    private static func set(
        _ memberships: [MembershipRecord],
        in records: inout StateRecords
    ) throws(StoreError) {
        for old in records.tagged(StoreKey.membershipTag) { records.set(old.key, nil) }
        for (number, record) in memberships.enumerated() {
            let key = StoreKey.membership(number)
            records.set(
                key,
                try StateRecord.seal(MembershipRecordCodec.body(record), under: key)
            )
        }
    }

    private func decodeRecords() throws(StoreError) {
        do throws(Damage) {
            var memberships: [MembershipRecord] = []
            for record in records.tagged(StoreKey.membershipTag) {
                let body = Array(record.value.dropFirst(StateRecord.headerBytes))
                memberships.append(try MembershipRecordCodec.record(body))
            }
            var manifests: [SnapshotManifest] = []
            for record in records.tagged(StoreKey.manifestTag) {
                let body = Array(record.value.dropFirst(StateRecord.headerBytes))
                manifests.append(try SnapshotManifest(body: body))
            }
            self.memberships = memberships
            self.manifests = manifests
        } catch { throw .damaged(path: directory, [error]) }
    }

    private func noteSizes() throws(StoreError) {
        do {
            let pageBytes = 4096
            let last = try environment.information().lastPage
            let used = try environment.statistics().pages
            // Pages that the last two commits freed are not reusable yet; 64 stand for them.
            let reusable = max(0, last + 1 - 2 - used - 64)
            growth.note(
                usedBytes: (last + 1) * pageBytes,
                reusableBytes: reusable * pageBytes
            )
        } catch { throw StoreError(error, directory) }
    }

    // MARK: Reading

    /// Runs `body` on the newest snapshot.
    private func reading<Result>(
        _ body: (Reader) throws -> Result
    ) throws(LogStorageError) -> Result {
        do {
            try read.renew()
            defer { read.reset() }
            return try body(read.reader)
        } catch let error as Damage {
            throw .damaged(index: error.index ?? .zero, error.text)
        } catch let error as StoreError {
            if case .damaged(_, let damage) = error, let first = damage.first {
                throw .damaged(index: first.index ?? .zero, first.text)
            }
            throw .failed(code: 0, error.description)
        } catch {
            throw .failed(code: 0, "\(directory): \(error)")
        }
    }
}

extension WriteAheadLog: LogStorage {
    package func firstIndex() throws(LogStorageError) -> LogIndex { commit.firstIndex }

    package func lastIndex() throws(LogStorageError) -> LogIndex { commit.lastIndex }

    package func term(at index: LogIndex) throws(LogStorageError) -> Term {
        if index == commit.lastIndex { return commit.lastTerm }
        if index == commit.firstIndex.previous { return commit.baseTerm }
        try checkHeld(index)
        return try reading { reader in
            try LogReading.term(at: index, commit, reader, table, path: directory)
        }
    }

    package func entries(
        from: LogIndex,
        to: LogIndex,
        bytesMax: Int
    ) throws(LogStorageError) -> [Entry] {
        guard from < to else { return [] }
        try checkHeld(from)
        try checkHeld(to.previous)
        let found = try reading { reader in
            var cursor = try reader.cursor(in: table)
            var found: [Entry] = []
            var bytes = 0
            try LogReading.forEachEntry(from: from, era: commit.era, &cursor) { entry in
                bytes += entry.weightBytes
                if entry.index >= to || (bytes > bytesMax && !found.isEmpty) { return false }
                found.append(entry)
                return entry.index.next < to && bytes < bytesMax
            }
            return found
        }
        guard found.first?.index == from else {
            throw .damaged(index: from, "the entry is missing")
        }
        return found
    }

    package func snapshot() throws(LogStorageError) -> SnapshotDescriptor? {
        newestManifest?.descriptor
    }

    private func checkHeld(_ index: LogIndex) throws(LogStorageError) {
        if index < commit.firstIndex {
            throw .compacted(index: index, first: commit.firstIndex)
        }
        if index > commit.lastIndex { throw .unavailable(index: index, last: commit.lastIndex) }
    }
}
