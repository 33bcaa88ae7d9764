import Bytes
import Commands
import LMDB
import Raft
import RaftStore
import StateMachine

/// Something that a state can be rebuilt from.
struct StartingState {
    enum Source {
        /// An empty state, before entry 1.
        case nothing
        case snapshot(InspectedSnapshot)
        /// What the server itself has applied.
        case state(InspectedState)
    }

    let source: Source
    let summary: StateSummary
    /// The node's state was found to differ from the cluster's, and this is that state, or a
    /// snapshot of it from after the last point where it was equal.
    var isDoubtful = false
    var index: LogIndex { LogIndex(summary.appliedIndex) }

    /// Whether it is what the server has applied, and not a snapshot.
    var isOwnState: Bool {
        if case .state = source { return true }
        return false
    }

    static var nothing: StartingState { StartingState(source: .nothing, summary: StateSummary()) }

    var text: String {
        switch source {
        case .nothing: "the empty state"
        case .snapshot(let snapshot): "snapshot \(snapshot.name)"
        case .state: "the state as it lies there"
        }
    }

    /// Every base of a directory that says of itself what it is, the newest first. They are
    /// verified only when they are used.
    static func all(of directory: InspectedDirectory) throws -> [StartingState] {
        let equalAt = try directory.divergence?.equalAt
        var bases: [StartingState] = []
        if let state = directory.state, state.trust.isTrusted || directory.isServed {
            // A state of before its first entry holds no summary.
            if let summary = try state.summary() {
                var base = StartingState(source: .state(state), summary: summary)
                base.isDoubtful = equalAt != nil
                bases.append(base)
            }
        }
        for snapshot in try directory.snapshots()
        where snapshot.damage.isEmpty && snapshot.fileBytes != nil {
            if let summary = try snapshot.wholeSummary() {
                var base = StartingState(source: .snapshot(snapshot), summary: summary)
                base.isDoubtful = equalAt.map { base.index > $0 } ?? false
                bases.append(base)
            }
        }
        bases.append(.nothing)
        return bases.sorted { $0.index > $1.index }
    }

    /// What is wrong with it.
    func damage() throws -> [Damage] {
        switch source {
        case .nothing: []
        case .snapshot(let snapshot): try snapshot.verify()
        case .state(let state): try state.verifyPages().map { [$0] } ?? []
        }
    }

    /// Reads it as it is.
    func read<Result>(
        scratch: String,
        _ body: (StateView) throws -> Result
    ) throws -> Result {
        let environment: Environment
        switch source {
        case .nothing: return try ScratchState(from: self, in: scratch).read(body)
        case .snapshot(let snapshot): environment = try snapshot.open()
        case .state(let state): environment = try state.open()
        }
        let tables = try StateTables.open(environment, create: false)
        let transaction = try ReadTransaction(environment)
        return try body(StateView(transaction.reader, tables: tables))
    }
}
