package import Disk
package import RaftStore
package import StateMachine

/// Backups: the state of a node in one file, how it is written, read, checked, and begun from.
///
/// The file is a tar in gzip with the members and the sums that Consul's snapshots have, so that
/// `consul snapshot save` and `consul snapshot inspect` work against Roost, and any machine can
/// take it apart. What lies in it is Roost's: a compact copy of the state, as in a node's own
/// snapshots. gzip's blocks are stored and not compressed: the length is known before the first
/// byte, nothing is held in memory, and the copy is taken out at the disk's speed.
///
/// This module talks to nobody and reads no clock. It never changes a state that is served.
///
/// Map: `ArchiveLayout` (byte diagram) and `ArchiveHead` are the file, `ArchiveWriter` and
/// `ArchiveReader` its two directions, piece by piece; `BackupFile` reads one from the disk;
/// `StateCheck` opens what lies in it; `NewCluster` makes a data directory of a state;
/// `BackupShelf` names the files of scheduled backups, and says which are to go.
package enum BackupError: Error, Sendable {
    case disk(DiskError)
    case store(StoreError)
    case state(StateError)
    /// This is no backup of Roost.
    case foreign(String)
    case newerFormat(what: String, found: UInt64, known: UInt64)
    /// The file ends before its end.
    case truncated(at: Int)
    case damaged(String)
    /// Where something new is to be made, something is.
    case occupied(path: String, reason: String)
}

extension BackupError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .disk(let error): "\(error)"
        case .store(let error): "\(error)"
        case .state(let error): "\(error)"
        case .foreign(let reason): "this is no snapshot of Roost: \(reason)"
        case .newerFormat(let what, let found, let known):
            "\(what) has format \(found), and this version knows formats up to \(known): "
                + "use the version of Roost that wrote it, or a later one"
        case .truncated(let offset): "cut off: it ends after \(offset) bytes, before its end"
        case .damaged(let what): "damaged: \(what)"
        case .occupied(let path, let reason): "\(path): \(reason)"
        }
    }

    init(_ error: SnapshotError) {
        if case .disk(let cause) = error {
            self = .disk(cause)
        } else {
            self = .store(StoreError(error))
        }
    }
}

/// Every bound of this module.
enum BackupLimits {
    /// The description and the list of checksums; a few hundred bytes in fact.
    static let memberBytesMax = 1 << 20
    /// How much is read from or written to a file at once.
    static let pieceBytes = 1 << 18
    /// Flaws that a check names.
    static let flawsMax = 20
    /// How deep the description may nest.
    static let jsonDepthMax = 16
}
