internal import Bytes
internal import Crypto
internal import Disk
package import LMDB
package import Raft
internal import Synchronization

/// The snapshots of a node: compact copies of the state, each with a manifest.
///
/// A snapshot is made beside serving: LMDB copies one of its own snapshots into a pipe, and this
/// side of the pipe hashes, writes and syncs at a bounded rate. Then what the disk has is read back
/// and compared: the log's entries are dropped for it. The file gets its name only when it is whole
/// and verified, and its manifest after it; what has no manifest does not exist.
package final class SnapshotStore: Sendable {
    package let directory: String

    /// Most bytes written between two syncs, so that no single one delays the log's for long.
    private static let syncBytes = 4 << 20
    private static let pieceBytes = 1 << 18
    /// So much faster than it was written a copy is read back.
    private static let readingHaste = 4

    /// Opens the directory, and makes it if need be. What lies in it stays as it is: it may be
    /// somebody else's.
    package init(directory: String) throws(SnapshotError) {
        self.directory = directory
        do throws(DiskError) { try FileSystem.makeDirectory(directory) } catch {
            throw .disk(error)
        }
    }

    /// Removes leftovers of interrupted work, among them copies that have not got a manifest. For
    /// the start of the server whose own directory this is: nobody else may be at work in it.
    package func removeLeftovers() throws(SnapshotError) {
        do {
            let names = try FileSystem.list(directory)
            let manifests = Set(names.filter { $0.hasSuffix(".manifest") })
            for name in names {
                let isLeft =
                    name.hasSuffix(".tmp")
                    || name.hasSuffix(".mdb")
                        && !manifests.contains("\(name.dropLast(".mdb".count)).manifest")
                if isLeft { try FileSystem.remove("\(directory)/\(name)") }
            }
        } catch { throw .disk(error) }
    }

    /// Copies the state as it is now. Blocks until the copy is durable and verified.
    /// - Parameters:
    ///   - bytesPerSecondMax: how fast it may write; nil: as fast as the disk is.
    ///   - describe: says from the opened copy what it covers.
    package func take(
        of environment: Environment,
        bytesPerSecondMax: Int?,
        describe: (Environment) throws(SnapshotError) -> SnapshotCoverage
    ) throws(SnapshotError) -> SnapshotManifest {
        let temporary = "\(directory)/copy.tmp"
        let manifest = try copyOut(
            environment,
            to: temporary,
            bytesPerSecondMax: bytesPerSecondMax,
            describe: describe
        )
        try adopt(temporary, as: manifest)
        return manifest
    }

    /// Copies the state as it is now to a file that is no snapshot of this node's. Blocks until
    /// the copy is durable and verified. Of one that fails nothing stays: the disk may be full.
    package func copyOut(
        _ environment: Environment,
        to path: String,
        bytesPerSecondMax: Int?,
        describe: (Environment) throws(SnapshotError) -> SnapshotCoverage
    ) throws(SnapshotError) -> SnapshotManifest {
        do throws(SnapshotError) {
            let (bytes, digest) = try copy(environment, to: path, bytesPerSecondMax)
            let coverage = try describe(Self.open(path))
            let manifest = SnapshotManifest(
                index: coverage.index,
                term: coverage.term,
                membership: coverage.membership,
                byteCount: bytes,
                sha256: digest
            )
            let rate = bytesPerSecondMax.map { $0 * Self.readingHaste }
            try Self.verifyStored(manifest, at: path, bytesPerSecondMax: rate)
            return manifest
        } catch {
            do throws(DiskError) { try FileSystem.remove(path) } catch { throw .disk(error) }
            throw error
        }
    }

    /// Where a snapshot that comes from a peer is to be written before it is adopted.
    package var incomingPath: String { "\(directory)/incoming.tmp" }

    /// Gives a whole and synced file its name, and then its manifest. The file of another snapshot
    /// is never replaced: the same index comes from two leaders in other bytes, and the log may
    /// have either on record.
    package func adopt(
        _ file: String,
        as manifest: SnapshotManifest
    ) throws(SnapshotError) {
        let encoded: [UInt8]
        do { encoded = try manifest.encoded() } catch {
            throw .manifest(path: manifest.name, reason: error.description)
        }
        do throws(DiskError) {
            let there = try FileSystem.contents("\(directory)/\(manifest.name).manifest")
            let isFree = there == nil || there == encoded
            let stem = "\(directory)/\(isFree ? manifest.name : manifest.nameWithSum)"
            try FileSystem.rename(file, to: "\(stem).mdb")
            do throws(DiskError) {
                try FileSystem.syncDirectory(directory)
                try FileSystem.replace("\(stem).manifest", with: encoded, in: directory)
            } catch {
                // It is as large as the state, and what has no manifest does not exist. One that
                // has its name already may lose it.
                if there != encoded {
                    try FileSystem.remove("\(stem).manifest")
                    try FileSystem.remove("\(stem).mdb")
                }
                throw error
            }
        } catch { throw .disk(error) }
    }

    /// Every snapshot with a readable manifest, newest first.
    package func list() throws(SnapshotError) -> [SnapshotManifest] { try readable().found }

    /// - Returns: also whether there are some whose manifest cannot be read. They are as good as
    ///   not there, and `roost-log verify` tells of them.
    private func readable() throws(SnapshotError) -> (found: [SnapshotManifest], isAll: Bool) {
        var found: [SnapshotManifest] = []
        var isAll = true
        do throws(DiskError) {
            for name in try FileSystem.list(directory) where name.hasSuffix(".manifest") {
                // One that is removed meanwhile is gone.
                guard let encoded = try FileSystem.contents("\(directory)/\(name)") else {
                    continue
                }
                do throws(Damage) { found.append(try SnapshotManifest(encoded: encoded)) } catch {
                    isAll = false
                }
            }
        } catch { throw .disk(error) }
        return (found.sorted { $0.index > $1.index }, isAll)
    }

    /// Reads the whole file and compares it with its manifest.
    package func verify(_ manifest: SnapshotManifest) throws(SnapshotError) {
        try Self.verify(manifest, at: path(of: manifest))
    }

    /// The same for a file anywhere; it needs no store, whose opening makes a directory.
    package static func verify(
        _ manifest: SnapshotManifest,
        at path: String,
        bytesPerSecondMax: Int? = nil
    ) throws(SnapshotError) {
        let (bytes, digest) = try digest(of: path, bytesPerSecondMax)
        guard bytes == manifest.byteCount else {
            throw .sizeDiffers(path: path, found: bytes, wanted: manifest.byteCount)
        }
        guard digest == manifest.sha256 else {
            throw .checksumDiffers(
                path: path,
                found: Hexadecimal.text(digest),
                wanted: Hexadecimal.text(manifest.sha256)
            )
        }
    }

    /// The same for what the disk has of a file, and not what the page cache has.
    static func verifyStored(
        _ manifest: SnapshotManifest,
        at path: String,
        bytesPerSecondMax: Int?
    ) throws(SnapshotError) {
        do throws(DiskError) { try File(path, .readOnly).dropCachedPages() } catch {
            throw .disk(error)
        }
        try verify(manifest, at: path, bytesPerSecondMax: bytesPerSecondMax)
    }

    /// Before a snapshot is copied, received or restored: log and state need what is to be left.
    /// - Throws: `noRoom`.
    package static func checkRoom(
        for bytes: Int,
        leaving left: Int,
        at path: String
    ) throws(SnapshotError) {
        let free: Int
        do throws(DiskError) { free = try FileSystem.space(at: path).freeBytes } catch {
            throw .disk(error)
        }
        guard free - left >= bytes else { throw .noRoom(path: path, wanted: bytes, free: free) }
    }

    /// The newest snapshot that verifies; nil if there is none at all.
    /// - Throws: `noneVerifies` if there are some and each is damaged.
    package func newestVerified() throws(SnapshotError) -> SnapshotManifest? {
        let (all, isAll) = try readable()
        for manifest in all {
            do {
                try verify(manifest)
                return manifest
            } catch SnapshotError.disk(let error) where !error.isMissing {
                throw .disk(error)
            } catch { continue }
        }
        if all.isEmpty, isAll { return nil }
        throw .noneVerifies(directory: directory)
    }

    /// Removes what the log does not have on record any more; says which. Those on record may be
    /// sent to a follower or restored, and what is newer than they are will be on record.
    @discardableResult
    package func prune(
        onRecord: [SnapshotManifest]
    ) throws(SnapshotError) -> [SnapshotManifest] {
        guard let newest = onRecord.map(\.index).max() else { return [] }
        let old = try list().filter { $0.index < newest && !onRecord.contains($0) }
        for manifest in old { try remove(manifest) }
        return old
    }

    package func remove(_ manifest: SnapshotManifest) throws(SnapshotError) {
        do {
            let stem = stem(of: manifest)
            try FileSystem.remove("\(stem).manifest")
            try FileSystem.remove("\(stem).mdb")
        } catch { throw .disk(error) }
    }

    /// Removes all but one: the others are of a state that went wrong.
    package func keepOnly(_ kept: SnapshotManifest) throws(SnapshotError) {
        for manifest in try list() where manifest != kept { try remove(manifest) }
        do { try FileSystem.syncDirectory(directory) } catch { throw .disk(error) }
    }

    package func path(of manifest: SnapshotManifest) -> String { "\(stem(of: manifest)).mdb" }

    private func stem(of manifest: SnapshotManifest) -> String {
        let own = "\(directory)/\(manifest.nameWithSum)"
        return FileSystem.exists("\(own).manifest") ? own : "\(directory)/\(manifest.name)"
    }

    /// Opens a snapshot file for reading, without a lock file: nobody writes to it.
    package static func open(
        _ path: String,
        tablesMax: Int = 64
    ) throws(SnapshotError) -> Environment {
        var options = EnvironmentOptions()
        options.isReadOnly = true
        options.isUnlocked = true
        options.isSingleFile = true
        options.tablesMax = tablesMax
        do { return try Environment(path: path, options: options) } catch { throw .copy(error) }
    }

    /// Copies a verified snapshot to where the state's data file is to be, and syncs it.
    package func restore(_ manifest: SnapshotManifest, to path: String) throws(SnapshotError) {
        try verify(manifest)
        do {
            let source = try File(self.path(of: manifest), .readOnly)
            let target = try File(path, .replace)
            var piece = [UInt8](repeating: 0, count: Self.pieceBytes)
            var offset = 0
            while true {
                let count = try source.read(into: &piece, at: offset)
                if count == 0 { break }
                try target.write(piece.rawSpan.extracting(first: count), at: offset)
                offset += count
            }
            try target.sync()
        } catch { throw .disk(error) }
    }

    // MARK: Copying

    private func copy(
        _ environment: Environment,
        to path: String,
        _ bytesPerSecondMax: Int?
    ) throws(SnapshotError) -> (bytes: Int, sha256: [UInt8]) {
        let failure = CopyFailure()
        let result: (Int, [UInt8])
        do {
            let (reading, writing) = try File.pipe()
            let source = File(adopting: reading, path: "pipe")
            let sink = SharedEnd(File(adopting: writing, path: "pipe"))
            let copier = try OwnThread(named: "roost-snapshot") {
                let end = sink.take()
                do throws(LMDBError) {
                    try environment.copy(to: end.descriptor, compact: true)
                } catch { failure.set(error) }
                extendLifetime(end)
            }
            defer { copier.join() }
            result = try Self.drain(consume source, to: path, bytesPerSecondMax)
        } catch {
            // The copier fails then too: nobody reads from its pipe any more.
            throw .disk(error)
        }
        if let error = failure.get() { throw .copy(error) }
        return result
    }

    private static func drain(
        _ source: consuming File,
        to path: String,
        _ bytesPerSecondMax: Int?
    ) throws(DiskError) -> (Int, [UInt8]) {
        let target = try File(path, .replace)
        var hash = SHA256()
        var piece = [UInt8](repeating: 0, count: pieceBytes)
        var offset = 0
        var synced = 0
        let pace = Pace(bytesPerSecondMax)
        while true {
            let count = try source.readSome(into: &piece)
            if count == 0 { break }
            hash.update(data: piece[..<count])
            try target.write(piece.rawSpan.extracting(first: count), at: offset)
            offset += count
            if offset - synced >= syncBytes {
                try target.syncData()
                synced = offset
            }
            pace.wait(at: offset)
        }
        try target.sync()
        return (offset, Array(hash.finalize()))
    }

    private static func digest(
        of path: String,
        _ bytesPerSecondMax: Int?
    ) throws(SnapshotError) -> (Int, [UInt8]) {
        let pace = Pace(bytesPerSecondMax)
        do {
            let file = try File(path, .readOnly)
            var hash = SHA256()
            var piece = [UInt8](repeating: 0, count: pieceBytes)
            var offset = 0
            while true {
                let count = try file.read(into: &piece, at: offset)
                if count == 0 { break }
                hash.update(data: piece[..<count])
                offset += count
                pace.wait(at: offset)
            }
            return (offset, Array(hash.finalize()))
        } catch { throw .disk(error) }
    }
}

/// Holds its thread back where it would be quicker than a rate.
private struct Pace {
    private let bytesPerSecond: Int?
    private let start = monotonicNanoseconds()

    init(_ bytesPerSecond: Int?) { self.bytesPerSecond = bytesPerSecond }

    func wait(at bytes: Int) {
        guard let bytesPerSecond else { return }
        let due = UInt64(Double(bytes) / Double(bytesPerSecond) * 1e9)
        let spent = monotonicNanoseconds() - start
        if due > spent { sleepThread(nanoseconds: due - spent) }
    }
}

/// What a copy of the state covers, as its reader says.
package struct SnapshotCoverage: Hashable, Sendable {
    package var index: LogIndex
    package var term: Term
    package var membership: MembershipRecord

    package init(index: LogIndex, term: Term, membership: MembershipRecord) {
        self.index = index
        self.term = term
        self.membership = membership
    }
}

/// The error of the copying thread, for the one that reads its pipe.
private final class CopyFailure: Sendable {
    private let error = Mutex<LMDBError?>(nil)

    func set(_ value: LMDBError) { error.withLock { $0 = value } }
    func get() -> LMDBError? { error.withLock { $0 } }
}

/// The pipe's writing end on its way to the copying thread, which closes it when it is done.
private final class SharedEnd: Sendable {
    private let file: Mutex<File?>

    init(_ file: consuming sending File) {
        self.file = Mutex(consume file)
    }

    func take() -> File {
        let taken = file.withLock { $0.take() }
        guard let taken else { preconditionFailure("the pipe's end was taken before") }
        return taken
    }
}
