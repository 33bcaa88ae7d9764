import Disk
import Raft
import RaftStore
import StateMachine

/// A state written out, so that servers can begin from it.
struct NewBeginning {
    let state: ScratchState
    private let index: LogIndex
    private let term: Term

    init(_ source: StateSource) throws {
        guard source.index > .zero else {
            throw InspectionFailure.other("there is nothing before entry 1 to begin from")
        }
        state = try source.writable()
        index = source.index
        term = source.term
    }

    /// A data directory of a new cluster of one node, which begins behind the state: with a name of
    /// its own, so that no node of the old cluster talks to it.
    func writeDirectory(_ path: String, name: String) throws -> SnapshotManifest {
        try Self.checkIsNew(path)
        try state.machine.forgetMembers()
        let node = NodeID(1)
        let membership = MembershipRecord(index: index, membership: Membership(voters: [node]))
        let directory = try DataDirectory(path)
        let manifest = try take(in: directory.snapshotsPath, membership)
        var generator = SystemRandomNumberGenerator()
        try WriteAheadLog.create(
            directory.logPath,
            identity: NodeIdentity(
                clusterID: (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) },
                node: node,
                name: name
            ),
            memberships: [
                MembershipRecord(index: .zero, membership: Membership(voters: [node]))
            ]
        )
        let log = try WriteAheadLog.open(directory.logPath)
        try log.beginBehind(manifest)
        try log.close()
        return manifest
    }

    /// A snapshot with its manifest, in a directory that may hold others.
    func writeSnapshot(
        _ path: String,
        _ membership: MembershipRecord
    ) throws -> SnapshotManifest {
        // A server may be taking one of its own there.
        guard !FileSystem.exists("\(path)/../wal/data.mdb") else {
            throw InspectionFailure.other("\(path): these are a node's own snapshots")
        }
        return try take(in: path, membership)
    }

    private func take(
        in path: String,
        _ membership: MembershipRecord
    ) throws -> SnapshotManifest {
        let store = try SnapshotStore(directory: path)
        return try store.take(of: state.environment, bytesPerSecondMax: nil) { _ in
            SnapshotCoverage(index: index, term: term, membership: membership)
        }
    }

    private static func checkIsNew(_ path: String) throws {
        guard FileSystem.exists(path) else { return }
        guard try FileSystem.list(path).isEmpty else {
            throw InspectionFailure.other("\(path): it is there already, and not empty")
        }
    }
}
