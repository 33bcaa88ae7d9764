import Bytes
import Commands
import Raft
import RaftStore
import StateMachine

/// Rebuilds the state of a directory as it was after some entry: from the newest base at or before
/// it, and the log, by the rules that the server itself applies.
struct Replay {
    let directory: InspectedDirectory
    let scratch: String
    /// The entries that the log holds, and those that are known to be committed.
    let log: LogRange
    let committed: LogIndex
    /// Whether a state that was found to differ from the cluster's is taken too.
    let usesDiverged: Bool

    init(_ directory: InspectedDirectory, scratch: String, usesDiverged: Bool = false) throws {
        self.directory = directory
        self.usesDiverged = usesDiverged
        self.scratch = scratch
        let applied = try directory.stateSummary() ?? StateSummary()
        let contents = try directory.log.contents()
        guard let commit = contents.commit else {
            throw InspectionFailure.noCommit(path: directory.path)
        }
        let log = LogRange(first: commit.firstIndex, last: commit.lastIndex)
        self.log = log
        let voters = contents.memberships.last?.membership
        let isAlone = voters.map { !$0.isJoint && $0.incoming.count == 1 } ?? false
        // What the only voter has stored is committed.
        let known = isAlone ? commit.lastIndex : commit.hardState.commit
        let index = LogIndex(applied.appliedIndex)
        // A state that a leader sent says nothing of what the log has instead.
        let isOfLog = try index < log.first || Self.holds(applied, in: log, of: directory)
        committed = min(commit.lastIndex, isOfLog ? max(known, index) : known)
    }

    // MARK: Bases

    /// The newest base at or before `index` from which the log leads there without a gap, and
    /// which verifies; the state itself only if `usesState`. A doubtful one is taken last, and
    /// only where that is asked for.
    func base(for index: LogIndex, usesState: Bool = true) throws -> StartingState {
        var passed: [String] = []
        let all = try StartingState.all(of: directory).filter { $0.index <= index }
        for base in all.filter({ !$0.isDoubtful }) + all.filter(\.isDoubtful) {
            if base.isOwnState, !usesState { continue }
            guard base.index == index || base.index.next >= log.first else { continue }
            guard usesDiverged || !base.isDoubtful else {
                passed.append(
                    "\(base.text) is left out, since this node's state was found to differ from "
                        + "the cluster's (--use-diverged takes it)"
                )
                continue
            }
            guard try base.index == index || holds(base) else {
                passed.append("the log does not go on from \(base.text)")
                continue
            }
            let damage = try base.damage()
            if damage.isEmpty { return base }
            passed.append("\(base.text) is damaged (\(damage[0]))")
        }
        throw InspectionFailure.unreachable(
            index: index.rawValue,
            reach: try reach(),
            passed: passed
        )
    }

    /// Whether the log leads on from a base: holds the very entry that it ends with, or begins
    /// behind it.
    func holds(_ base: StartingState) throws -> Bool {
        try base.index.next == log.first || Self.holds(base.summary, in: log, of: directory)
    }

    /// Whether the log holds the very entry that a state ends with. One that is damaged there says
    /// nothing against it.
    private static func holds(
        _ summary: StateSummary,
        in log: LogRange,
        of directory: InspectedDirectory
    ) throws -> Bool {
        let index = LogIndex(summary.appliedIndex)
        guard index >= log.first, index <= log.last else { return false }
        var isSame = true
        try directory.log.forEachEntry(index...index) { item in
            if case .entry(let entry) = item {
                isSame = entry.term.rawValue == summary.appliedTerm
            }
            return false
        }
        return isSame
    }

    /// What can be reached, in words.
    private func reach() throws -> String {
        let bases = try StartingState.all(of: directory).filter { base in
            if case .nothing = base.source { return log.first == LogIndex(1) }
            return true
        }
        let points = bases.map { "\($0.index.rawValue) (\($0.text))" }.joined(separator: ", ")
        return "the log holds entries \(log.first.rawValue) to \(log.last.rawValue), and there "
            + "are states at \(points.isEmpty ? "none" : points)"
    }

    // MARK: Going on

    /// A scratch state after `index`, begun from a base at or before it.
    func state(at index: LogIndex, from base: StartingState) throws -> ScratchState {
        let state = try ScratchState(from: base, in: scratch)
        guard state.machine.summary.appliedIndex <= index.rawValue else {
            // A running server has gone on while it was copied.
            return try self.state(at: index, from: self.base(for: index, usesState: false))
        }
        try advance(state, through: index)
        return state
    }

    /// Applies the entries after what the state has applied, up to `index`. An entry of which
    /// `isBreak` says so is applied alone, and `pause` is called when it is.
    func advance(
        _ state: ScratchState,
        through index: LogIndex,
        isBreak: (CommittedEntry) -> Bool = { _ in false },
        pause: (AppliedBatch, CommittedEntry) throws -> Void = { _, _ in }
    ) throws {
        let applied = LogIndex(state.machine.summary.appliedIndex)
        guard applied < index else { return }
        guard applied.next >= log.first, index <= log.last else {
            throw InspectionFailure.unreachable(
                index: index.rawValue,
                reach: try reach(),
                passed: []
            )
        }
        var run = ReplayRun(state, through: index, count: index.rawValue - applied.rawValue)
        try directory.log.forEachEntry(applied.next...index) { run.add($0, isBreak, pause) }
        try run.finish()
        guard state.machine.summary.appliedIndex == index.rawValue else {
            throw InspectionFailure.other(
                "the log ends at entry \(state.machine.summary.appliedIndex), "
                    + "before \(index.rawValue)"
            )
        }
    }

    /// The entries of a replay on their way to the state.
    private struct ReplayRun {
        private let state: ScratchState
        private let first: UInt64
        private let count: UInt64
        private let progress = Progress("replayed")
        private var pending: [CommittedEntry] = []
        private var bytes = 0
        private var failure: (any Error)?

        init(_ state: ScratchState, through index: LogIndex, count: UInt64) {
            self.state = state
            self.count = count
            first = index.rawValue - count
        }

        mutating func add(
            _ item: LogItem,
            _ isBreak: (CommittedEntry) -> Bool,
            _ pause: (AppliedBatch, CommittedEntry) throws -> Void
        ) -> Bool {
            do {
                guard case .entry(let entry) = item else {
                    if case .damage(let damage, _) = item {
                        throw InspectionFailure.damagedOnTheWay("\(damage)")
                    }
                    return false
                }
                let committed = CommittedEntry(entry)
                if isBreak(committed) {
                    try flush()
                    let bytes = committed.payload.count
                    try pause(try state.apply([committed], bytes: bytes), committed)
                } else {
                    pending.append(committed)
                    bytes += committed.payload.count
                    if pending.count >= InspectorLimits.replayEntriesMax
                        || bytes >= InspectorLimits.replayBytesMax
                    {
                        try flush()
                    }
                }
                progress.note(entry.index.rawValue - first, of: count)
                return true
            } catch {
                failure = error
                return false
            }
        }

        private mutating func flush() throws {
            guard !pending.isEmpty else { return }
            try state.apply(pending, bytes: bytes)
            pending.removeAll(keepingCapacity: true)
            bytes = 0
        }

        mutating func finish() throws {
            defer { progress.end() }
            if let failure { throw failure }
            try flush()
        }
    }
}

extension CommittedEntry {
    /// As the server's applier has it: what only Raft understands has no payload.
    init(_ entry: Entry) {
        self.init(
            index: entry.index.rawValue,
            term: entry.term.rawValue,
            payload: entry.kind == .normal ? entry.payload : []
        )
    }
}
