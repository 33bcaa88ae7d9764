import Backup
import Disk
import Foundation
import Logging
package import Raft
package import RaftStore
import Replica
import StateMachine
package import TransportSecurity

/// A node's data directory, opened: log, state and snapshots, each as far as it can be trusted.
struct Storage {
    let directory: DataDirectory
    let log: WriteAheadLog
    let snapshots: SnapshotStore
    let state: StateDirectory
    let tables: StateTables
    let machine: Machine

    /// Opens the directory, and makes what is missing in a new one.
    static func open(
        _ directory: DataDirectory,
        _ configuration: ServerConfiguration,
        logger: Logger
    ) throws(StartProblem) -> Storage {
        do throws(StoreError) {
            try NewNode(configuration, logger).begin(directory)
            try directory.distrustStateOfUnsyncedLog()
            let log = try WriteAheadLog.open(directory.logPath)
            logger.info("\(log.recovery)", metadata: ["log": "\(directory.logPath)"])
            do throws(BackupError) { try NewCluster.removeLeftovers(directory) } catch {
                logger.warning("what a restore has left stays behind: \(error)")
            }
            let snapshots: SnapshotStore
            do throws(SnapshotError) {
                snapshots = try SnapshotStore(directory: directory.snapshotsPath)
                try snapshots.removeLeftovers()
            } catch { throw .database("\(directory.snapshotsPath): \(error)") }
            let storage = try openState(directory, log, snapshots)
            logger.info("\(storage.state.origin)", metadata: ["state": "\(directory.statePath)"])
            return try storage.repaired(logger)
        } catch {
            throw .storage(error)
        }
    }

    /// With a state and a log that go together, where a stop came between two steps of taking over
    /// a leader's snapshot.
    private func repaired(_ logger: Logger) throws(StoreError) -> Storage {
        switch try dueRepair {
        case .keep: return self
        case .beginBehind(let newest):
            try log.beginBehind(newest)
            return self
        case .install(let covering):
            logger.notice(
                "the log begins behind a snapshot that the state lacks; it is installed now",
                metadata: ["snapshot": "\(covering.name)"]
            )
            let state = try StateDirectory.install(
                covering,
                at: directory.statePath,
                snapshots: snapshots,
                settings: Self.stateSettings
            )
            return try Storage(directory, log, snapshots, state).repaired(logger)
        }
    }

    private var dueRepair: StartRepair {
        get throws(StoreError) {
            let ends: (first: LogIndex, last: LogIndex)
            do throws(LogStorageError) {
                ends = (try log.firstIndex(), try log.lastIndex())
            } catch { throw .database("\(directory.logPath): \(error)") }
            return try StartRepair.due(
                applied: applied,
                first: ends.first,
                last: ends.last,
                term: term(at:)
            ) { () throws(StoreError) in
                do throws(SnapshotError) { return try snapshots.newestVerified() } catch {
                    throw StoreError(error)
                }
            }
        }
    }

    private var applied: (index: LogIndex, term: Term) {
        (LogIndex(machine.summary.appliedIndex), Term(machine.summary.appliedTerm))
    }

    private func term(at index: LogIndex) throws(StoreError) -> Term {
        do throws(LogStorageError) { return try log.term(at: index) } catch {
            throw .database("\(directory.logPath): \(error)")
        }
    }

    /// What was found of the state before the last stop.
    var divergence: Divergence? {
        get throws(StartProblem) {
            let marker = DivergenceMarker(directory: directory.statePath)
            do throws(StoreError) {
                return try marker.read().map {
                    Divergence(equalAt: $0.equalAt, differsAt: $0.differsAt)
                }
            } catch { throw .storage(error) }
        }
    }

    static var stateSettings: StateSettings {
        var settings = StateSettings()
        settings.tablesMax = StateTables.count
        return settings
    }

    private static func openState(
        _ directory: DataDirectory,
        _ log: WriteAheadLog,
        _ snapshots: SnapshotStore
    ) throws(StoreError) -> Storage {
        let state = try StateDirectory.open(
            directory.statePath,
            snapshots: snapshots,
            settings: stateSettings
        )
        return try Storage(directory, log, snapshots, state)
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
            machine = try state.machine(tables)
        } catch { throw .database("\(directory.statePath): \(error)") }
    }

    /// The node must be the one that the directory belongs to, and the state must reach the log.
    func check(_ configuration: ServerConfiguration) throws(StartProblem) {
        let owner = log.identity.name
        guard owner == configuration.name || !configuration.isNameGiven else {
            throw .otherNode(directory: directory.path, owner: owner, name: configuration.name)
        }
        guard configuration.cluster.count <= 1 || !log.standing.members.isEmpty else {
            throw .clusterOfOne(directory: directory.path)
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
        do throws(StoreError) {
            let held = try term(at: applied)
            guard held.rawValue == machine.summary.appliedTerm else {
                throw .database(
                    "\(directory.statePath): entry \(applied.rawValue) is of term "
                        + "\(machine.summary.appliedTerm), and of \(held.rawValue) in the log: "
                        + "something of the data directory was replaced"
                )
            }
        } catch { throw .storage(error) }
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
    case clusterOfOne(directory: String)
    case foundedWithout(peer: String)
    case join(String)
    case gap(applied: UInt64, first: UInt64, last: UInt64)
    case listen(what: String, address: String, port: Int, reason: String)
    case notReady(seconds: Int64)
    case tls(CredentialProblem)

    /// Whether what the operator said is wrong, so that another start ends in the same way.
    package var isConfiguration: Bool {
        switch self {
        case .otherNode, .clusterOfOne, .tls: true
        case .storage, .log, .state, .foundedWithout, .join, .gap, .listen, .notReady: false
        }
    }

    package var description: String {
        switch self {
        case .storage(let error): "\(error)"
        case .log(let error): "the log cannot be read: \(error)"
        case .state(let text): text
        case .otherNode(let directory, let owner, let name):
            "\(directory) belongs to node \(owner), and this one is called \(name); "
                + "give --name \(owner), or another --data-dir"
        case .clusterOfOne(let directory):
            "\(directory) belongs to a cluster of one, and --cluster names more; start this node "
                + "without --cluster, and the new ones with --join and its peer address"
        case .foundedWithout(let peer):
            "\(peer) began the cluster with another data directory of this node, or has begun one "
                + "of its own; if this node lost its disk, remove it from the cluster "
                + "(roost raft remove) and start it with --join"
        case .join(let text): text
        case .gap(let applied, let first, let last):
            "the state is applied up to \(applied), and the log holds \(first) to \(last): "
                + "something of the data directory was removed or replaced"
        case .listen(let what, let address, let port, let reason):
            "\(what) cannot listen on \(address):\(port): \(reason)"
        case .tls(let problem): "TLS cannot begin: \(problem)"
        case .notReady(let seconds): "the node did not become ready within \(seconds) s"
        }
    }
}
