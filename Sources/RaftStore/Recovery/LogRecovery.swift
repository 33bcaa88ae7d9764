internal import Disk

/// Deciding what to believe after a crash.
///
/// ## Why one flush a commit is enough
///
/// LMDB's own durable commit flushes twice: pages, then the meta page, so that a meta page on the
/// disk always has its pages. Here the environment is opened `MDB_NOSYNC`; a commit writes pages
/// and meta page with `pwrite` and one `fdatasync` follows. The argument, from LMDB 0.9.24:
///
/// 1. Transaction N begins only after the flush of N-1 returned (`WriteAheadLog.begin` demands
///    it). So when N writes, all pages of snapshot N-1 and its meta page are on the disk.
/// 2. N overwrites nothing that snapshot N-1 needs. Pages are copied before they change
///    (`mdb_page_touch`), and a new page is either beyond the last one of N-1, or taken from the
///    list of free pages. `mdb_page_alloc` takes only lists of transactions *below*
///    `mdb_find_oldest`, which begins at N-1 and only goes down for readers: so pages freed by
///    N-2 or earlier, which neither snapshot N-2 nor N-1 uses. Pages spilled early, or freed and
///    used again within N ("loose"), were N's own. The meta page of N is page N % 2; that of N-1
///    is the other one.
/// 3. So whatever of N's writes reaches the disk, in whatever order and however torn, snapshot
///    N-1 can be read by its meta page.
/// 4. N is acknowledged only after its flush returned; then all of it is on the disk.
///
/// What remains is to tell whether the newest meta page's snapshot is whole. A page of N that was
/// not written shows what lay there before: zeros, or an older page, perhaps of the same number,
/// kind and shape, with valid records. `PageWalk` checks the structure, and that trees and free
/// list together are exactly all pages, which is all that LMDB relies on. `LogContentCheck` checks
/// the content: the commit record carries the number of its transaction, the newest log record's
/// checksum, to which all records before it are chained, and a digest of all other records. So if
/// a snapshot verifies, its content is exactly what its transaction committed, whatever the pages
/// went through.
///
/// If the newest does not verify, it was never acknowledged (by 4), and the other one is taken
/// (by 3): its meta page is copied over the torn one under an older number, and synced. If that
/// does not verify either, something else than a power cut damaged the file, and the log refuses
/// to open. When the file was closed cleanly, or the operating system has not stopped since, the
/// page cache is the truth and nothing can be torn: then nothing is walked, and damage is never
/// answered by going back. A copy of a file that was closed cleanly is walked, since the copying
/// may have gone wrong; nothing was torn in it either, and it is not answered by going back.
///
/// A flush that failed is the exception: what it did not write is in the page cache and nowhere
/// else, and no later flush writes it. The process ends and leaves a mark (`TrustMarker`), and the
/// next start drops the cached pages and verifies what the disk has, as after a power cut.
///
/// The proof is the power-cut replay in Tests/RaftStoreTests.
enum LogRecovery {
    static func run(
        _ directory: String,
        verdict: TrustMarker.Verdict
    ) throws(StoreError) -> RecoveryReport {
        if case .untrusted(let reason, _) = verdict {
            return try verify(directory, reason, mayBeTorn: verdict.mayBeTorn)
        }
        // Whoever reads beyond the end of a mapped file is ended.
        if try isCut("\(directory)/data.mdb") {
            return try verify(directory, "the file has become shorter", mayBeTorn: false)
        }
        return RecoveryReport(
            outcome: verdict == .closedCleanly ? .closedCleanly : .processCrash
        )
    }

    /// Whether the file ends before the last page of the newest commit; free pages there need not
    /// have been written.
    private static func isCut(_ path: String) throws(StoreError) -> Bool {
        var damage: [Damage] = []
        guard let newest = try metas(path, &damage).first else { return true }
        do {
            return try FileSystem.status(path).size < Int(newest.lastPage + 1) * newest.pageBytes
        } catch { throw StoreError(error) }
    }

    private static func verify(
        _ directory: String,
        _ reason: String,
        mayBeTorn: Bool
    ) throws(StoreError) -> RecoveryReport {
        let start = monotonicNanoseconds()
        let path = "\(directory)/data.mdb"
        do throws(DiskError) { try File(path, .readOnly).dropCachedPages() } catch {
            throw StoreError(error)
        }
        var report = RecoveryReport(outcome: .verified, reason: reason)
        let candidates = try metas(path, &report.damage)
        for (place, meta) in candidates.enumerated() {
            let check = try LogVerification.run(path, meta)
            report.pagesRead += check.pagesRead
            report.damage += check.damage
            // Of a meta page that cannot be read nobody knows whether it was the newest.
            guard mayBeTorn || report.damage.isEmpty else { break }
            guard check.damage.isEmpty else { continue }
            report.transaction = meta.transaction
            // The other slot is torn, or belongs to a commit that is: make it harmless.
            let isOther = candidates.count < 2 || place > 0
            if isOther { try replaceMeta(path, 1 - meta.slot, by: meta) }
            if place > 0 || !report.damage.isEmpty { report.outcome = .fellBack }
            report.nanoseconds = monotonicNanoseconds() - start
            return report
        }
        throw .damaged(path: path, report.damage)
    }

    /// The meta pages that can be read, the newer first.
    private static func metas(
        _ path: String,
        _ damage: inout [Damage]
    ) throws(StoreError) -> [MetaPage] {
        var metas: [MetaPage] = []
        do {
            let file = try PageFile(path)
            for slot in 0..<2 {
                do throws(Damage) {
                    metas.append(try file.meta(slot))
                } catch { damage.append(error) }
            }
        } catch { throw StoreError(error) }
        return metas.sorted { $0.transaction > $1.transaction }
    }

    private static func replaceMeta(
        _ path: String,
        _ slot: Int,
        by good: MetaPage
    ) throws(StoreError) {
        do {
            let file = try PageFile(path, access: .readWrite)
            try file.replaceMeta(slot, by: good)
        } catch { throw StoreError(error) }
    }
}

/// One snapshot of a log's file, walked and checked.
enum LogVerification {
    struct Result {
        var damage: [Damage]
        /// Whether every page could be read, so that every record was looked at.
        var isComplete: Bool
        var commit: CommitRecord?
        var records: StateRecords
        var statistics: LogStatistics
        var pagesRead: Int
    }

    static func run(_ path: String, _ meta: MetaPage) throws(StoreError) -> Result {
        let file: PageFile
        do { file = try PageFile(path) } catch { throw StoreError(error) }
        guard try meta.fits(path) else {
            let absurd = Damage(.meta, page: UInt64(meta.slot), "last page \(meta.lastPage)")
            return Result(
                damage: [absurd],
                isComplete: false,
                commit: nil,
                records: StateRecords(),
                statistics: .init(),
                pagesRead: 0
            )
        }
        var walk = PageWalk(file, meta)
        var check = LogContentCheck()
        var damage: [Damage] = []
        do {
            try walk.run { key, value in check.add(key, value) }
        } catch { damage.append(error) }
        check.finish(transaction: meta.transaction)
        var statistics = check.statistics
        statistics.pageBytes = meta.pageBytes
        statistics.pages = Int(meta.lastPage) + 1
        statistics.freePages = walk.freePages
        return Result(
            damage: damage + check.damage,
            isComplete: damage.isEmpty,
            commit: check.commit,
            records: check.records,
            statistics: statistics,
            pagesRead: walk.file.pagesRead
        )
    }
}
