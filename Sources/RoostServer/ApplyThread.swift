import Disk
import LMDB
import Logging
import Raft
import RaftStore
import Replica
import StateMachine
import Synchronization

/// The thread that applies committed entries to the state while the log's thread waits for the
/// disk.
///
/// `@unchecked Sendable`: `applier` and `state` are touched only by `run`, which runs once, on its
/// thread, and by `close` after that thread was joined.
final class ApplyThread: @unchecked Sendable {
    struct Seams: Sendable {
        let orders: Mailbox<ApplyOrder>
        let bell: Bell
        let replica: Mailbox<ReplicaInput>
        let logger: Logger
        let failure: Failure
    }

    private let seams: Seams
    private let applier: Applier
    private let state: StateDirectory
    private let isStopping = Atomic<Bool>(false)
    private var thread: OwnThread?
    private var isShort = false

    init(applier: Applier, state: StateDirectory, seams: Seams) {
        self.applier = applier
        self.state = state
        self.seams = seams
    }

    func start() throws {
        thread = try OwnThread(named: "roost-apply") { self.run() }
    }

    /// Applies what was ordered, closes the state, and returns when the thread is done.
    func stop() throws {
        isStopping.store(true, ordering: .releasing)
        seams.bell.ring()
        thread?.join()
        try state.close()
    }

    private func run() {
        do throws(ReplicaError) {
            while true {
                let isLast = isStopping.load(ordering: .acquiring)
                let joined = Applier.join(
                    seams.orders.takeAll(),
                    entriesMax: ServerLimits.appliedEntriesMax
                )
                for order in joined { try perform(order) }
                if isLast { return }
                try keepReserve()
                seams.bell.wait(
                    milliseconds: isShort ? ServerLimits.roomRetryMilliseconds : 1_000
                )
            }
        } catch {
            seams.failure.end(FailureText.replica(error))
        }
    }

    /// A batch that finds no room waits for it: what is committed must be applied, and in order.
    /// At the process's end it need not: it is in the log, and is applied after the next start.
    private func perform(_ order: ApplyOrder) throws(ReplicaError) {
        while try !attempt(order) {
            report(isShort: true)
            if isStopping.load(ordering: .acquiring) { return }
            seams.bell.wait(milliseconds: ServerLimits.roomRetryMilliseconds)
        }
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
        do throws(ReplicaError) {
            if let report = try applier.perform(order) { seams.replica.post(.report(report)) }
            return true
        } catch {
            guard case .state(.storage(let cause)) = error else { throw error }
            switch cause {
            case .diskFull, .mapFull: return false
            default: throw error
            }
        }
    }

    private func hasRoom(for order: ApplyOrder) throws(ReplicaError) -> Bool {
        guard case .apply(let batch) = order else { return true }
        var bytes = 0
        for entry in batch.entries { bytes += entry.payload.count + ServerLimits.entryStateBytes }
        do { return try state.ensureRoom(bytes) } catch { throw .log(error) }
    }
}
