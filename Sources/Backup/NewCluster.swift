import Disk
package import LMDB
package import Raft
package import RaftStore
package import StateMachine

/// Makes the data directory of a new cluster of one node from a state: it begins behind the state,
/// with a name of its own, so that no node of the cluster that the state is of talks to it. The
/// others are then made by joining.
package enum NewCluster {
    /// Where the log lies until all is there: a directory is somebody's as soon as it has a log,
    /// and a crash must not leave one whose log begins elsewhere than its state.
    private static let unfinishedLog = "begun"
    private static let unpacked = "restoring"

    /// From a state that is open for writing; it is changed.
    /// - Parameter index: the last entry that the state has applied, and its term.
    package static func begin(
        _ path: String,
        name: String,
        machine: Machine,
        environment: Environment,
        at index: LogIndex,
        _ term: Term
    ) throws(BackupError) -> SnapshotManifest {
        try making(path) { directory throws(BackupError) in
            do throws(StoreError) {
                return try fill(directory, name, machine, environment, index, term)
            } catch { throw .store(error) }
        }
    }

    /// From a backup, which is verified first.
    package static func restore(
        _ file: BackupFile,
        to path: String,
        name: String,
        progress: (Int) -> Void = { _ in }
    ) throws(BackupError) -> ArchiveHead {
        try making(path) { directory throws(BackupError) in
            try unpack(file, to: directory, name, progress)
        }
    }

    /// Holds a directory while it is filled. Where that fails, nothing is left.
    private static func making<Made>(
        _ path: String,
        _ fill: (DataDirectory) throws(BackupError) -> Made
    ) throws(BackupError) -> Made {
        try checkIsNew(path)
        let wasThere = FileSystem.exists(path)
        // What another process holds by now is not ours to undo.
        let directory: DataDirectory
        do throws(StoreError) { directory = try DataDirectory(path) } catch { throw .store(error) }
        // Held also while what was made is removed.
        defer { extendLifetime(directory) }
        guard !WriteAheadLog.exists(directory.logPath), !FileSystem.exists("\(path)/\(unpacked)")
        else { throw .occupied(path: path, reason: "something has begun there meanwhile") }
        do throws(BackupError) { return try fill(directory) } catch {
            let cause = error
            do throws(DiskError) { try undo(path, keepsDirectory: wasThere) } catch {
                throw .store(.system("\(cause); and what was made stays behind: \(error)"))
            }
            throw cause
        }
    }

    private static func unpack(
        _ file: BackupFile,
        to directory: DataDirectory,
        _ name: String,
        _ progress: (Int) -> Void
    ) throws(BackupError) -> ArchiveHead {
        let place = "\(directory.path)/\(unpacked)"
        do throws(DiskError) {
            try FileSystem.makeDirectory(place)
            try FileSystem.syncDirectory(directory.path)
        } catch { throw .disk(error) }
        let head = try file.read(stateTo: "\(place)/data.mdb", progress: progress)
        try StateCheck.run(head, stateAt: "\(place)/data.mdb")
        do throws(StoreError) {
            var settings = StateSettings()
            settings.tablesMax = StateTables.count
            let state = try StateDirectory.scratch(place, copyOf: nil, settings: settings)
            let environment = state.environment
            guard try state.ensureRoom(changeBytes) else {
                throw .diskFull(path: place, reason: "no room to change the state")
            }
            let machine: Machine
            do throws(StateError) {
                machine = try Machine(
                    environment: environment,
                    tables: StateTables.open(environment)
                )
            } catch { throw .database("\(place): \(error)") }
            let (index, term) = (head.manifest.index, head.manifest.term)
            _ = try fill(directory, name, machine, environment, index, term)
        } catch { throw .store(error) }
        do throws(DiskError) { try FileSystem.removeDirectory(place) } catch { throw .disk(error) }
        return head
    }

    /// What it takes to forget the members.
    private static let changeBytes = 1 << 16

    private static func fill(
        _ directory: DataDirectory,
        _ name: String,
        _ machine: Machine,
        _ environment: Environment,
        _ index: LogIndex,
        _ term: Term
    ) throws(StoreError) -> SnapshotManifest {
        do throws(StateError) { try machine.forgetMembers() } catch {
            throw .database("\(directory.path): \(error)")
        }
        let node = NodeID(1)
        let voters = Membership(voters: [node])
        let manifest: SnapshotManifest
        do throws(SnapshotError) {
            let store = try SnapshotStore(directory: directory.snapshotsPath)
            manifest = try store.take(of: environment, bytesPerSecondMax: nil) { _ in
                SnapshotCoverage(
                    index: index,
                    term: term,
                    membership: MembershipRecord(index: index, membership: voters)
                )
            }
        } catch { throw StoreError(error) }
        let unfinished = "\(directory.path)/\(unfinishedLog)"
        try WriteAheadLog.create(
            unfinished,
            identity: NodeIdentity(clusterID: randomID(), node: node, name: name),
            memberships: [MembershipRecord(index: .zero, membership: voters)]
        )
        let log = try WriteAheadLog.open(unfinished)
        try log.beginBehind(manifest)
        try log.close()
        do throws(DiskError) {
            try FileSystem.rename(unfinished, to: directory.logPath)
            try FileSystem.syncDirectory(directory.path)
        } catch { throw .system(error.description) }
        return manifest
    }

    private static func randomID() -> [UInt8] {
        (0..<16).map { _ in UInt8.random(in: .min ... .max) }
    }

    private static func checkIsNew(_ path: String) throws(BackupError) {
        guard FileSystem.exists(path) else { return }
        let names: [String]
        do throws(DiskError) { names = try FileSystem.list(path) } catch { throw .disk(error) }
        guard !names.isEmpty else { return }
        // With a log it is somebody's, whatever else a restore has left there.
        let isUnfinished =
            !names.contains("wal") && (names.contains(unpacked) || names.contains(unfinishedLog))
        throw .occupied(
            path: path,
            reason: isUnfinished
                ? "what a restore that was cut short has left; remove it and begin again"
                : "it is there already, and not empty"
        )
    }

    /// Removes what a restore has left that was killed when its log had its name already: all was
    /// there by then. For the server that holds the directory.
    package static func removeLeftovers(_ directory: DataDirectory) throws(BackupError) {
        guard WriteAheadLog.exists(directory.logPath) else { return }
        do throws(DiskError) {
            try FileSystem.removeDirectory("\(directory.path)/\(unpacked)")
        } catch { throw .disk(error) }
    }

    /// The log first: what has none is nobody's.
    private static func undo(_ path: String, keepsDirectory: Bool) throws(DiskError) {
        let made = ["wal", unpacked, unfinishedLog, "\(unfinishedLog).new", "state", "snapshots"]
        for name in made { try FileSystem.removeDirectory("\(path)/\(name)") }
        try FileSystem.remove("\(path)/LOCK")
        if !keepsDirectory { try FileSystem.removeDirectory(path) }
    }
}
