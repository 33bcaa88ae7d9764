internal import Disk
package import LMDB

/// The state's environment, its file and whether it can be believed.
///
/// It is opened unsynced and write-mapped: fast, and safe as long as the operating system runs on,
/// because the page cache outlives a process. After an operating system crash it is thrown away
/// and rebuilt from the newest snapshot that verifies, and the log after it.
///
/// Writing into a map that the disk has no block for raises SIGBUS. Hence before each write
/// transaction `ensureRoom` allocates blocks ahead of the last page in use, and when the disk is
/// full it says so while nothing is written yet. Within a transaction that touches many records it
/// does so again.
package final class StateDirectory {
    package let environment: Environment
    /// How the state came to be, for the shell to log.
    package let origin: StateOrigin

    private let marker: TrustMarker
    private let file: File
    private let settings: StateSettings
    /// Up to where blocks are known to be allocated.
    private var allocatedBytes = 0
    private var isDiskFull = false

    /// Opens the state, or rebuilds it if it cannot be trusted. Without a snapshot it begins empty;
    /// the log must begin at entry 1 then, which is for the caller to check.
    package static func open(
        _ directory: String,
        snapshots: SnapshotStore,
        settings: StateSettings = .init()
    ) throws(StoreError) -> StateDirectory {
        try open(
            directory,
            snapshots: snapshots,
            settings: settings,
            bootID: SystemIdentity.bootID()
        )
    }

    static func open(
        _ directory: String,
        snapshots: SnapshotStore,
        settings: StateSettings,
        bootID: String
    ) throws(StoreError) -> StateDirectory {
        let marker = TrustMarker(directory: directory, bootID: bootID)
        try removeLeftovers(directory)
        do throws(DiskError) { try FileSystem.makeDirectory(directory) } catch {
            throw StoreError(error)
        }
        let origin: StateOrigin
        switch try marker.verdict() {
        case .closedCleanly where isThere(directory): origin = .closedCleanly
        case .sameBoot where isThere(directory): origin = .processCrash
        case .closedCleanly, .sameBoot:
            origin = try rebuild(directory, snapshots, reason: "the state's file is missing")
        case .untrusted(let reason, _):
            origin = try rebuild(directory, snapshots, reason: reason)
        }
        return try StateDirectory(directory, origin, marker, settings)
    }

    private init(
        _ directory: String,
        _ origin: StateOrigin,
        _ marker: TrustMarker,
        _ settings: StateSettings
    ) throws(StoreError) {
        self.origin = origin
        self.marker = marker
        self.settings = settings
        environment = try Self.openEnvironment(directory, settings)
        let opened: File
        do { opened = try File("\(directory)/data.mdb", .readWrite) } catch {
            throw StoreError(error)
        }
        file = opened
        try marker.markOpen()
        do { try environment.clearStaleReaders() } catch { throw StoreError(error, directory) }
    }

    private static func openEnvironment(
        _ directory: String,
        _ settings: StateSettings
    ) throws(StoreError) -> Environment {
        var options = EnvironmentOptions()
        options.isUnsynced = true
        options.isWriteMapped = settings.isWriteMapped
        options.tablesMax = settings.tablesMax
        options.readersMax = settings.readersMax
        if let mapBytes = settings.mapBytes {
            options.mapBytes = mapBytes
        } else {
            do { options.mapBytes = try WriteAheadLog.mapBytes(at: directory) } catch {
                throw StoreError(error)
            }
        }
        do { return try Environment(path: directory, options: options) } catch {
            throw StoreError(error, directory)
        }
    }

    private static func isThere(_ directory: String) -> Bool {
        FileSystem.exists("\(directory)/data.mdb")
    }

    /// Throws the state away and restores the newest snapshot that verifies.
    package static func rebuild(
        _ directory: String,
        _ snapshots: SnapshotStore,
        reason: String
    ) throws(StoreError) -> StateOrigin {
        let wasThere = isThere(directory)
        do throws(DiskError) {
            for name in ["trust", "data.mdb", "lock.mdb"] {
                try FileSystem.remove("\(directory)/\(name)")
            }
        } catch { throw StoreError(error) }
        do throws(SnapshotError) {
            guard let newest = try snapshots.newestVerified() else {
                return wasThere ? .begunAnew(reason: reason) : .new
            }
            try snapshots.restore(newest, to: "\(directory)/data.mdb")
            return .rebuilt(from: newest, reason: reason)
        } catch { throw StoreError(error) }
    }

    /// Puts a verified snapshot in the state's place: built beside it and moved in, so that a crash
    /// leaves the old state, the new one, or none, which the next start rebuilds. The environment
    /// that was there stays readable for those who hold it.
    package static func install(
        _ manifest: SnapshotManifest,
        at directory: String,
        snapshots: SnapshotStore,
        settings: StateSettings = .init()
    ) throws(StoreError) -> StateDirectory {
        let new = newPath(directory)
        let old = oldPath(directory)
        try removeLeftovers(directory)
        // Half a copy helps nobody, and takes the room of those who write.
        do throws(SnapshotError) {
            try SnapshotStore.checkRoom(
                for: manifest.byteCount,
                leaving: LogSettings().leftFreeBytes,
                at: parentDirectory(of: directory)
            )
        } catch { throw StoreError(error) }
        do throws(DiskError) { try FileSystem.makeDirectory(new) } catch { throw StoreError(error) }
        do throws(SnapshotError) {
            try snapshots.restore(manifest, to: "\(new)/data.mdb")
        } catch {
            try removeLeftovers(directory)
            throw StoreError(error)
        }
        let bootID = SystemIdentity.bootID()
        try TrustMarker(directory: new, bootID: bootID).markOpen()
        do throws(DiskError) {
            if FileSystem.exists(directory) { try FileSystem.rename(directory, to: old) }
            try FileSystem.rename(new, to: directory)
            try FileSystem.syncDirectory(parentDirectory(of: directory))
            try FileSystem.removeDirectory(old)
        } catch { throw StoreError(error) }
        return try StateDirectory(
            directory,
            .installed(manifest),
            TrustMarker(directory: directory, bootID: bootID),
            settings
        )
    }

    /// A state for somebody's own use, in a new directory: empty, or begun from a copy of a
    /// state's file. What becomes of it at a power cut does not matter.
    package static func scratch(
        _ directory: String,
        copyOf path: String?,
        settings: StateSettings = .init()
    ) throws(StoreError) -> StateDirectory {
        do throws(DiskError) {
            try FileSystem.makeDirectory(directory)
            if let path { try FileSystem.copy(path, to: "\(directory)/data.mdb") }
        } catch { throw StoreError(error) }
        return try StateDirectory(
            directory,
            .new,
            TrustMarker(directory: directory),
            settings
        )
    }

    private static func newPath(_ directory: String) -> String { "\(directory).new" }
    private static func oldPath(_ directory: String) -> String { "\(directory).old" }

    /// What an installation left that was cut short.
    private static func removeLeftovers(_ directory: String) throws(StoreError) {
        do throws(DiskError) {
            try FileSystem.removeDirectory(newPath(directory))
            try FileSystem.removeDirectory(oldPath(directory))
        } catch { throw StoreError(error) }
    }

    // MARK: Room

    /// Before a write transaction that will change at most about `bytes`: allocates what it may
    /// need. False, and nothing is to be written, where the disk has no room for it.
    package func ensureRoom(_ bytes: Int) throws(StoreError) -> Bool {
        // Every record of a batch may copy a path of the tree, and the free list a few pages.
        return try allocate(usedBytes() + bytes * 4)
    }

    /// The same in the course of a transaction that has come to a page of the file. False: it must
    /// be given up.
    package func ensureRoom(behindPage page: Int) throws(StoreError) -> Bool {
        try allocate((page + 1) * 4096)
    }

    private func allocate(_ bytes: Int) throws(StoreError) -> Bool {
        guard settings.isWriteMapped else { return true }
        let needed = bytes + settings.marginBytes
        if needed <= allocatedBytes { return true }
        let target = (needed + settings.stepBytes) & ~4095
        do {
            try file.allocate(at: allocatedBytes, count: target - allocatedBytes)
            allocatedBytes = target
            isDiskFull = false
            return true
        } catch {
            guard error.isDiskFull else { throw StoreError(error) }
        }
        isDiskFull = true
        do {
            try file.allocate(at: allocatedBytes, count: max(0, needed - allocatedBytes))
            allocatedBytes = needed
            return true
        } catch {
            guard error.isDiskFull else { throw StoreError(error) }
            return false
        }
    }

    /// How much can be written.
    package func room() throws(StoreError) -> Room {
        guard isDiskFull else { return .normal }
        let left = allocatedBytes - (try usedBytes())
        let reason = "\(marker.directory): \(left >> 10) KiB left on a full disk"
        return left < settings.marginBytes ? .none(reason) : .low(reason)
    }

    private func usedBytes() throws(StoreError) -> Int {
        do { return (try environment.information().lastPage + 1) * 4096 } catch {
            throw StoreError(error, marker.directory)
        }
    }

    /// Syncs, cuts the file to what is used, and marks it as closed cleanly. Nobody may write
    /// after it; the environment closes with its last user.
    package func close() throws(StoreError) {
        do { try environment.sync(force: true) } catch { throw marker.flushFailed(error) }
        let used = try usedBytes()
        do { try file.truncate(to: used) } catch { throw StoreError(error) }
        do { try file.sync() } catch { throw marker.flushFailed(error) }
        try marker.markClean()
    }
}

/// How the state in a directory came to be.
package enum StateOrigin: Hashable, Sendable, CustomStringConvertible {
    case new
    case closedCleanly
    /// The process stopped, the operating system did not.
    case processCrash
    case rebuilt(from: SnapshotManifest, reason: String)
    /// A snapshot took its place.
    case installed(SnapshotManifest)
    /// It was thrown away and there is no snapshot: everything comes from the log.
    case begunAnew(reason: String)

    package var description: String {
        switch self {
        case .new: "state is new"
        case .closedCleanly: "state closed cleanly"
        case .processCrash: "state not closed, but the operating system ran on: trusted"
        case .rebuilt(let manifest, let reason):
            "\(reason): state thrown away and rebuilt from snapshot \(manifest.name)"
        case .installed(let manifest): "state is snapshot \(manifest.name)"
        case .begunAnew(let reason):
            "\(reason): state thrown away; no snapshot yet, it comes from the log"
        }
    }
}

/// The state environment's bounds.
package struct StateSettings: Hashable, Sendable {
    package var isWriteMapped = true
    package var tablesMax = 64
    package var readersMax = 126
    /// Blocks are allocated in steps of this size.
    package var stepBytes = 16 << 20
    /// What a transaction may need beside the bytes it is asked to store.
    package var marginBytes = 2 << 20
    /// The size of LMDB's map; nil: that of the file system.
    package var mapBytes: Int?

    package init() {}
}
