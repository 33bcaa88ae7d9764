import Backup
import Disk
import Foundation
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

    /// A data directory of a new cluster of one node.
    func writeDirectory(_ path: String, name: String) throws -> SnapshotManifest {
        try NewCluster.begin(
            path,
            name: name,
            machine: state.machine,
            environment: state.environment,
            at: index,
            term
        )
    }

    /// A snapshot with its manifest, in a directory that may hold others, and other files: nothing
    /// that lies there is touched.
    func writeSnapshot(
        _ path: String,
        _ membership: MembershipRecord
    ) throws -> SnapshotManifest {
        // A server may be taking one of its own there.
        guard !FileSystem.exists("\(path)/../wal/data.mdb") else {
            throw InspectionFailure.other("\(path): these are a node's own snapshots")
        }
        let store = try SnapshotStore(directory: path)
        // No name that a server, or another of these, may be writing to.
        let temporary = "\(path)/roost-log-\(UUID().uuidString).tmp"
        let manifest = try store.copyOut(
            state.environment,
            to: temporary,
            bytesPerSecondMax: nil
        ) { _ in SnapshotCoverage(index: index, term: term, membership: membership) }
        do throws(SnapshotError) { try store.adopt(temporary, as: manifest) } catch {
            try FileSystem.remove(temporary)
            throw error
        }
        return manifest
    }
}
