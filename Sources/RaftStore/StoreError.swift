internal import Disk
internal import Glibc
internal import LMDB
package import Raft

/// Why the store failed.
package enum StoreError: Error, Hashable, Sendable {
    /// A flush failed. What is on the disk is unknown: the process must end. Never retried.
    case fsyncFailed(path: String, reason: String)
    /// A page or meta write failed for another reason than a full disk: the process must end.
    case writeFailed(path: String, reason: String)
    /// No room: nothing was changed, the store works on, and takes writes again once there is.
    case diskFull(path: String, reason: String)
    /// What is stored does not verify, and nothing older that does can take its place.
    case damaged(path: String, [Damage])
    /// The data was written by a newer Roost.
    case formatTooNew(path: String, found: Int, known: Int)
    /// Another process serves from the directory.
    case directoryInUse(path: String)
    /// The write does not continue the log.
    case outOfOrder(index: LogIndex, first: LogIndex, last: LogIndex)
    /// An entry or record is longer than the format can hold.
    case tooLong(what: String, bytes: Int, bytesMax: Int)
    /// Received snapshots have replaced the log so often that the format has no number for another.
    case tooManyRestarts(Int)
    /// Entries up to here may not be dropped: no recorded snapshot covers them.
    case notCovered(index: LogIndex, snapshot: LogIndex)
    /// The operating system refused something else.
    case system(String)
    /// The database refused something else.
    case database(String)

    /// Whether the process must end.
    package var isFatal: Bool {
        switch self {
        case .fsyncFailed, .writeFailed: true
        default: false
        }
    }

    init(_ error: DiskError) {
        if error.isDiskFull {
            self = .diskFull(path: error.path, reason: error.description)
        } else if error.operation == .sync {
            self = .fsyncFailed(path: error.path, reason: error.description)
        } else {
            self = .system(error.description)
        }
    }

    package init(_ error: SnapshotError) {
        switch error {
        case .disk(let error): self.init(error)
        case .copy(let error): self.init(error, "snapshot")
        case .noRoom(let path, _, _): self = .diskFull(path: path, reason: "\(error)")
        default: self = .damaged(path: "snapshots", [Damage(.snapshot, "\(error)")])
        }
    }

    /// Whether the file system has less free than the log's growth leaves.
    private static func isShort(_ path: String) -> Bool {
        guard let space = try? FileSystem.space(at: path) else { return false }
        return space.freeBytes < LogSettings().leftFreeBytes
    }

    init(_ error: LMDBError, _ path: String) {
        switch error {
        case .diskFull, .mapFull: self = .diskFull(path: path, reason: error.description)
        case .io(.sync, _): self = .fsyncFailed(path: path, reason: error.description)
        // LMDB says EIO of a write that found room for a part only (mdb_page_flush); nothing of
        // the transaction is visible then.
        case .io(.commit, errno: EIO) where Self.isShort(path):
            self = .diskFull(path: path, reason: error.description)
        case .io(.commit, _), .panicked:
            self = .writeFailed(path: path, reason: error.description)
        case .corrupted: self = .damaged(path: path, [Damage(.page, error.description)])
        default: self = .database("\(path): \(error.description)")
        }
    }
}

extension StoreError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .fsyncFailed(let path, let reason): "\(path): flush failed (\(reason))"
        case .writeFailed(let path, let reason): "\(path): write failed (\(reason))"
        case .diskFull(_, let reason): "disk full: \(reason)"
        case .damaged(let path, let damage):
            "\(path): damaged: \(damage.map(\.description).joined(separator: "; "))"
        case .formatTooNew(let path, let found, let known):
            "\(path): format \(found) is newer than this version's \(known)"
        case .directoryInUse(let path): "\(path): in use by another process"
        case .outOfOrder(let index, let first, let last):
            "entry \(index.rawValue) does not continue the log \(first.rawValue)...\(last.rawValue)"
        case .tooLong(let what, let bytes, let bytesMax):
            "\(what): \(bytes) bytes, at most \(bytesMax) fit"
        case .tooManyRestarts(let count):
            "snapshots have replaced the log \(count) times, which is as often as can be; remove "
                + "this node's data directory and let it join anew"
        case .notCovered(let index, let snapshot):
            "entry \(index.rawValue) is not covered by snapshot \(snapshot.rawValue)"
        case .system(let reason), .database(let reason): reason
        }
    }
}

/// One thing found wrong in stored data.
package struct Damage: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of damage it is; `roost-log verify` names it. (What it means to the node, and the
    /// exit code, depend on where it is.)
    package enum Kind: Hashable, Sendable, CaseIterable {
        /// A meta page is not readable.
        case meta
        /// A page of the tree is malformed, misplaced, missing or used twice.
        case page
        /// The list of free pages does not fit the tree.
        case freeList
        /// A record's checksum, kind or shape is wrong.
        case record
        /// Entries are missing between two that are there.
        case gap
        /// A record does not follow the one before it: one of them is of another history.
        case chain
        /// The commit record does not describe what is there.
        case commit
        /// A snapshot or its manifest does not verify.
        case snapshot
    }

    package var kind: Kind
    /// The entry that is concerned, if one is.
    package var index: LogIndex?
    /// The page that is concerned, if one is.
    package var page: UInt64?
    package var text: String

    package init(_ kind: Kind, index: LogIndex? = nil, page: UInt64? = nil, _ text: String) {
        self.kind = kind
        self.index = index
        self.page = page
        self.text = text
    }

    package var description: String {
        var place = ""
        if let index { place += "entry \(index.rawValue): " }
        if let page { place += "page \(page): " }
        return "\(place)\(text)"
    }
}
