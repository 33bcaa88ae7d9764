import Foundation
import LMDB
import Raft
import RaftStore
import Replica
import StateMachine

/// Where a machine keeps its state and its snapshots: real files, in a directory in memory.
///
/// Every process opens the state at a path of its own, so that one that is still being taken down
/// never shares a file with its successor.
final class StateHome {
    let snapshots: SnapshotStore
    private let directory: String
    /// Said of the state that is there; it goes with it.
    var divergence: Divergence?
    /// A mutant has spoiled a state here.
    var hasRotted = false
    private var number = 0
    /// The state's directory; nil: it was lost.
    private var current: String?

    init(directory: String) throws {
        self.directory = directory
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        snapshots = try SnapshotStore(directory: "\(directory)/snapshots")
    }

    /// An opened state.
    struct State {
        let environment: Environment
        let tables: StateTables
        let machine: Machine
    }

    /// Opens what is there, or what the newest snapshot holds, or an empty state.
    func open() throws -> State {
        if let current { return try Self.open(current) }
        let path = try makeDirectory()
        _ = try StateDirectory.rebuild(path, snapshots, reason: "simulated")
        current = path
        return try Self.open(path)
    }

    /// Puts a snapshot in the state's place.
    func install(_ manifest: SnapshotManifest) throws -> State {
        let path = try makeDirectory()
        try snapshots.restore(manifest, to: "\(path)/data.mdb")
        remove(current)
        current = path
        divergence = nil
        return try Self.open(path)
    }

    /// Keeps a snapshot's file readable at the answered path, as an open descriptor does.
    func hold(_ manifest: SnapshotManifest) throws -> String {
        number += 1
        let path = "\(directory)/held-\(number)"
        try FileManager.default.linkItem(atPath: snapshots.path(of: manifest), toPath: path)
        return path
    }

    /// Throws the state away; the next one to open it begins from a snapshot.
    func loseState() {
        remove(current)
        current = nil
    }

    /// The disk is replaced by an empty one.
    func loseAll() {
        loseState()
        divergence = nil
        do { for manifest in try snapshots.list() { try snapshots.remove(manifest) } } catch {
            preconditionFailure("the simulator's own directory: \(error)")
        }
    }

    /// The state moves to a fresh path, for the next process.
    func keepState() {
        guard let old = current else { return }
        do {
            let path = try makeDirectory()
            try FileManager.default.copyItem(
                atPath: "\(old)/data.mdb",
                toPath: "\(path)/data.mdb"
            )
            current = path
        } catch {
            current = nil
        }
        remove(old)
    }

    private func makeDirectory() throws -> String {
        number += 1
        let path = "\(directory)/state-\(number)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    private func remove(_ path: String?) {
        guard let path else { return }
        do { try FileManager.default.removeItem(atPath: path) } catch {
            preconditionFailure("the simulator's own directory: \(error)")
        }
    }

    private static func open(_ path: String) throws -> State {
        var options = EnvironmentOptions()
        options.mapBytes = 128 << 20
        options.tablesMax = StateTables.count
        options.isUnsynced = true
        let environment = try Environment(path: path, options: options)
        let tables = try StateTables.open(environment)
        let machine = try Machine(environment: environment, tables: tables)
        return State(environment: environment, tables: tables, machine: machine)
    }
}
