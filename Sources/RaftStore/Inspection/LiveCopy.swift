internal import Disk
internal import LMDB

extension InspectedDirectory {
    /// Copies the directory of a running server as it is now: what a server would find that crashed
    /// at this moment. Files that are written to cannot be copied byte by byte.
    ///
    /// The state is copied before the log, so that the log leads on from it; and the snapshots
    /// before and after, so that if the server lets go of old entries meanwhile, the snapshot that
    /// covers them is there.
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
        try copySnapshots(to: "\(target)/snapshots", tell)
        tell("log")
        try log.copy(to: "\(target)/wal")
        try copySnapshots(to: "\(target)/snapshots", tell)
        do { try FileSystem.syncDirectory(target) } catch { throw StoreError(error) }
    }

    private func copySnapshots(to target: String, _ tell: (String) -> Void) throws(StoreError) {
        for snapshot in try snapshots() where snapshot.damage.isEmpty {
            guard !FileSystem.exists("\(target)/\(snapshot.name).manifest") else { continue }
            tell("snapshot \(snapshot.name)")
            try Self.copy(snapshot, to: target)
        }
    }

    /// One that the server removes meanwhile is left out. An open file stays whole when its name
    /// goes, and what its manifest says is known already.
    private static func copy(_ snapshot: InspectedSnapshot, to target: String) throws(StoreError) {
        guard let manifest = snapshot.manifest else { return }
        let encoded: [UInt8]
        do { encoded = try manifest.encoded() } catch {
            throw .system("\(snapshot.name): \(error)")
        }
        let copy = "\(target)/\(snapshot.name)"
        do throws(DiskError) {
            try FileSystem.copy(snapshot.path, to: "\(copy).mdb")
            try File("\(copy).mdb", .readOnly).sync()
            try FileSystem.replace("\(copy).manifest", with: encoded, in: target)
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
