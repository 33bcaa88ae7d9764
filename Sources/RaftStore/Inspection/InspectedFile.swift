internal import Disk
internal import LMDB

/// The data file of an environment (log, state or snapshot), read from outside.
///
/// Its pages are read without LMDB, which believes its file and would crash on a damaged one. What
/// LMDB is needed for is to keep a running server from using pages again while they are read: that
/// takes a reader's slot in the lock file, the only bytes that inspection ever changes.
final class InspectedFile {
    let path: String
    /// Nil where nobody writes: then nothing at all is opened for writing.
    let environment: Environment?

    /// Whether a server may write to it meanwhile.
    var isServed: Bool { environment != nil }

    private static let attemptsMax = 1_000

    /// - Parameter isServed: whether a server runs that may write to the file.
    init(directory: String, isServed: Bool) throws(StoreError) {
        path = "\(directory)/data.mdb"
        guard isServed else {
            environment = nil
            return
        }
        guard FileSystem.exists("\(directory)/lock.mdb") else {
            throw .system("\(directory): a server is starting there; try again")
        }
        var options = EnvironmentOptions()
        options.isReadOnly = true
        options.tablesMax = StateSettings().tablesMax
        do { environment = try Environment(path: directory, options: options) } catch {
            throw StoreError(error, directory)
        }
    }

    /// A file that nobody writes to, such as a snapshot.
    init(path: String) {
        self.path = path
        environment = nil
    }

    /// Takes hold of the newest commit.
    func hold() throws(StoreError) -> HeldCommit {
        guard let environment else {
            let found = try metas()
            guard let newest = found.metas.first else {
                throw .damaged(path: path, found.damage)
            }
            return HeldCommit(meta: newest, transaction: nil)
        }
        for _ in 0..<Self.attemptsMax {
            let transaction: ReadTransaction
            do { transaction = try ReadTransaction(environment) } catch {
                throw StoreError(error, path)
            }
            // A meta page is written over by the commit after the next. That one has not begun if
            // the held commit is still the newest when its meta page has been read.
            let first = try metas().metas
            let second = try metas().metas
            if let newest = second.first, newest.transaction == transaction.id,
                first.contains(newest)
            {
                return HeldCommit(meta: newest, transaction: transaction)
            }
        }
        throw .database("\(path): commits follow each other too fast to take hold of one")
    }

    /// The meta pages that can be read, the newer first, and what is wrong with the others.
    func metas() throws(StoreError) -> (metas: [MetaPage], damage: [Damage]) {
        var metas: [MetaPage] = []
        var damage: [Damage] = []
        let file: PageFile
        do { file = try PageFile(path) } catch { throw StoreError(error) }
        for slot in 0..<2 {
            do throws(Damage) {
                metas.append(try file.meta(slot))
            } catch { damage.append(error) }
        }
        return (metas.sorted { $0.transaction > $1.transaction }, damage)
    }

    /// Checks the pages of the newest commit: the first that is damaged, or nil. Of a meta page
    /// that cannot be read nobody knows whether it was the newest, but for one that is being
    /// written.
    func verifyPages() throws(StoreError) -> Damage? {
        if environment == nil, let torn = try metas().damage.first { return torn }
        let held = try hold()
        let file: PageFile
        do { file = try PageFile(path) } catch { throw StoreError(error) }
        guard try held.meta.fits(path) else {
            return Damage(.meta, page: UInt64(held.meta.slot), "last page \(held.meta.lastPage)")
        }
        var walk = PageWalk(file, held.meta, hasTables: true)
        do throws(Damage) { try walk.run { _, _ in } } catch { return error }
        return nil
    }

    /// The value of a key in a named table.
    func value(table: String, key: [UInt8]) throws(StoreError) -> [UInt8]? {
        let held = try hold()
        do throws(Damage) {
            var scan = try TreeScan(path, held.meta)
            let name = Array(table.utf8)
            guard let tree = try scan.table(name) else { return nil }
            return try scan.value(key, in: tree)
        } catch { throw .damaged(path: path, [error]) }
    }
}

/// A commit whose pages stay as they are for as long as this is held.
struct HeldCommit: ~Copyable {
    let meta: MetaPage
    private let transaction: ReadTransaction?

    init(meta: MetaPage, transaction: consuming ReadTransaction?) {
        self.meta = meta
        self.transaction = transaction
    }
}
