internal import Glibc

extension DiskError: CustomStringConvertible {
    public var description: String {
        "\(path): \(reason)"
    }

    /// The same without the path.
    public var reason: String { "\(operation): \(unsafe String(cString: strerror(code)))" }
}

extension DiskError {
    /// No room on the file system, or none left of the quota.
    public var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }
    /// Nothing is at the path.
    public var isMissing: Bool { code == ENOENT }
    /// Whoever read from a pipe has gone.
    public var isEndedPipe: Bool { code == EPIPE }
    /// The file system cannot do this at all.
    public var isUnsupported: Bool { code == EOPNOTSUPP || code == ENOSYS || code == EINVAL }
}

/// Runs a call that answers -1 and sets errno, again after an interruption.
func checked<T: SignedInteger>(
    _ operation: DiskError.Operation,
    _ path: String,
    _ call: () -> T
) throws(DiskError) -> T {
    while true {
        let result = call()
        if result >= 0 { return result }
        let code = errno
        if code != EINTR { throw DiskError(operation, path, code: code) }
    }
}
