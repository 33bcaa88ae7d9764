internal import Bytes
internal import Disk
internal import LMDB
internal import Synchronization

/// Writes the log's file ahead with zeros, so that a commit overwrites blocks that are there:
/// its flush then changes no metadata of the file system, and cannot meet a full disk.
///
/// `growAhead` is for a thread beside the owner. It never touches a page that LMDB writes: it
/// only lengthens the file, and holds the lock that a commit holds while it writes.
package final class FileGrowth: Sendable {
    /// How much room there is, as `growAhead` and the last commit left it.
    package struct Sizes: Hashable, Sendable {
        /// The length of the file.
        package var fileBytes = 0
        /// Up to where the database has used it.
        package var usedBytes = 0
        /// Pages below `usedBytes` that can be used again.
        package var reusableBytes = 0
        /// The file could not grow when it last should have, or had to leave the room that was
        /// left to the state.
        package var isDiskFull = false

        /// What can be written without growing the file.
        package var aheadBytes: Int { max(0, fileBytes - usedBytes) }
        package var roomBytes: Int { aheadBytes + reusableBytes }
    }

    private static let pieceBytes = 256 << 10
    private static let syncBytes = 4 << 20

    private let file: File
    private let sizesLocked: Mutex<Sizes>
    private let settings: LogSettings
    private let marker: TrustMarker
    private let environment: Environment

    init(
        path: String,
        settings: LogSettings,
        marker: TrustMarker,
        environment: Environment
    ) throws(StoreError) {
        self.environment = environment
        self.settings = settings
        self.marker = marker
        let opened: File
        do { opened = try File(path, .readWrite) } catch { throw StoreError(error) }
        var sizes = Sizes()
        do { sizes.fileBytes = try opened.size() } catch { throw StoreError(error) }
        file = opened
        sizesLocked = Mutex(sizes)
    }

    /// Frees the log's pages that readers hold whose process is gone.
    package func clearStaleReaders() throws(StoreError) {
        do { try environment.clearStaleReaders() } catch { throw StoreError(error, file.path) }
    }

    package var sizes: Sizes { sizesLocked.withLock { $0 } }

    /// How much can be written, whoever asks.
    package var room: Room {
        let sizes = sizes
        guard sizes.isDiskFull, sizes.roomBytes < settings.lowBytes else { return .normal }
        let reason = "\(file.path): \(sizes.roomBytes >> 10) KiB left on a full disk"
        return sizes.roomBytes < settings.noneBytes ? .none(reason) : .low(reason)
    }

    /// Whether `growAhead` has something to do.
    package var isDue: Bool {
        let sizes = sizes
        return sizes.aheadBytes < settings.aheadBytesMin
            && sizes.roomBytes < settings.aheadBytesMin * 4
    }

    /// Lengthens the file by a step if less than the minimum is left, and the disk keeps enough for
    /// others. A full disk is no error: it shows in `sizes`, and the next call tries again.
    package func growAhead() throws(StoreError) {
        guard isDue else { return }
        let zeros = [UInt8](repeating: 0, count: Self.pieceBytes)
        var unsynced = 0
        var goesOn = true
        while goesOn {
            goesOn = try growByPiece(zeros)
            unsynced += Self.pieceBytes
            if unsynced >= Self.syncBytes || !goesOn {
                // It flushes what a commit has written meanwhile, too, and loses it like that.
                do { try file.syncData() } catch { throw marker.flushFailed(error) }
                unsynced = 0
            }
        }
    }

    private func growByPiece(_ zeros: [UInt8]) throws(StoreError) -> Bool {
        do {
            let isLeft = try leavesEnough(after: zeros.count)
            return try sizesLocked.withLock { sizes throws(DiskError) in
                guard isLeft else {
                    sizes.isDiskFull = true
                    return false
                }
                // A commit that needed more than there was has lengthened the file itself.
                let start = (try file.size() + 4095) & ~4095
                do throws(DiskError) {
                    try file.write(zeros.rawSpan, at: start)
                } catch {
                    guard error.isDiskFull else { throw error }
                    try file.truncate(to: start)
                    sizes.fileBytes = start
                    sizes.isDiskFull = true
                    return false
                }
                sizes.fileBytes = start + zeros.count
                sizes.isDiskFull = false
                return sizes.aheadBytes < settings.aheadBytesMin + settings.growthBytes
            }
        } catch { throw StoreError(error) }
    }

    /// Room written ahead is worth nothing to a node whose state, snapshots and marks have none.
    private func leavesEnough(after bytes: Int) throws(DiskError) -> Bool {
        let free = try FileSystem.space(at: file.path).freeBytes
        return free - bytes >= settings.leftFreeBytes
    }

    /// Runs a commit, during which the file is not lengthened.
    func whileWriting<Result>(
        _ body: () throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try sizesLocked.withLock { _ throws(StoreError) in try body() }
    }

    /// Takes note of what the last commit used.
    func note(usedBytes: Int, reusableBytes: Int) {
        sizesLocked.withLock { sizes in
            sizes.usedBytes = usedBytes
            sizes.reusableBytes = reusableBytes
            sizes.fileBytes = max(sizes.fileBytes, usedBytes)
        }
    }
}

/// Whether writes can be taken. The shell refuses what does not fit before a commit can fail.
package enum Room: Hashable, Sendable {
    case normal
    /// Only what frees room, and small entries that must be.
    case low(String)
    /// Nothing.
    case none(String)
}

/// The log's bounds.
package struct LogSettings: Hashable, Sendable {
    /// The file grows in steps of this size.
    package var growthBytes = 16 << 20
    /// It grows when less than this is left ahead.
    package var aheadBytesMin = 16 << 20
    /// What the growing leaves free on the disk: the state's first reserve, and then some.
    package var leftFreeBytes = 12 << 20
    /// Below this much room on a full disk, room is `low`.
    package var lowBytes = 12 << 20
    /// Below this much room on a full disk, room is `none`.
    package var noneBytes = 4 << 20
    /// How much of what was compacted is deleted with each commit.
    package var compactionBytesPerCommit = 600 << 10
    package var compactionRecordsPerCommit = 2_000
    /// The size of LMDB's map; nil: that of the file system.
    package var mapBytes: Int?

    package init() {}
}
