package import Bytes

/// ZooKeeper's rules of paths (PathUtils.validatePath).
package enum ZnodePath {
    package static let root: ByteString = "/"

    /// Reads of the empty path are answered with the root, as in the real server, whose tree holds
    /// the root under both names.
    package static func isRoot(_ path: RawSpan) -> Bool {
        path.byteCount == 0 || (path.byteCount == 1 && path[byte: 0] == UInt8(ascii: "/"))
    }
}
