/// A safe and typed face of the POSIX calls on files that storage needs: positioned reads and
/// writes, syncs, allocation, locks, renames; and threads of one's own for blocking work.
///
/// Every call does one thing and says by its error what failed on which path. Nothing is retried
/// but interrupted calls (EINTR), and a short write is carried on to its end or its error. A
/// failed sync is never tried again here: after one, nobody knows what the disk holds.
///
/// Map: `File` is an open file, `FileSystem` works on paths, `StandardStream` is what a process
/// says, `SystemIdentity` names the boot, `OwnThread` runs a body, `DiskError` is what goes wrong.
public struct DiskError: Error, Hashable, Sendable {
    /// What was being done.
    public enum Operation: String, Hashable, Sendable {
        case open, read, write, sync, size, truncate, allocate, lock, status, list, rename, remove
        case makeDirectory, pipe, thread, access
    }

    public var operation: Operation
    public var path: String
    public var code: Int32

    public init(_ operation: Operation, _ path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }
}
