import Backup
import ConsulServer
import Disk
import LMDB
import Logging
import NIOPosix
import Raft
import RaftStore
import Replica
import StateMachine
import Synchronization

/// Copies the state for those outside. The copy is made on this node's disk first, at a bounded
/// rate, and sent from there: a client that takes its time would hold a read transaction, and with
/// it all that is overwritten meanwhile. The copy's file has no name while it is sent, and goes
/// with its last reader, however that ends.
final class Exporter: Sendable {
    struct Seams: Sendable {
        let place: StatePlace
        let ledger: LogLedger
        let snapshots: SnapshotStore
        let desk: ReplicaDesk
        let board: StatusBoard
        let identity: NodeIdentity
        let logger: Logger
    }

    private let seams: Seams
    private let copies = Mutex(Copies())

    /// Which copies there are, by their number.
    private struct Copies {
        var isTaken = [Bool](repeating: false, count: ServerLimits.exportsMax)
    }

    init(_ seams: Seams) {
        self.seams = seams
    }

    /// For a client. What the cluster has acknowledged before is in it, unless it may be stale.
    func answer(isStale: Bool) async -> ExportAnswer {
        do {
            if !isStale { try await seams.desk.catchUp() }
            let copy = try await copy()
            let archive = copy.archive
            return .exported(
                Exported(index: copy.index, byteCount: copy.byteCount) { answer in
                    NIOThreadPool.singleton.submit { state in
                        guard state == .active else {
                            return answer(.failure(ExportProblem.stopping))
                        }
                        answer(Result { try archive.next() })
                    }
                }
            )
        } catch let problem as ExportProblem {
            return .failure(.failure(problem.status, problem.description))
        } catch let problem as OperatorProblem {
            return .failure(.failure(problem.status, problem.text))
        } catch {
            seams.logger.error("no snapshot for a client: \(error)")
            return .failure(.failure(500, "\(error)"))
        }
    }

    /// The state as it is here, as an archive that is being read.
    func copy() async throws -> StateCopy {
        let slot = try takeSlot()
        return try await onOwnThread(named: "roost-export") { try self.makeCopy(slot) }
    }

    private func makeCopy(_ slot: ExportSlot) throws -> StateCopy {
        let environment = seams.place.environment
        try checkRoom(for: environment)
        let path = "\(seams.snapshots.directory)/export-\(slot.number).tmp"
        var counts = StateCounts(StateSummary())
        let manifest = try seams.snapshots.copyOut(
            environment,
            to: path,
            bytesPerSecondMax: ServerLimits.snapshotBytesPerSecond
        ) { copy throws(SnapshotError) in
            let (coverage, summary) = try seams.ledger.coverage(
                of: copy,
                at: seams.snapshots.directory
            )
            counts = StateCounts(summary)
            return coverage
        }
        let file = try File(path, .readOnly)
        try FileSystem.remove(path)
        // It may have been found wrong meanwhile.
        if let divergence = seams.board.current.divergence {
            throw ExportProblem.wrong(divergence.text)
        }
        let head = ArchiveHead(
            manifest: manifest,
            clusterID: seams.identity.clusterID,
            node: seams.identity.name,
            time: HostClock.wall(),
            counts: counts
        )
        return StateCopy(
            index: manifest.index.rawValue,
            archive: Archive(try ArchiveWriter(head, state: file), slot)
        )
    }

    /// Before anything is copied: a backup must not take the room of those who write.
    private func checkRoom(for environment: Environment) throws {
        let bytes = (try environment.information().lastPage + 1) * 4_096
        let free = try FileSystem.space(at: seams.snapshots.directory).freeBytes
        let needed = bytes + ServerLimits.exportLeftFreeBytes
        guard free >= needed else {
            throw ExportProblem.noRoom(needed: needed, free: free)
        }
    }

    private func takeSlot() throws -> ExportSlot {
        let number = copies.withLock { copies in
            let number = copies.isTaken.firstIndex(of: false)
            if let number { copies.isTaken[number] = true }
            return number
        }
        guard let number else { throw ExportProblem.busy }
        return ExportSlot(number: number) { [weak self] in
            self?.copies.withLock { $0.isTaken[number] = false }
        }
    }
}

/// A place among the copies that may be there at once; free again when nobody holds it.
final class ExportSlot: Sendable {
    let number: Int
    private let free: @Sendable () -> Void

    init(number: Int, free: @escaping @Sendable () -> Void) {
        self.number = number
        self.free = free
    }

    deinit { free() }
}

/// A copy of the state, and which.
struct StateCopy: Sendable {
    let index: UInt64
    let archive: Archive
    var byteCount: Int { archive.byteCount }
}

/// An archive that is read by one at a time, from any thread.
final class Archive: Sendable {
    let byteCount: Int
    private let writer: Mutex<ArchiveWriter>
    private let slot: ExportSlot

    init(_ writer: consuming sending ArchiveWriter, _ slot: ExportSlot) {
        byteCount = writer.byteCount
        self.writer = Mutex(writer)
        self.slot = slot
    }

    func next() throws(BackupError) -> [UInt8]? {
        try writer.withLock { writer throws(BackupError) in try writer.next() }
    }
}

/// Why there is no copy, in words for who asked.
enum ExportProblem: Error, CustomStringConvertible {
    case busy
    case noRoom(needed: Int, free: Int)
    case wrong(String)
    case stopping

    var status: Int {
        switch self {
        case .busy: 429
        case .noRoom, .wrong, .stopping: 500
        }
    }

    var description: String {
        switch self {
        case .busy:
            "\(ServerLimits.exportsMax) snapshots are being sent already; try again later"
        case .noRoom(let needed, let free):
            "disk full: a copy of the state needs \(needed) bytes, and \(free) are free; ask "
                + "another node"
        case .wrong(let text): text
        case .stopping: "agent is shutting down"
        }
    }
}

extension LogLedger {
    /// What a copy of the state covers, by its own word.
    func coverage(
        of copy: Environment,
        at place: String
    ) throws(SnapshotError) -> (SnapshotCoverage, StateSummary) {
        let summary: StateSummary
        do throws(StateError) { summary = try Self.summary(of: copy) } catch {
            throw .undescribed(path: place, reason: error.description)
        }
        let index = LogIndex(summary.appliedIndex)
        guard let membership = membership(at: index) else {
            let reason = "no membership is known at index \(index.rawValue)"
            throw .undescribed(path: place, reason: reason)
        }
        let term = Term(summary.appliedTerm)
        return (SnapshotCoverage(index: index, term: term, membership: membership), summary)
    }

    private static func summary(of copy: Environment) throws(StateError) -> StateSummary {
        let tables = try StateTables.open(copy, create: false)
        let reading: ReadTransaction
        do { reading = try ReadTransaction(copy) } catch { throw .storage(error) }
        return try StateView(reading.reader, tables: tables).summary
    }
}
