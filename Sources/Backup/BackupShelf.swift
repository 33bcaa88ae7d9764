package import Disk

/// The directory of scheduled backups: how their files are called, and which are to go. What is
/// called otherwise is somebody else's, and stays.
///
///     NODE-YYYYMMDDTHHMMSSZ-INDEX.snap
package struct BackupShelf: Sendable {
    package let directory: String
    private let prefix: String

    package static let ending = ".snap"
    private static let timeBytes = 16

    /// - Parameter node: the node's name; what no file name may hold is replaced.
    package init(directory: String, node: String) {
        self.directory = directory
        let plain = node.map { $0 == "/" || $0 == "\0" ? "_" : $0 }
        prefix = "\(String(plain))-"
    }

    /// - Parameter time: YYYYMMDDTHHMMSSZ, in UTC.
    package func path(at time: String, index: UInt64) -> String {
        "\(directory)/\(prefix)\(time)-\(index)\(Self.ending)"
    }

    /// Where a backup is written before it gets its name.
    package var unfinishedPath: String { "\(directory)/.\(prefix)unfinished" }

    /// The paths of this node's backups, the oldest first.
    package func list() throws(DiskError) -> [String] {
        try FileSystem.list(directory).filter(isOwn).map { "\(directory)/\($0)" }
    }

    /// The time in the name of a backup; nil if it is none of this node's.
    package func time(of path: String) -> String? {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return isOwn(name) ? String(name.dropFirst(prefix.count).prefix(Self.timeBytes)) : nil
    }

    /// Removes the oldest, so that `count` stay; says which.
    /// - Parameter newest: what was written last. Names that are later are older than it, and of a
    ///   clock that was ahead.
    package func prune(keeping count: Int, newest: String) throws(DiskError) -> [String] {
        let all = try list()
        let ahead = all.filter { $0 > newest }
        let old = Array((ahead + all.dropLast(ahead.count)).dropLast(count))
        for path in old { try FileSystem.remove(path) }
        if !old.isEmpty { try FileSystem.syncDirectory(directory) }
        return old
    }

    /// Removes what a crash has left of a backup that was being written.
    package func removeUnfinished() throws(DiskError) {
        try FileSystem.remove(unfinishedPath)
    }

    /// Gives a whole and synced file its name.
    package func publish(at time: String, index: UInt64) throws(DiskError) -> String {
        let path = path(at: time, index: index)
        try FileSystem.rename(unfinishedPath, to: path)
        try FileSystem.syncDirectory(directory)
        return path
    }

    private func isOwn(_ name: String) -> Bool {
        guard name.hasPrefix(prefix), name.hasSuffix(Self.ending) else { return false }
        let rest = Array(name.dropFirst(prefix.count).dropLast(Self.ending.count).utf8)
        guard rest.count > Self.timeBytes + 1 else { return false }
        let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")) ~= byte }
        return rest[..<8].allSatisfy(isDigit) && rest[8] == UInt8(ascii: "T")
            && rest[9..<15].allSatisfy(isDigit) && rest[15] == UInt8(ascii: "Z")
            && rest[16] == UInt8(ascii: "-") && rest[17...].allSatisfy(isDigit)
    }
}
