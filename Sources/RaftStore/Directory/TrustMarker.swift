internal import Bytes
internal import Disk

/// Says whether an environment's pages can be believed as they lie there.
///
/// They can when the environment was closed cleanly (after a forced sync), and when the operating
/// system has not stopped since it was opened: the page cache outlives a process. Otherwise writes
/// may be lost or torn. Device and inode tell a copied or restored file from the marked one.
///
/// A text file beside the data:
///
///     roost-trust 1
///     boot BOOT-ID
///     file DEVICE INODE
///     open | clean | unsynced
package struct TrustMarker: Sendable {
    package enum Verdict: Hashable, Sendable {
        case closedCleanly
        /// Opened in this run of the operating system, not closed: the process crashed.
        case sameBoot
        /// The operating system stopped, or the file is not the marked one, or there is no mark.
        /// - Parameter wasClosed: the mark is of another file that was closed cleanly: of the one
        ///   that this is a copy of. No crash has torn it then.
        case untrusted(String, wasClosed: Bool = false)

        /// Whether a crash may have torn the newest commit, which was not acknowledged then.
        package var mayBeTorn: Bool {
            if case .untrusted(_, wasClosed: false) = self { return true }
            return false
        }
    }

    package let directory: String
    private let bootID: String

    /// - Parameter bootID: the system's; a parameter for tests.
    init(directory: String, bootID: String = SystemIdentity.bootID()) {
        self.directory = directory
        self.bootID = bootID
    }

    private var path: String { "\(directory)/trust" }
    private var dataPath: String { "\(directory)/data.mdb" }

    package func verdict() throws(StoreError) -> Verdict {
        let contents: [UInt8]?
        let place: String
        do {
            contents = try FileSystem.contents(path)
            place = try filePlace()
        } catch { throw StoreError(error) }
        guard let contents else { return .untrusted("there is no mark of trust") }
        let lines = String(decoding: contents, as: UTF8.self).split(separator: "\n").map(
            String.init
        )
        guard lines.count == 4, lines[0] == "roost-trust 1" else {
            return .untrusted("the mark of trust is unreadable")
        }
        guard lines[2] == place else {
            return .untrusted(
                "the data file was copied or replaced",
                wasClosed: lines[3] == "clean"
            )
        }
        if lines[3] == "clean" { return .closedCleanly }
        if lines[3] == Self.unsynced { return .untrusted("a flush of it failed") }
        if !bootID.isEmpty, lines[1] == "boot \(bootID)" { return .sameBoot }
        return .untrusted("the operating system stopped without closing it")
    }

    /// Before the first write. A mark that is torn is unreadable or still says "clean", and both
    /// are true of data that nobody has written to yet.
    func markOpen() throws(StoreError) { try mark("open") }

    /// After everything is synced and no write will come. A mark that is torn is unreadable or
    /// still says "open": the data are then trusted less than they could be.
    func markClean() throws(StoreError) { try mark("clean") }

    /// After a flush that failed. It is reported once: the next flush succeeds without having
    /// written anything, and until the pages go the page cache shows what the disk does not have
    /// (Rebello and others, "Can applications recover from fsync failures?", 2020). The mark itself
    /// need not become durable: after a power cut nothing is believed anyway.
    func markUnsynced() throws(StoreError) { try mark(Self.unsynced, isSynced: false) }

    /// What to throw after a flush that failed. Where even the mark cannot be made, both are told.
    func flushFailed(_ error: some Error) -> StoreError {
        var reason = "\(error)"
        do throws(StoreError) { try markUnsynced() } catch {
            reason += "; nor can that be marked: \(error)"
        }
        return .fsyncFailed(path: directory, reason: reason)
    }

    var isUnsynced: Bool {
        get throws(StoreError) {
            do throws(DiskError) {
                guard let contents = try FileSystem.contents(path) else { return false }
                return String(decoding: contents, as: UTF8.self).hasSuffix("\n\(Self.unsynced)\n")
            } catch { throw StoreError(error) }
        }
    }

    private static let unsynced = "unsynced"

    /// A mark that is there is written over in place, which takes no room on a full disk: a node
    /// must start on one, and stop well.
    private func mark(_ state: String, isSynced: Bool = true) throws(StoreError) {
        do {
            let text = try text(state)
            guard FileSystem.exists(path) else {
                return try FileSystem.replace(path, with: text, in: directory)
            }
            let file = try File(path, .readWrite)
            try file.write(text.rawSpan, at: 0)
            try file.truncate(to: text.count)
            guard isSynced else { return }
            try file.sync()
            // The name may be of a process that died before it was durable.
            try FileSystem.syncDirectory(directory)
        } catch { throw StoreError(error) }
    }

    private func text(_ state: String) throws(DiskError) -> [UInt8] {
        Array("roost-trust 1\nboot \(bootID)\n\(try filePlace())\n\(state)\n".utf8)
    }

    private func filePlace() throws(DiskError) -> String {
        do {
            let status = try FileSystem.status(dataPath)
            return "file \(status.device) \(status.inode)"
        } catch {
            if error.isMissing { return "file none" }
            throw error
        }
    }
}
