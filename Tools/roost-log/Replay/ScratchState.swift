import Disk
import Foundation
import LMDB
import RaftStore
import StateMachine

/// A state of its own that entries are applied to, in files that nobody else sees: they lose their
/// names as soon as they are open, so that they go with the process however it ends.
final class ScratchState {
    let machine: Machine
    let tables: StateTables
    var environment: Environment { state.environment }
    private let state: StateDirectory

    /// - Parameters:
    ///   - base: the state's file to begin from; nil: an empty state.
    ///   - place: the directory to lie in.
    init(from base: StartingState, in place: String) throws {
        let directory = "\(place)/roost-log-\(UUID().uuidString)"
        defer { Self.removeNames(directory) }
        var settings = StateSettings()
        settings.tablesMax = StateTables.count
        switch base.source {
        case .nothing:
            state = try StateDirectory.scratch(directory, copyOf: nil, settings: settings)
        case .snapshot(let snapshot):
            state = try StateDirectory.scratch(directory, copyOf: snapshot.path, settings: settings)
        case .state(let found):
            try FileSystem.makeDirectory(directory)
            try Self.copy(found, to: "\(directory)/copy.mdb")
            state = try StateDirectory.scratch(
                "\(directory)/state",
                copyOf: "\(directory)/copy.mdb",
                settings: settings
            )
        }
        tables = try StateTables.open(state.environment)
        machine = try Machine(environment: state.environment, tables: tables)
    }

    private static func copy(_ state: InspectedState, to path: String) throws {
        let environment = try state.open()
        let target = try File(path, .replace)
        try environment.copy(to: target.descriptor, compact: true)
    }

    private static func removeNames(_ directory: String) {
        do {
            try FileSystem.removeDirectory("\(directory)/state")
            try FileSystem.removeDirectory(directory)
        } catch { Output.complain("\(directory) stays behind: \(error)") }
    }

    /// Applies entries in one step.
    @discardableResult
    func apply(_ entries: [CommittedEntry], bytes: Int) throws -> AppliedBatch {
        // Without the room, writing to the map would end the process.
        guard try state.ensureRoom(bytes + entries.count * Self.entryRoomBytes) else {
            throw InspectionFailure.other("no room for the scratch state; see --scratch")
        }
        return try machine.apply(entries)
    }

    private static let entryRoomBytes = 1_024

    /// Reads what is applied.
    func read<Result>(_ body: (StateView) throws -> Result) throws -> Result {
        let transaction = try ReadTransaction(environment)
        return try body(StateView(transaction.reader, tables: tables))
    }
}
