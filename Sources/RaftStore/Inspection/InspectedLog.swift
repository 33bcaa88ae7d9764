internal import Bytes
internal import Disk
package import Raft

/// A write-ahead log read from outside: of a stopped, a crashed or a running server. It changes
/// nothing, and goes on over damage.
package final class InspectedLog {
    package let directory: String
    let file: InspectedFile

    /// A scan of a running server's log lets go of its commit after so many entries or bytes, so
    /// that the server can use pages again.
    private static let entriesPerHold = 50_000
    private static let bytesPerHold = 32 << 20

    /// - Parameter isServed: whether a server runs that may write to it.
    package init(directory: String, isServed: Bool) throws(StoreError) {
        self.directory = directory
        file = try InspectedFile(directory: directory, isServed: isServed)
    }

    /// What stands beside the entries.
    package func contents() throws(StoreError) -> LogContents {
        try contents(try file.hold().meta)
    }

    private func contents(_ meta: MetaPage) throws(StoreError) -> LogContents {
        var damage: [Damage] = []
        var commit: CommitRecord?
        var records = StateRecords()
        do throws(Damage) {
            var scan = try TreeScan(file.path, meta)
            scan.scan(from: []) { key, value in
                guard key[byte: 0] != StoreKey.logTag else { return false }
                do throws(Damage) {
                    let body = try StateRecord.open(value, under: key)
                    if key[byte: 0] == StoreKey.commit[0] {
                        commit = try CommitRecord(body)
                    } else {
                        records.set(key.copiedBytes(), body)
                    }
                } catch { damage.append(error) }
                return true
            } lost: { found, _ in
                damage.append(found)
                return false
            }
        } catch { damage.append(error) }
        return try LogContents(commit, records, damage, path: directory)
    }

    // MARK: Entries

    /// Hands the entries of `range` on in their order, as far as the log holds them, and tells
    /// what is damaged in their place, until `body` answers false. Every record is checked.
    /// Memory is bounded by the largest entry.
    /// - Parameter wants: looks at an entry's payload in place; only what it wants is copied and
    ///   handed on. Entries that span records are handed on unasked.
    /// - Returns: the first and last index that the log held when it was looked at first.
    @discardableResult
    package func forEachEntry(
        _ range: ClosedRange<LogIndex>,
        where wants: ((RawSpan) -> Bool)? = nil,
        _ body: (LogItem) -> Bool
    ) throws(StoreError) -> LogRange {
        var whole: LogRange?
        var next = range.lowerBound
        var goesOn = true
        while goesOn {
            let held = try file.hold()
            guard let commit = try contents(held.meta).commit else {
                throw .damaged(path: file.path, [Damage(.commit, "the commit record is damaged")])
            }
            let log = whole ?? LogRange(first: commit.firstIndex, last: commit.lastIndex)
            whole = log
            // A running server may have dropped entries, or replaced uncommitted ones, meanwhile.
            let first = max(next, commit.firstIndex)
            let last = min(range.upperBound, log.last, commit.lastIndex)
            guard first <= last else { break }
            var stream = EntryStream(era: commit.era, range: first...last, wants)
            goesOn = scan(held.meta, &stream, body)
            guard goesOn, let resumption = stream.resumption, resumption <= last else { break }
            next = resumption
        }
        return whole ?? LogRange(first: .zero, last: .zero)
    }

    /// Whether the caller wants more; the stream tells whether there is more.
    private func scan(
        _ meta: MetaPage,
        _ stream: inout EntryStream,
        _ body: (LogItem) -> Bool
    ) -> Bool {
        var isWanted = true
        var isPaused = false
        func hand(_ item: LogItem) -> Bool {
            isWanted = body(item)
            return isWanted
        }
        do throws(Damage) {
            var scan = try TreeScan(file.path, meta)
            scan.scan(from: stream.start) { key, value in
                guard stream.add(key, value, hand) else { return false }
                isPaused =
                    stream.resumption != nil
                    && (stream.entries >= Self.entriesPerHold
                        || stream.payloadBytes >= Self.bytesPerHold)
                return !isPaused
            } lost: { damage, bounds in
                stream.lose(damage, at: bounds.lower.flatMap { LogKey($0.rawSpan)?.index })
                return true
            }
        } catch { stream.lose(error, at: nil) }
        if isWanted, !isPaused { stream.finish(hand) }
        return isWanted
    }

    // MARK: Checking

    /// Checks every page and every record of the newest commit, and, if it is damaged and no
    /// server runs, of the one before. It repairs nothing.
    package func verify() throws(StoreError) -> LogVerdict {
        let held = try file.hold()
        let result = try LogVerification.run(file.path, held.meta)
        var verdict = LogVerdict(
            damage: result.damage,
            transaction: held.meta.transaction,
            commit: result.commit.map(CommitSummary.init),
            statistics: result.statistics
        )
        if !result.isComplete { try name(&verdict.damage, held.meta) }
        if file.isServed { return verdict }
        let (metas, torn) = try file.metas()
        verdict.damage = torn + verdict.damage
        if let older = metas.dropFirst().first, !result.damage.isEmpty {
            let found = try LogVerification.run(file.path, older)
            verdict.olderDamage = found.damage
            verdict.olderCommit = found.commit.map(CommitSummary.init)
        } else if !torn.isEmpty {
            // The other commit is the one that was checked; of the torn one nothing can be read.
            verdict.olderDamage = result.damage
            verdict.olderCommit = verdict.commit
        }
        return verdict
    }

    /// Where a damaged page has ended the walk: names all that cannot be read, entry by entry.
    private func name(_ damage: inout [Damage], _ meta: MetaPage) throws(StoreError) {
        guard let commit = try contents(meta).commit, commit.firstIndex <= commit.lastIndex else {
            return
        }
        let first = damage.first
        var named: [Damage] = []
        var stream = EntryStream(
            era: commit.era,
            range: commit.firstIndex...commit.lastIndex,
            nil
        )
        _ = scan(meta, &stream) { item in
            guard case .damage(var found, let through) = item else { return true }
            if let index = found.index, through > index {
                found.text += " (up to entry \(through.rawValue))"
            }
            named.append(found)
            return named.count < LogVerdict.damageMax
        }
        damage = named
        if let first, !named.contains(where: { $0.page == first.page }) {
            damage.insert(first, at: 0)
        }
    }

    /// The pages of the newest commit, as its meta page counts them.
    package func pages() throws(StoreError) -> PageCounts {
        PageCounts(try file.hold().meta)
    }

    /// The number of the newest commit that can be read: changes with every write.
    package func newestTransaction() throws(StoreError) -> UInt64 {
        try file.metas().metas.first?.transaction ?? 0
    }
}

/// One step of reading a log.
package enum LogItem: Hashable, Sendable {
    case entry(Entry)
    /// In the place of the entries from the damage's index up to this one.
    case damage(Damage, through: LogIndex)
}

/// How many pages an environment has, and what they are used for.
package struct PageCounts: Hashable, Sendable {
    package var pageBytes: Int
    /// Up to the last in use.
    package var pages: Int
    package var depth: Int
    package var branch: Int
    package var leaf: Int
    package var overflow: Int
    package var records: Int

    init(_ meta: MetaPage) {
        pageBytes = meta.pageBytes
        pages = Int(meta.lastPage) + 1
        depth = Int(meta.main.depth)
        branch = Int(meta.main.branchPages)
        leaf = Int(meta.main.leafPages)
        overflow = Int(meta.main.overflowPages)
        records = Int(meta.main.entries)
    }
}

/// The entries that a log holds; `last` is below `first` if there are none.
package struct LogRange: Hashable, Sendable {
    package var first: LogIndex
    package var last: LogIndex

    package init(first: LogIndex, last: LogIndex) {
        self.first = first
        self.last = last
    }
}

/// What a check of a log found.
package struct LogVerdict: Sendable {
    /// What is wrong with the newest commit; empty if all is well.
    package var damage: [Damage]
    /// The same for the commit before it; nil if it was not looked at.
    package var olderDamage: [Damage]?
    package var transaction: UInt64
    package var commit: CommitSummary?
    /// That of the commit before, if it was looked at.
    package var olderCommit: CommitSummary?
    package var statistics: LogStatistics

    static let damageMax = 100
}

/// What a log holds beside its entries, as far as it can be read.
package struct LogContents: Sendable {
    package var commit: CommitSummary?
    package var identity: NodeIdentity?
    package var standing: NodeStanding?
    package var memberships: [MembershipRecord] = []
    /// The snapshots on record, oldest first.
    package var manifests: [SnapshotManifest] = []
    package var damage: [Damage]

    /// - Parameter records: their bodies, without the frame.
    init(
        _ commit: CommitRecord?,
        _ records: StateRecords,
        _ damage: [Damage],
        path: String
    ) throws(StoreError) {
        self.commit = commit.map(CommitSummary.init)
        self.damage = damage
        if let body = records[StoreKey.identity] {
            identity = try NodeIdentity(body, path: path)
        }
        do throws(Damage) {
            for record in records.tagged(StoreKey.membershipTag) {
                memberships.append(try MembershipRecordCodec.record(record.value))
            }
            for record in records.tagged(StoreKey.manifestTag) {
                manifests.append(try SnapshotManifest(body: record.value))
            }
            if let standing = records[StoreKey.standing] {
                self.standing = try NodeStanding(standing)
            }
        } catch { self.damage.append(error) }
    }
}

/// A commit, as an inspector shows it.
package struct CommitSummary: Hashable, Sendable {
    package var transaction: UInt64
    package var era: UInt16
    package var firstIndex: LogIndex
    package var baseTerm: Term
    package var lastIndex: LogIndex
    package var lastTerm: Term
    package var hardState: HardState

    init(_ commit: CommitRecord) {
        transaction = commit.transaction
        era = commit.era
        firstIndex = commit.firstIndex
        baseTerm = commit.baseTerm
        lastIndex = commit.lastIndex
        lastTerm = commit.lastTerm
        hardState = commit.hardState
    }
}
