internal import Disk

/// A node's data directory. One process at a time has it.
///
///     LOCK                        locked while a process serves (see `File.tryLock`)
///     wal/{data.mdb,lock.mdb,trust}
///     state/{data.mdb,lock.mdb,trust}
///     snapshots/INDEX-TERM.{mdb,manifest}
package final class DataDirectory: Sendable {
    package let path: String
    private let lock: File
    private static let lockAttempts = 50
    private static let lockPauseNanoseconds: UInt64 = 20_000_000

    /// Makes the directory if need be, for its owner only, and takes its lock.
    package init(_ given: String) throws(StoreError) {
        // "a/" lies in the same directory as "a", whose name is to be synced there.
        let trimmed = String(given.reversed().drop { $0 == "/" }.reversed())
        let path = trimmed.isEmpty ? "/" : trimmed
        self.path = path
        lock = try DataDirectory.takeLock(path)
        do throws(DiskError) {
            try FileSystem.makeDirectory(statePath)
            try FileSystem.makeDirectory(snapshotsPath)
            try FileSystem.syncDirectory(path)
        } catch { throw StoreError(error) }
    }

    /// Takes the lock of a directory that is there, and makes nothing.
    package init(existing path: String) throws(StoreError) {
        self.path = path
        guard WriteAheadLog.exists(DataDirectory.logPath(path)) else {
            throw .system("\(path): this is no data directory of Roost")
        }
        lock = try DataDirectory.takeLock(path)
    }

    private static func takeLock(_ path: String) throws(StoreError) -> File {
        do {
            try makeWithParents(path)
            let file = try File("\(path)/LOCK", .create)
            // A server that was just killed may not be gone yet: a second of patience.
            for attempt in 0..<lockAttempts {
                if attempt > 0 { sleepThread(nanoseconds: lockPauseNanoseconds) }
                if try file.tryLock() { return file }
            }
        } catch { throw StoreError(error) }
        throw .directoryInUse(path: path)
    }

    package var logPath: String { DataDirectory.logPath(path) }
    package var statePath: String { "\(path)/state" }
    package var snapshotsPath: String { DataDirectory.snapshotsPath(path) }

    package static func logPath(_ path: String) -> String { "\(path)/wal" }
    package static func snapshotsPath(_ path: String) -> String { "\(path)/snapshots" }

    /// A state whose log was marked after a flush that failed is not believed either: it lies on
    /// the same disk, and is written back without anybody asking how that went. To be called before
    /// the log is opened, which takes its mark away.
    package func distrustStateOfUnsyncedLog() throws(StoreError) {
        guard try TrustMarker(directory: logPath).isUnsynced else { return }
        let state = TrustMarker(directory: statePath)
        if FileSystem.exists("\(statePath)/data.mdb") { try state.markUnsynced() }
    }

    /// A directory that is made is durable only when the one it lies in was synced.
    private static func makeWithParents(_ path: String) throws(DiskError) {
        let parent = parentDirectory(of: path)
        do {
            guard try FileSystem.makeDirectory(path) else { return }
        } catch {
            guard error.isMissing, parent != path else { throw error }
            try makeWithParents(parent)
            try FileSystem.makeDirectory(path)
        }
        try FileSystem.syncDirectory(parent)
    }
}
