import Bytes
import Raft
import RaftStore
import StateMachine

/// Two nodes' directories, whose states are brought to one entry and compared.
struct DirectoryPair {
    let left: Replay
    let right: Replay
    let log: LogComparison

    init(_ left: String, _ right: String, scratch: String) throws {
        self.left = try Self.replay(left, scratch)
        self.right = try Self.replay(right, scratch)
        log = LogComparison(self.left, self.right)
    }

    static func replay(_ path: String, _ scratch: String) throws -> Replay {
        // What went wrong in a state is what is looked for.
        try Replay(InspectedDirectory(path), scratch: scratch, usesDiverged: true)
    }

    /// The two states after the same entry: each begins from what its server has applied, so that
    /// what went wrong there shows, and the one that is behind goes on by the entries of a log.
    func states() throws -> (left: StateSource, right: StateSource) {
        let first = try StateSource(left, at: nil, usesState: true)
        let second = try StateSource(right, at: nil, usesState: true)
        if first.index == second.index { return (first, second) }
        if first.index < second.index {
            return (try bring(first, of: left, to: second.index, orBy: right), second)
        }
        return (first, try bring(second, of: right, to: first.index, orBy: left))
    }

    private func bring(
        _ source: StateSource,
        of own: Replay,
        to index: LogIndex,
        orBy other: Replay
    ) throws -> StateSource {
        let state = try source.writable()
        let holder = own.log.last >= index ? own : other
        try holder.advance(state, through: index)
        return StateSource(state, scratch: own.scratch)
    }

    /// Whether a state is what its own log makes of the newest snapshot; nil if that cannot be
    /// told, because no snapshot leads there.
    func isFaithful(_ side: Replay, _ source: StateSource) throws -> Bool? {
        let index = LogIndex(try side.directory.stateSummary()?.appliedIndex ?? 0)
        guard index > .zero, index <= side.committed else { return nil }
        let base: StartingState
        do { base = try side.base(for: index, usesState: false) } catch {
            guard case InspectionFailure.unreachable = error else { throw error }
            return nil
        }
        guard base.index < index else { return nil }
        let rebuilt = try side.state(at: index, from: base)
        let own = try StateSource(side, at: nil, usesState: true)
        guard own.index == index else { return nil }
        return try own.read { ownView in
            try rebuilt.read { rebuiltView in
                var isSame = ownView.digest == rebuiltView.digest
                try StateView.forEachDifference(ownView, rebuiltView) { _ in
                    isSame = false
                    return false
                }
                return isSame
            }
        }
    }

    /// The newest entry after which both have a snapshot, and those agree.
    func lastAgreement() throws -> LogIndex? {
        let lefts = try StartingState.all(of: left.directory).filter { !$0.isOwnState }
        let rights = try StartingState.all(of: right.directory).filter { !$0.isOwnState }
        return lefts.first { base in
            base.index > .zero
                && rights.contains {
                    $0.index == base.index && $0.summary.digest == base.summary.digest
                }
        }?.index
    }
}

extension StateView {
    /// Nil where it cannot be read, which a comparison of records tells better.
    fileprivate var digest: UInt64? { try? summary.digest }
}
