package import Disk
package import LMDB

/// What goes wrong with snapshots. None of it touches the log or the state.
package enum SnapshotError: Error, Hashable, Sendable {
    case disk(DiskError)
    /// What is still to come of a snapshot does not fit beside what must stay free.
    case noRoom(path: String, wanted: Int, free: Int)
    /// The state could not be copied.
    case copy(LMDBError)
    case manifest(path: String, reason: String)
    case newerFormat(path: String, found: UInt64, known: UInt64)
    /// The file is not what its manifest says.
    case sizeDiffers(path: String, found: Int, wanted: Int)
    case checksumDiffers(path: String, found: String, wanted: String)
    /// The copy does not say up to which index it is applied.
    case undescribed(path: String, reason: String)
    /// None that verifies.
    case noneVerifies(directory: String)
}

extension SnapshotError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .disk(let error): "\(error)"
        case .noRoom(let path, let wanted, let free):
            "\(path): \(wanted) bytes of a snapshot do not fit: \(free) are free, of which some "
                + "stay for the log and the state"
        case .copy(let error): "copying the state: \(error)"
        case .manifest(let path, let reason): "\(path): \(reason)"
        case .newerFormat(let path, let found, let known):
            "\(path): format \(found) is newer than \(known), the newest this version knows"
        case .sizeDiffers(let path, let found, let wanted):
            "\(path): \(found) bytes, its manifest says \(wanted)"
        case .checksumDiffers(let path, let found, let wanted):
            "\(path): SHA-256 \(found), its manifest says \(wanted)"
        case .undescribed(let path, let reason): "\(path): \(reason)"
        case .noneVerifies(let directory): "\(directory): no snapshot verifies"
        }
    }
}
