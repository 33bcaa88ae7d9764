import Disk
import LMDB
import Logging
import Raft
import RaftStore
import Replica
import StateMachine
import Synchronization

/// The thread that does what can wait and would make others wait: lengthens the log's file ahead
/// of need, and takes snapshots.
///
/// `@unchecked Sendable`: what is mutable is atomic, or touched only by `run`, which runs once, on
/// its thread; but for `thread`, which `start` writes before anyone else has the value.
final class KeeperThread: @unchecked Sendable {
    struct Seams: Sendable {
        let growth: FileGrowth
        let ledger: LogLedger
        let snapshots: SnapshotStore
        let place: StatePlace
        let measures: NodeMeasures
        let board: StatusBoard
        let logger: Logger
        let failure: Failure
        /// The least log between two snapshots.
        let logBytesMin: Int
    }

    private let seams: Seams
    private let replica: Mailbox<ReplicaInput>
    private let bell = Bell()
    private let isStopping = Atomic<Bool>(false)
    private let isSnapshotWanted = Atomic<Bool>(false)
    private var thread: OwnThread?
    private var isTroubled = false
    private var isShort = false
    /// When a snapshot may be tried again after one that failed.
    private var nextSnapshot: Int64 = 0
    private var nextClearing: Int64 = 0
    /// What was on record when files were last removed.
    private var pruned: [SnapshotManifest] = []

    init(seams: Seams, replica: Mailbox<ReplicaInput>) {
        self.seams = seams
        self.replica = replica
    }

    func start() throws {
        thread = try OwnThread(named: "roost-keeper") { self.run() }
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        bell.ring()
        thread?.join()
    }

    /// Has a snapshot taken now, whatever the log weighs; from any thread.
    func takeSnapshot() {
        isSnapshotWanted.store(true, ordering: .releasing)
        bell.ring()
    }

    private func run() {
        while !isStopping.load(ordering: .acquiring) {
            do throws(StoreError) { try seams.growth.growAhead() } catch {
                seams.failure.end("the log's file cannot be lengthened: \(error)")
            }
            tellOfRoom()
            pruneIfDue()
            clearReadersIfDue()
            takeSnapshotIfDue()
            bell.wait(milliseconds: ServerLimits.keeperMilliseconds)
        }
    }

    /// When writes begin to be refused for want of room, and when they are taken again.
    private func tellOfRoom() {
        switch seams.growth.room {
        case .normal:
            if isShort { seams.logger.notice("the log has room again") }
            isShort = false
        case .low(let reason), .none(let reason):
            if !isShort {
                seams.logger.error(
                    "no space for the log; writes are refused until there is: \(reason)"
                )
            }
            isShort = true
        }
    }

    /// Once others are on record, one's own or a leader's. Files that cannot be removed cost room
    /// and nothing else; the next change tries again.
    private func pruneIfDue() {
        let recorded = seams.ledger.snapshots
        guard recorded != pruned else { return }
        pruned = recorded
        do throws(SnapshotError) { try seams.snapshots.prune(onRecord: recorded) } catch {
            seams.logger.error("old snapshots cannot be removed: \(error)")
        }
    }

    /// While a snapshot of the leader's is on record and not installed yet, the state is one of
    /// which the log knows nothing any more.
    private var isBeingReplaced: Bool {
        guard let newest = seams.ledger.snapshots.last else { return false }
        return newest.index.rawValue > seams.board.current.applied
    }

    /// When the log since the last snapshot outweighs the state: then copying costs at most as
    /// much again as writing did. A snapshot that fails is tried again later, also one that was
    /// asked for. Not at once: one that finds too little room has filled for a moment the disk that
    /// the log lies on too. One of a wrong state would be of no use.
    private func takeSnapshotIfDue() {
        guard HostClock.monotonic() >= nextSnapshot, seams.board.current.divergence == nil,
            !isBeingReplaced
        else { return }
        let logBytes = seams.ledger.bytes
        let isWanted = isSnapshotWanted.exchange(false, ordering: .acquiringAndReleasing)
        guard isWanted || (logBytes >= seams.logBytesMin && logBytes >= stateBytes) else { return }
        let environment = seams.place.environment
        let began = HostClock.monotonic()
        do throws(SnapshotError) {
            // While the copy fills the disk nobody lengthens the log's file.
            try SnapshotStore.checkRoom(
                for: stateBytes,
                leaving: ServerLimits.snapshotLeftFreeBytes,
                at: seams.snapshots.directory
            )
            let manifest = try seams.snapshots.take(
                of: environment,
                bytesPerSecondMax: ServerLimits.snapshotBytesPerSecond,
                describe: { copy throws(SnapshotError) in
                    try seams.ledger.coverage(of: copy, at: seams.snapshots.directory).0
                }
            )
            // The state may have been replaced or found wrong meanwhile.
            guard environment === seams.place.environment, seams.board.current.divergence == nil
            else { return try seams.snapshots.remove(manifest) }
            seams.ledger.settle(logBytes)
            seams.measures.rare.snapshotTaken(
                milliseconds: HostClock.monotonic() - began,
                bytes: manifest.byteCount
            )
            replica.post(.snapshotTaken(manifest))
            isTroubled = false
        } catch {
            seams.measures.rare.snapshotFailed()
            if !isTroubled {
                seams.logger.error("no snapshot could be taken; the log grows: \(error)")
            }
            isTroubled = true
            nextSnapshot = HostClock.monotonic() + ServerLimits.snapshotRetryMilliseconds
            if isWanted { isSnapshotWanted.store(true, ordering: .releasing) }
        }
    }

    /// Frees what a reader that was ended, such as `roost-log dump | head`, holds of log and state.
    private func clearReadersIfDue() {
        let now = HostClock.monotonic()
        guard now >= nextClearing else { return }
        nextClearing = now + ServerLimits.readerCheckMilliseconds
        do {
            try seams.growth.clearStaleReaders()
            try seams.place.environment.clearStaleReaders()
        } catch { seams.logger.error("readers that are gone cannot be looked for: \(error)") }
    }

    private var stateBytes: Int {
        guard let information = try? seams.place.environment.information() else { return .max }
        return (information.lastPage + 1) * 4_096
    }
}
