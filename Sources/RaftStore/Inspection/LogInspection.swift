internal import Bytes
internal import Disk
internal import LMDB
package import Raft

/// Reading a log from outside: of a stopped, a crashed, or a running server, never changing it.
///
/// `verify` walks the raw pages and needs a file that stands still: on a running server its
/// findings may be of a commit under way. `open` reads through LMDB, with a reader's slot, and
/// may be used beside a running server.
package enum LogInspection {
    /// What a walk over the pages found.
    package struct Verification: Sendable {
        /// Empty if all is well.
        package var damage: [Damage]
        /// The same for the commit before the newest, if the newest is damaged.
        package var olderDamage: [Damage]?
        package var transaction: UInt64
        package var commit: CommitSummary?
        package var statistics: LogStatistics
    }

    /// Checks every page and every record of the newest commit. It repairs nothing.
    package static func verify(
        logDirectory: String
    ) throws(StoreError) -> Verification {
        let path = "\(logDirectory)/data.mdb"
        var damage: [Damage] = []
        let metas = try metas(path, &damage)
        guard let newest = metas.first else {
            return Verification(
                damage: damage,
                olderDamage: nil,
                transaction: 0,
                commit: nil,
                statistics: LogStatistics()
            )
        }
        let result = try LogVerification.run(path, newest)
        var older: [Damage]?
        if !result.damage.isEmpty, metas.count > 1 {
            older = try LogVerification.run(path, metas[1]).damage
        }
        return Verification(
            damage: damage + result.damage,
            olderDamage: older,
            transaction: newest.transaction,
            commit: result.commit.map(CommitSummary.init),
            statistics: result.statistics
        )
    }

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
}

/// The newest commit, as an inspector shows it.
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
