import ConsulProtocol
import ConsulServer
import Logging
import NIOCore
import RaftStore
import Replica
import Synchronization

/// Answers what is asked about this node itself. It waits for nobody, and so it answers also where
/// the disk stalls or no leader is known.
final class NodeDesk: Sendable {
    private let engine: Engine
    private let volume: LogVolume
    private let logger: Logger
    private let isLeaving = Atomic<Bool>(false)
    /// Sets the level back when its time is over.
    private let reversion = Mutex<Reversion?>(nil)

    private struct Reversion {
        var task: Scheduled<Void>
        /// Monotonic milliseconds.
        var due: Int64
    }

    init(_ engine: Engine, _ volume: LogVolume, _ logger: Logger) {
        self.engine = engine
        self.volume = volume
        self.logger = logger
    }

    /// From now on clients are to be sent elsewhere.
    func leave() { isLeaving.store(true, ordering: .relaxed) }

    func answer(_ inquiry: NodeInquiry) -> OperatorAnswer {
        switch inquiry {
        case .health(let inquiry): HealthReport.answer(inquiry, vitals)
        case .logLevel: level
        case .setLogLevel(let name, let milliseconds): set(name, milliseconds)
        }
    }

    private var vitals: Vitals {
        let measures = engine.measures
        var vitals = Vitals(
            now: HostClock.monotonic(),
            replicaTurnedAt: measures.raft?.asOf,
            loopsTurnedAt: engine.loops.turnedAt,
            status: engine.board.current
        )
        vitals.isLogFull = measures.growth.sizes.isDiskFull
        vitals.isStateFull = measures.isStateFull.load(ordering: .relaxed)
        vitals.isLeaving = isLeaving.load(ordering: .relaxed)
        return vitals
    }

    // MARK: The log's level

    private var level: OperatorAnswer {
        let due = reversion.withLock { $0?.due }
        var json = JSONWriter()
        json.beginObject()
        json.member("Level", "\(volume.level)")
        json.member("Configured", "\(volume.configured)")
        let left = due.map { max(0, $0 - HostClock.monotonic() + 999) / 1_000 } ?? 0
        json.member("RevertsInSeconds", UInt64(left))
        json.endObject()
        return OperatorAnswer(status: 200, body: json.bytes)
    }

    private func set(_ name: String, _ milliseconds: Int64?) -> OperatorAnswer {
        guard let level = Logger.Level(rawValue: name) else {
            let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            return .failure(400, "there is no log level \"\(name)\"; there are \(names)")
        }
        let bounds = 1...ServerLimits.logLevelMillisecondsMax
        if let milliseconds, !bounds.contains(milliseconds) {
            return .failure(400, "?duration= must be above 0 and at most 24h")
        }
        reversion.withLock { reversion in
            reversion?.task.cancel()
            reversion = nil
            volume.level = level
            guard let milliseconds else { return }
            let due = HostClock.monotonic() + milliseconds
            let task = engine.loops.doors[0].loop.scheduleTask(in: .milliseconds(milliseconds)) {
                self.revert(due)
            }
            reversion = Reversion(task: task, due: due)
        }
        logger.notice(
            "log level set",
            metadata: [
                "to": "\(level)",
                "for": "\(milliseconds.map { "\($0 / 1_000) s" } ?? "good")",
            ]
        )
        return self.level
    }

    /// Unless it was set again since.
    private func revert(_ due: Int64) {
        let isDone = reversion.withLock { reversion in
            guard reversion?.due == due else { return false }
            reversion = nil
            volume.level = volume.configured
            return true
        }
        if isDone { logger.notice("log level set back", metadata: ["to": "\(volume.level)"]) }
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: String, _ text: String) {
        self.name(name)
        string(text)
    }
}
