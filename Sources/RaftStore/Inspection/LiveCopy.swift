internal import Disk
internal import LMDB

extension InspectedDirectory {
    /// Copies the directory of a running server as it is now: what a server would find that crashed
    /// at this moment. Files that are written to cannot be copied byte by byte.
    ///
    /// The state is copied before the log and the snapshots after it, so that what the state has
    /// applied is in the log, or in a snapshot from which it can be rebuilt.
    /// - Parameters:
    ///   - target: a directory that is made, or is empty.
    ///   - tell: is told what is copied next.
    /// - Throws: `system` where no server runs, or the target is not empty.
    package func copy(to target: String, tell: (String) -> Void) throws(StoreError) {
        guard isServed else {
            throw .system("\(path): no server runs there; copy it with cp -a --sparse=always")
        }
        let isFresh: Bool
        do {
            try FileSystem.makeDirectory(target)
            isFresh = try FileSystem.list(target).isEmpty
            for name in ["state", "wal", "snapshots"] where isFresh {
                try FileSystem.makeDirectory("\(target)/\(name)")
            }
        } catch { throw StoreError(error) }
        guard isFresh else { throw .system("\(target): this directory is not empty") }
        if let state {
            tell("state")
            try Self.copy(try state.open(), compact: true, to: "\(target)/state")
        }
        tell("log")
        try log.copy(to: "\(target)/wal")
        for snapshot in try snapshots() where snapshot.damage.isEmpty {
            tell("snapshot \(snapshot.name)")
            try Self.copy(snapshot, to: "\(target)/snapshots")
        }
        do { try FileSystem.syncDirectory(target) } catch { throw StoreError(error) }
    }

    /// One that the server removes meanwhile has a newer one beside it, which is copied too.
    private static func copy(_ snapshot: InspectedSnapshot, to target: String) throws(StoreError) {
        let source = String(snapshot.path.dropLast(".mdb".count))
        do throws(DiskError) {
            for ending in ["mdb", "manifest"] {
                let copy = "\(target)/\(snapshot.name).\(ending)"
                try FileSystem.copy("\(source).\(ending)", to: copy)
                try File(copy, .readOnly).sync()
            }
            try FileSystem.syncDirectory(target)
        } catch {
            guard error.isMissing else { throw StoreError(error) }
        }
    }

    /// Writes the newest commit's pages to a data file of their own, which is whole and trusted.
    fileprivate static func copy(
        _ environment: Environment,
        compact: Bool,
        to directory: String
    ) throws(StoreError) {
        let path = "\(directory)/data.mdb"
        var failure: StoreError?
        do {
            let file = try File(path, .replace)
            do { try environment.copy(to: file.descriptor, compact: compact) } catch {
                failure = StoreError(error, path)
            }
            try file.sync()
            try FileSystem.syncDirectory(directory)
        } catch { throw StoreError(error) }
        if let failure { throw failure }
        try TrustMarker(directory: directory).markClean()
    }
}

extension InspectedLog {
    fileprivate func copy(to directory: String) throws(StoreError) {
        guard let environment = file.environment else {
            throw .system("\(self.directory): no server runs there any more")
        }
        // The log's commit record names its transaction, which a compact copy would number anew.
        // For the moment in which its meta pages are copied the server's next commit waits.
        try InspectedDirectory.copy(environment, compact: false, to: directory)
    }
}
