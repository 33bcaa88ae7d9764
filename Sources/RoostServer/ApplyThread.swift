import Bytes
import Commands
import Disk
import LMDB
import Logging
import Raft
import RaftStore
import Replica
import StateMachine
import Synchronization

/// The thread that applies committed entries to the state while the log's thread waits for the
/// disk. A few entries, when nothing else is to be applied, the log's thread applies by itself: a
/// client that is alone would only wait for one more thread to wake.
///
/// `@unchecked Sendable`: `applier`, `state` and `isShort` are touched only under `turn`, and by
/// `stop` after the thread was joined and the log's thread has ended; `thread` is written by
/// `start` before anyone else has the value.
final class ApplyThread: @unchecked Sendable {
    struct Seams: Sendable {
        let orders: Mailbox<ApplyOrder>
        let bell: Bell
        let replica: Mailbox<ReplicaInput>
        let place: StatePlace
        let measures: NodeMeasures
        let logger: Logger
        let failure: Failure
    }

    private let seams: Seams
    private let applier: Applier
    private var state: StateDirectory
    private let isStopping = Atomic<Bool>(false)
    /// Held from the taking of orders until they are carried out.
    private let turn = Mutex(())
    private var thread: OwnThread?
    private var isShort = false

    init(applier: Applier, state: StateDirectory, seams: Seams) {
        self.applier = applier
        self.state = state
        self.seams = seams
    }

    func start() throws {
        // Before anybody applies: it says what the state is now.
        seams.replica.post(.report(applier.firstReport))
        thread = try OwnThread(named: "roost-apply") { self.run() }
    }

    /// Applies what was ordered, closes the state, and returns when the thread is done. The log's
    /// thread must have ended.
    func stop() throws {
        isStopping.store(true, ordering: .releasing)
        seams.bell.ring()
        thread?.join()
        try state.close()
    }

    /// Carries the order out here and now, if it is small and nothing is to be done before it; else
    /// it is for the thread. Called by the log's thread, the only one that orders: an empty box,
    /// seen during a turn, therefore means that all earlier orders are carried out.
    func order(_ order: ApplyOrder) throws(ReplicaError) {
        if order.isSmall {
            let isDone = try turn.withLockIfAvailable { _ throws(ReplicaError) in
                guard seams.orders.isEmpty, try attempt(order) else { return false }
                try keepReserve()
                return true
            }
            if isDone == true { return }
        }
        seams.orders.post(order)
    }

    private func run() {
        do throws(ReplicaError) {
            while true {
                let isLast = isStopping.load(ordering: .acquiring)
                let (isDone, isShort) = try turn.withLock { _ throws(ReplicaError) in
                    (try carryOutAll(), self.isShort)
                }
                if isLast || !isDone { return }
                seams.bell.wait(
                    milliseconds: isShort ? ServerLimits.roomRetryMilliseconds : 1_000
                )
            }
        } catch {
            seams.failure.end(FailureText.replica(error))
        }
    }

    /// False if the process ends before an order found room: what comes after needs it.
    private func carryOutAll() throws(ReplicaError) -> Bool {
        let joined = Applier.join(
            seams.orders.takeAll(),
            entriesMax: ServerLimits.appliedEntriesMax
        )
        for order in joined {
            guard try isPerformed(order) else { return false }
        }
        try keepReserve()
        return true
    }

    /// A batch that finds no room is cut in two, and one that is a single entry waits for it: what
    /// is committed must be applied, and in order. False at the process's end, when it need not: it
    /// is in the log, and is applied after the next start.
    private func isPerformed(_ order: ApplyOrder) throws(ReplicaError) -> Bool {
        while try !attempt(order) {
            if case .apply(let batch) = order, let (first, second) = batch.halves {
                guard try isPerformed(.apply(first)) else { return false }
                return try isPerformed(.apply(second))
            }
            report(isShort: true)
            if isStopping.load(ordering: .acquiring) { return false }
            seams.bell.wait(milliseconds: ServerLimits.roomRetryMilliseconds)
        }
        return true
    }

    /// Has writes refused as long as the reserve cannot be allocated.
    private func keepReserve() throws(ReplicaError) {
        do { report(isShort: try !state.ensureRoom(ServerLimits.stateReserveBytes)) } catch {
            throw .log(error)
        }
    }

    private func report(isShort: Bool) {
        guard isShort != self.isShort else { return }
        self.isShort = isShort
        seams.measures.isStateFull.store(isShort, ordering: .relaxed)
        if isShort {
            let reason = "no space left on the device for the state"
            seams.logger.error("\(reason); writes are refused until there is")
            seams.replica.post(.stateRoom(reason))
        } else {
            seams.logger.notice("the state has room again")
            seams.replica.post(.stateRoom(nil))
        }
    }

    /// False if there is no room.
    private func attempt(_ order: ApplyOrder) throws(ReplicaError) -> Bool {
        guard try hasRoom(for: order) else { return false }
        let began = HostClock.microseconds()
        if case .apply(let batch) = order { seams.measures.applying(batch.entries, at: began) }
        do throws(ReplicaError) {
            if let report = try carryOut(order) { seams.replica.post(.report(report)) }
            if case .apply(let batch) = order {
                seams.measures.applied(batch.entries, since: began)
            }
            return true
        } catch {
            switch error {
            case .state(.storage(.diskFull)), .state(.storage(.mapFull)), .log(.diskFull):
                return false
            default: throw error
            }
        }
    }

    private func carryOut(_ order: ApplyOrder) throws(ReplicaError) -> ApplyReport? {
        switch order {
        case .install(let manifest): return try install(manifest)
        case .refill(let manifest):
            do throws(StoreError) { try seams.place.keepOnly(manifest) } catch { throw .log(error) }
            return try install(manifest)
        case .apply, .barrier, .chores: return try applier.perform(order)
        }
    }

    /// Readers of the old state keep it until they have turned to the new one.
    private func install(_ manifest: SnapshotManifest) throws(ReplicaError) -> ApplyReport {
        let began = HostClock.monotonic()
        do throws(StoreError) { state = try seams.place.install(manifest) } catch {
            throw .log(error)
        }
        let tables: StateTables
        let machine: Machine
        do throws(StateError) {
            tables = try StateTables.open(state.environment)
            machine = try state.machine(tables)
        } catch { throw .state(error) }
        let report = try applier.replace(
            machine: machine,
            tables: tables,
            environment: state.environment
        )
        seams.measures.rare.snapshotInstalled(milliseconds: HostClock.monotonic() - began)
        seams.logger.notice(
            "the leader's snapshot is installed",
            metadata: [
                "snapshot": "\(manifest.name)", "bytes": "\(manifest.byteCount)",
                "milliseconds": "\(HostClock.monotonic() - began)",
            ]
        )
        return report
    }

    private func hasRoom(for order: ApplyOrder) throws(ReplicaError) -> Bool {
        guard case .apply(let batch) = order else { return true }
        var bytes = 0
        for entry in batch.entries { bytes += entry.payload.count + ServerLimits.entryStateBytes }
        do { return try state.ensureRoom(bytes) } catch { throw .log(error) }
    }
}

extension ApplyOrder {
    /// Whether to carry it out takes no longer than to wake another thread. The log's thread also
    /// keeps the heartbeats going: what may take long is not for it, however short its entry.
    fileprivate var isSmall: Bool {
        switch self {
        case .apply(let batch):
            batch.entries.count <= ServerLimits.appliedAtOnceMax && !batch.startsLeases
                && batch.entries.allSatisfy(\.isSmall)
        case .barrier: true
        case .install, .refill, .chores: false
        }
    }
}

extension Entry {
    fileprivate var isSmall: Bool {
        guard kind == .normal else { return true }
        return payload.count <= ServerLimits.appliedAtOnceBytesMax
            && CommandKind(of: payload.rawSpan)?.isBounded == true
    }
}

extension StateDirectory {
    /// What applies entries here, and finds room for what they come to touch.
    func machine(_ tables: StateTables) throws(StateError) -> Machine {
        try Machine(environment: environment, tables: tables) { page throws(StateError) in
            let hasRoom: Bool
            do throws(StoreError) { hasRoom = try self.ensureRoom(behindPage: page) } catch {
                throw .file("\(error)")
            }
            if !hasRoom { throw .storage(.diskFull(.put)) }
        }
    }
}

/// Where the state is, and which environment holds it now; a snapshot puts another in its place.
final class StatePlace: Sendable {
    private let path: String
    private let snapshots: SnapshotStore
    private let current: Mutex<Environment>

    init(_ storage: Storage) {
        path = storage.directory.statePath
        snapshots = storage.snapshots
        current = Mutex(storage.state.environment)
    }

    var environment: Environment { current.withLock { $0 } }

    func keepOnly(_ manifest: SnapshotManifest) throws(StoreError) {
        do throws(SnapshotError) { try snapshots.keepOnly(manifest) } catch {
            throw StoreError(error)
        }
    }

    func install(_ manifest: SnapshotManifest) throws(StoreError) -> StateDirectory {
        let state = try StateDirectory.install(
            manifest,
            at: path,
            snapshots: snapshots,
            settings: Storage.stateSettings
        )
        current.withLock { $0 = state.environment }
        return state
    }
}
