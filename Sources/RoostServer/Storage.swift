import Disk
import Foundation
import Logging
package import Raft
package import RaftStore
import StateMachine

/// A node's data directory, opened: log, state and snapshots, each as far as it can be trusted.
struct Storage {
    let directory: DataDirectory
    let log: WriteAheadLog
    let snapshots: SnapshotStore
    let state: StateDirectory
    let tables: StateTables
    let machine: Machine

    /// Opens the directory, and begins a cluster of one in an empty one.
    static func open(
        _ configuration: ServerConfiguration,
        logger: Logger
    ) throws(StartProblem) -> Storage {
        do throws(StoreError) {
            let directory = try DataDirectory(configuration.dataDirectory)
            try beginIfNew(directory, configuration, logger)
            let log = try WriteAheadLog.open(directory.logPath)
            logger.info("\(log.recovery)", metadata: ["log": "\(directory.logPath)"])
            let snapshots: SnapshotStore
            do throws(SnapshotError) {
                snapshots = try SnapshotStore(directory: directory.snapshotsPath)
            } catch { throw .database("\(directory.snapshotsPath): \(error)") }
            var settings = StateSettings()
            settings.tablesMax = StateTables.count
            let state = try StateDirectory.open(
                directory.statePath,
                snapshots: snapshots,
                settings: settings
            )
            logger.info("\(state.origin)", metadata: ["state": "\(directory.statePath)"])
            return try Storage(directory, log, snapshots, state)
        } catch {
            throw .storage(error)
        }
    }

    private init(
        _ directory: DataDirectory,
        _ log: WriteAheadLog,
        _ snapshots: SnapshotStore,
        _ state: StateDirectory
    ) throws(StoreError) {
        self.directory = directory
        self.log = log
        self.snapshots = snapshots
        self.state = state
        do throws(StateError) {
            tables = try StateTables.open(state.environment)
            machine = try Machine(environment: state.environment, tables: tables)
        } catch { throw .database("\(directory.statePath): \(error)") }
    }

    private static func beginIfNew(
        _ directory: DataDirectory,
        _ configuration: ServerConfiguration,
        _ logger: Logger
    ) throws(StoreError) {
        guard !WriteAheadLog.exists(directory.logPath) else { return }
        let node = NodeID(1)
        var generator = SystemRandomNumberGenerator()
        let identity = NodeIdentity(
            clusterID: (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) },
            node: node,
            name: configuration.name
        )
        try WriteAheadLog.create(
            directory.logPath,
            identity: identity,
            memberships: [MembershipRecord(index: .zero, membership: Membership(voters: [node]))]
        )
        logger.notice(
            "began a new cluster of one",
            metadata: ["node": "\(configuration.name)", "directory": "\(directory.path)"]
        )
    }

    /// The node must be the one that the directory belongs to, and the state must reach the log.
    func check(_ configuration: ServerConfiguration) throws(StartProblem) {
        let owner = log.identity.name
        guard owner == configuration.name || !configuration.isNameGiven else {
            throw .otherNode(directory: directory.path, owner: owner, name: configuration.name)
        }
        let applied = LogIndex(machine.summary.appliedIndex)
        let first: LogIndex
        let last: LogIndex
        do throws(LogStorageError) {
            first = try log.firstIndex()
            last = try log.lastIndex()
        } catch { throw .log(error) }
        guard applied.next >= first, applied <= last else {
            throw .gap(applied: applied.rawValue, first: first.rawValue, last: last.rawValue)
        }
    }

    /// A UUID that stays with the directory: Consul's node ID.
    var nodeUUID: String {
        var bytes = log.identity.clusterID
        let node = log.identity.node.rawValue
        for place in 0..<8 { bytes[8 + place] ^= UInt8(truncatingIfNeeded: node >> (8 * place)) }
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        let digits = bytes.map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0\(text)" : text
        }
        return [0..<4, 4..<6, 6..<8, 8..<10, 10..<16]
            .map { digits[$0].joined() }
            .joined(separator: "-")
    }
}

/// Why a server does not start.
package enum StartProblem: Error, CustomStringConvertible {
    case storage(StoreError)
    case log(LogStorageError)
    case state(String)
    case otherNode(directory: String, owner: String, name: String)
    case gap(applied: UInt64, first: UInt64, last: UInt64)
    case listen(what: String, address: String, port: Int, reason: String)
    case notReady(seconds: Int64)

    package var description: String {
        switch self {
        case .storage(let error): "\(error)"
        case .log(let error): "the log cannot be read: \(error)"
        case .state(let text): text
        case .otherNode(let directory, let owner, let name):
            "\(directory) belongs to node \(owner), and this one is called \(name); "
                + "give --name \(owner), or another --data-dir"
        case .gap(let applied, let first, let last):
            "the state is applied up to \(applied), and the log holds \(first) to \(last): "
                + "something of the data directory was removed or replaced"
        case .listen(let what, let address, let port, let reason):
            "\(what) cannot listen on \(address):\(port): \(reason)"
        case .notReady(let seconds): "the node did not become ready within \(seconds) s"
        }
    }
}
