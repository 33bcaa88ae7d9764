internal import Disk
internal import LMDB

extension InspectedDirectory {
    /// Copies the directory of a running server as it is now: what a server would find that crashed
    /// at this moment. Files that are written to cannot be copied byte by byte.
    ///
    /// The state is copied before the log, so that the log leads on from it; and the snapshots
    /// before and after, so that if the server lets go of old entries meanwhile, the snapshot that
    /// covers them is there. Where the server has removed one by then that the copied log has on
    /// record, the log is copied again.
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
            // Asked before and after: the state may be found wrong meanwhile, or be replaced.
            let before = try divergence
            try Self.copy(try state.open(), compact: true, to: "\(target)/state")
            if let found = try divergence ?? before {
                try DivergenceMarker(directory: "\(target)/state").write(
                    equalAt: found.equalAt,
                    differsAt: found.differsAt
                )
            }
            try Self.seal("\(target)/state")
        }
        try copySnapshots(to: "\(target)/snapshots", tell)
        try copyLog(to: target, tell)
        try Self.seal("\(target)/wal")
        do { try FileSystem.syncDirectory(target) } catch { throw StoreError(error) }
    }

    /// Reached only where snapshots come and go faster than one is copied.
    private static let logCopiesMax = 20

    private func copyLog(to target: String, _ tell: (String) -> Void) throws(StoreError) {
        let copy = "\(target)/wal"
        for _ in 1...Self.logCopiesMax {
            tell("log")
            try log.copy(to: copy)
            try copySnapshots(to: "\(target)/snapshots", tell)
            let recorded = try InspectedLog(directory: copy, isServed: false).contents().manifests
            // What is left out because it is damaged is missed, and found so, in the copy too.
            let known = try snapshots() + InspectedSnapshot.list("\(target)/snapshots")
            let isWhole = recorded.allSatisfy { manifest in
                known.contains { $0.isRecorded(as: manifest) }
            }
            if isWhole { return }
        }
        throw .system(
            "\(path): the server has removed a snapshot before it could be copied, "
                + "\(Self.logCopiesMax) times; copy it at a time of fewer writes"
        )
    }

    /// An open file stays whole when its name goes, and what its manifest says is known already:
    /// so all are opened first. One that the server has removed by then is left out.
    private func copySnapshots(to target: String, _ tell: (String) -> Void) throws(StoreError) {
        var found: [OpenSnapshot] = []
        for snapshot in try snapshots() where snapshot.damage.isEmpty {
            guard let manifest = snapshot.manifest,
                !FileSystem.exists("\(target)/\(snapshot.name).manifest")
            else { continue }
            do throws(DiskError) {
                let file = try File(snapshot.path, .readOnly)
                found.append(OpenSnapshot(snapshot.name, manifest, file))
            } catch {
                guard error.isMissing else { throw StoreError(error) }
            }
        }
        for snapshot in found {
            tell("snapshot \(snapshot.name)")
            try snapshot.copy(to: target)
        }
    }

    /// Writes the newest commit's pages to a data file of their own.
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
        } catch { throw StoreError(error) }
        if let failure { throw failure }
    }

    /// What was copied is whole and on the disk, and trusted from now on.
    private static func seal(_ directory: String) throws(StoreError) {
        do {
            try File("\(directory)/data.mdb", .readOnly).sync()
            try FileSystem.syncDirectory(directory)
        } catch { throw StoreError(error) }
        try TrustMarker(directory: directory).markClean()
    }
}

/// A snapshot of a running server whose file is held, whatever the server does with its name.
private final class OpenSnapshot {
    let name: String
    private let manifest: SnapshotManifest
    private let file: File

    init(_ name: String, _ manifest: SnapshotManifest, _ file: consuming File) {
        self.name = name
        self.manifest = manifest
        self.file = file
    }

    func copy(to directory: String) throws(StoreError) {
        let path = "\(directory)/\(name)"
        let encoded: [UInt8]
        do { encoded = try manifest.encoded() } catch {
            throw .system("\(name): \(error)")
        }
        do {
            try FileSystem.copy(file, to: "\(path).mdb")
            try File("\(path).mdb", .readOnly).sync()
            try FileSystem.replace("\(path).manifest", with: encoded, in: directory)
        } catch { throw StoreError(error) }
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
