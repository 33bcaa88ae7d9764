internal import Disk
package import LMDB
package import Raft

/// A node's data directory read from outside: of a stopped, a crashed or a running server.
///
/// Nothing of it is changed. Where a server runs, a reader's slot in the lock files of log and
/// state is taken, as any reader does; where none runs, no file is opened for writing at all, and
/// `wasChanged` tells afterwards whether a server was started meanwhile.
package final class InspectedDirectory {
    package let path: String
    /// Whether a server runs on it.
    package let isServed: Bool
    package let log: InspectedLog
    /// Nil if there is no state yet.
    package let state: InspectedState?
    /// Whether the log's pages can be believed as they lie there.
    package let logTrust: TrustMarker.Verdict
    private let firstTransaction: UInt64

    /// - Parameter bootID: the system's; a parameter for tests.
    package init(
        _ path: String,
        bootID: String = SystemIdentity.bootID()
    ) throws(StoreError) {
        self.path = path
        let logPath = DataDirectory.logPath(path)
        guard WriteAheadLog.exists(logPath) else {
            throw .system("\(path): this is no data directory of Roost (there is no wal/data.mdb)")
        }
        isServed = try Self.isServed(path)
        let marker = TrustMarker(directory: logPath, bootID: bootID)
        if !isServed, try marker.isUnsynced {
            // As the next start will find it.
            do throws(DiskError) {
                try File("\(logPath)/data.mdb", .readOnly).dropCachedPages()
            } catch { throw StoreError(error) }
        }
        let statePath = "\(path)/state"
        state =
            FileSystem.exists("\(statePath)/data.mdb")
            ? try InspectedState(statePath, isServed: isServed, bootID: bootID) : nil
        log = try InspectedLog(directory: logPath, isServed: isServed)
        logTrust = try marker.verdict()
        firstTransaction = try log.newestTransaction()
    }

    /// Between which entries the state was found to part from the cluster's; nil: it was not.
    package var divergence: (equalAt: LogIndex, differsAt: LogIndex)? {
        get throws(StoreError) { try DivergenceMarker(directory: "\(path)/state").read() }
    }

    package func snapshots() throws(StoreError) -> [InspectedSnapshot] {
        try InspectedSnapshot.list(DataDirectory.snapshotsPath(path))
    }

    /// Whether a server was started or stopped since, so that what was read may not fit together.
    package func wasChanged() throws(StoreError) -> Bool {
        if try Self.isServed(path) != isServed { return true }
        if isServed { return false }
        return try log.newestTransaction() != firstTransaction
    }

    private static func isServed(_ path: String) throws(StoreError) -> Bool {
        do throws(DiskError) {
            let lock = try File("\(path)/LOCK", .readOnly)
            return try lock.isLocked()
        } catch {
            if error.isMissing { return false }
            throw StoreError(error)
        }
    }
}

/// The state's environment read from outside.
package final class InspectedState {
    package let directory: String
    /// What a server that is started would decide: an untrusted state is thrown away.
    package let trust: TrustMarker.Verdict
    package let fileBytes: Int
    private let file: InspectedFile

    init(_ directory: String, isServed: Bool, bootID: String) throws(StoreError) {
        self.directory = directory
        file = try InspectedFile(directory: directory, isServed: isServed)
        trust = try TrustMarker(directory: directory, bootID: bootID).verdict()
        do { fileBytes = try FileSystem.status(file.path).allocatedBytes } catch {
            throw StoreError(error)
        }
    }

    /// The value of a key in one of its tables.
    package func value(table: String, key: [UInt8]) throws(StoreError) -> [UInt8]? {
        try file.value(table: table, key: key)
    }

    /// Checks the structure of every page: the first that is damaged, or nil.
    package func verifyPages() throws(StoreError) -> Damage? { try file.verifyPages() }

    /// Opens it for reading by LMDB, whose pages have been verified. Of a running server's state
    /// this holds nothing until a read transaction begins.
    package func open() throws(StoreError) -> Environment {
        if let served = file.environment { return served }
        do throws(SnapshotError) { return try SnapshotStore.open(file.path) } catch {
            throw StoreError(error)
        }
    }
}
