import ArgumentParser
import Raft
import RaftStore
import StateMachine

/// A state that can be read: of a directory as it is or was, or of a snapshot's file.
struct StateSource {
    private enum Content {
        case base(StartingState)
        case scratch(ScratchState)
    }

    private let content: Content
    let index: LogIndex
    let term: Term
    let summary: StateSummary
    /// What it is, in words.
    let text: String
    private let scratch: String

    /// The state of a directory; nil: the newest.
    init(_ replay: Replay, at point: PointInTime?, usesState: Bool) throws {
        let scratch = replay.scratch
        if point == nil, usesState, let newest = try Self.ownState(of: replay) {
            if replay.directory.isServed {
                // A reader that stays keeps the server from using pages again: a copy is quick.
                self.init(try ScratchState(from: newest, in: scratch), scratch: scratch)
            } else {
                self.init(base: newest, scratch: scratch)
            }
            return
        }
        let wanted = try point.map { try replay.index(of: $0) } ?? replay.committed
        guard wanted <= replay.committed else {
            throw InspectionFailure.other(
                "entry \(wanted.rawValue) is not known to be committed; known is up to "
                    + "\(replay.committed.rawValue)"
            )
        }
        let base = try replay.base(for: wanted, usesState: usesState)
        if base.index == wanted, !base.isLive(replay.directory) {
            self.init(base: base, scratch: scratch)
        } else {
            self.init(try replay.state(at: wanted, from: base), scratch: scratch)
        }
    }

    private static func ownState(of replay: Replay) throws -> StartingState? {
        guard let newest = try StartingState.all(of: replay.directory).first(where: \.isOwnState),
            replay.usesDiverged || !newest.isDoubtful, try newest.damage().isEmpty
        else { return nil }
        return newest
    }

    /// The state that a snapshot's file holds.
    init(snapshotAt path: String, scratch: String) throws {
        guard let snapshot = try InspectedSnapshot(at: path) else {
            throw InspectionFailure.noSnapshot(path: path)
        }
        let damage = try snapshot.verify()
        guard damage.isEmpty, let summary = try snapshot.summary() else {
            throw StoreError.damaged(path: snapshot.path, damage)
        }
        self.init(
            base: StartingState(source: .snapshot(snapshot), summary: summary),
            scratch: scratch
        )
    }

    private init(base: StartingState, scratch: String) {
        content = .base(base)
        summary = base.summary
        index = base.index
        term = Term(base.summary.appliedTerm)
        text = base.text
        self.scratch = scratch
    }

    init(_ state: ScratchState, scratch: String) {
        content = .scratch(state)
        summary = state.machine.summary
        index = LogIndex(summary.appliedIndex)
        term = Term(summary.appliedTerm)
        text = "the state after entry \(index.rawValue)"
        self.scratch = scratch
    }

    func read<Result>(_ body: (StateView) throws -> Result) throws -> Result {
        switch content {
        case .base(let base): try base.read(scratch: scratch, body)
        case .scratch(let state): try state.read(body)
        }
    }

    /// As a scratch state, to be changed.
    func writable() throws -> ScratchState {
        switch content {
        case .base(let base): try ScratchState(from: base, in: scratch)
        case .scratch(let state): state
        }
    }
}

extension StartingState {
    /// Whether a running server goes on changing it, so that it is copied before it is read: a
    /// reader that stays keeps the server from using pages again.
    fileprivate func isLive(_ directory: InspectedDirectory) -> Bool {
        isOwnState && directory.isServed
    }
}
