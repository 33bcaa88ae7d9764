import Commands
import Raft
import RaftStore
import StateMachine

/// A log and a state that entries are written to, many in a step.
struct Filling {
    private let log: WriteAheadLog
    private let snapshots: SnapshotStore
    private let state: StateDirectory?
    private let machine: Machine?
    private let snapshotEvery: Int
    private var workload: Workload

    private static let batchMax = 32_768
    private static let entryRoomBytes = 1_024
    private static let membership = MembershipRecord(
        index: .zero,
        membership: Membership(voters: [NodeID(1)])
    )

    init(
        _ path: String,
        _ workload: Workload,
        snapshotEvery: Int,
        isLogOnly: Bool
    ) throws {
        self.workload = workload
        self.snapshotEvery = snapshotEvery
        let directory = try DataDirectory(path)
        try WriteAheadLog.create(
            directory.logPath,
            identity: NodeIdentity(
                clusterID: [UInt8](repeating: 9, count: 16),
                node: NodeID(1),
                name: "n1"
            ),
            memberships: [Self.membership]
        )
        log = try WriteAheadLog.open(directory.logPath)
        snapshots = try SnapshotStore(directory: directory.snapshotsPath)
        guard !isLogOnly else {
            state = nil
            machine = nil
            return
        }
        var settings = StateSettings()
        settings.tablesMax = StateTables.count
        let state = try StateDirectory.open(
            directory.statePath,
            snapshots: snapshots,
            settings: settings
        )
        let tables = try StateTables.open(state.environment)
        self.state = state
        machine = try Machine(environment: state.environment, tables: tables)
    }

    mutating func run(_ count: Int) throws {
        var index = LogIndex(1)
        try store([Entry(index: index, term: Term(1), kind: .empty)])
        while index.rawValue < UInt64(count) {
            let size = min(Self.batchMax, count - Int(index.rawValue))
            var entries: [Entry] = []
            entries.reserveCapacity(size)
            for _ in 0..<size {
                index = index.next
                let payload = workload.payload(at: index.rawValue)
                entries.append(Entry(index: index, term: Term(1), payload: payload))
            }
            try store(entries)
            try takeSnapshot(index, added: size)
        }
        try log.close()
        try state?.close()
    }

    private func store(_ entries: [Entry]) throws {
        guard let last = entries.last else { return }
        try log.write(
            LogWrite(
                id: .zero,
                hardState: HardState(term: Term(1), vote: NodeID(1), commit: last.index),
                entries: entries
            )
        )
        try log.growth.growAhead()
        guard let state, let machine else { return }
        let bytes = entries.reduce(entries.count * Self.entryRoomBytes) { $0 + $1.payload.count }
        guard try state.ensureRoom(bytes) else {
            throw StoreError.diskFull(path: "state", reason: "no room for the state")
        }
        _ = try machine.apply(
            entries.map { entry in
                CommittedEntry(
                    index: entry.index.rawValue,
                    term: entry.term.rawValue,
                    payload: entry.kind == .normal ? entry.payload : []
                )
            }
        )
    }

    private func takeSnapshot(_ index: LogIndex, added: Int) throws {
        guard let state, snapshotEvery > 0,
            Int(index.rawValue) / snapshotEvery > (Int(index.rawValue) - added) / snapshotEvery
        else { return }
        let manifest = try snapshots.take(of: state.environment, bytesPerSecondMax: nil) { _ in
            SnapshotCoverage(index: index, term: Term(1), membership: Self.membership)
        }
        try log.record(manifest)
    }
}
