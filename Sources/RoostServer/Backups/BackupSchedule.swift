import Backup
import Bytes
import Disk
import Foundation
import Logging
import ServiceLifecycle

/// Writes a backup of this node's state into a directory now and then, and removes the oldest. The
/// names of the files say when the last one was taken, so that a restart does not begin anew.
///
/// What fails is said once in the log, counted, and tried again.
struct BackupSchedule: Service {
    /// What an operator says about it.
    struct Plan: Sendable {
        var directory: String
        var intervalSeconds: Int
        var keptMax: Int
    }

    private let plan: Plan
    private let shelf: BackupShelf
    private let exporter: Exporter
    private let figures: RareFigures
    private let logger: Logger

    init(_ plan: Plan, _ engine: Engine, logger: Logger) {
        self.plan = plan
        self.logger = logger
        shelf = BackupShelf(directory: plan.directory, node: engine.nodeName)
        exporter = engine.exporter
        figures = engine.measures.rare
    }

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await keepOn() }
        } catch is CancellationError {
            return
        }
    }

    private func keepOn() async throws {
        var isTroubled = false
        var pauseSeconds = 0
        var lastTaken: Int64?
        while true {
            try await Task.sleep(for: .seconds(pauseSeconds))
            do {
                pauseSeconds = try dueSeconds(lastTaken)
                guard pauseSeconds == 0 else { continue }
                let path = try await take()
                lastTaken = HostClock.monotonic()
                try prune(after: path)
                isTroubled = false
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                figures.backupFailed()
                if !isTroubled {
                    logger.error(
                        "a backup could not be written, or an old one not removed",
                        metadata: ["directory": "\(plan.directory)", "reason": "\(error)"]
                    )
                }
                isTroubled = true
                pauseSeconds = min(plan.intervalSeconds, ServerLimits.backupRetrySeconds)
            }
        }
    }

    /// Until the next one is due.
    /// - Parameter lastTaken: when this process took one; it counts where a clock that was set back
    ///   makes the names useless.
    private func dueSeconds(_ lastTaken: Int64?) throws -> Int {
        try FileSystem.makeDirectory(plan.directory)
        try shelf.removeUnfinished()
        if let lastTaken {
            let spent = Int((HostClock.monotonic() - lastTaken) / 1_000)
            return max(0, plan.intervalSeconds - spent)
        }
        // A name whose month is 13 says no time, as if there were none.
        guard let newest = try shelf.list().last, let text = shelf.time(of: newest),
            let time = try? Date(text, strategy: Self.timeFormat)
        else { return 0 }
        let age = Date.now.timeIntervalSince(time)
        guard age >= 0 else { return 0 }
        figures.backupFound(at: time.timeIntervalSince1970)
        return max(0, plan.intervalSeconds - Int(age))
    }

    private func take() async throws -> String {
        let began = HostClock.monotonic()
        let copy = try await exporter.copy()
        try await write(copy)
        let time = Date.now.formatted(Self.timeFormat)
        let path = try shelf.publish(at: time, index: copy.index)
        figures.backupWritten(
            milliseconds: HostClock.monotonic() - began,
            bytes: copy.byteCount,
            at: HostClock.wall()
        )
        logger.info(
            "backup written",
            metadata: ["file": "\(path)", "index": "\(copy.index)", "bytes": "\(copy.byteCount)"]
        )
        return path
    }

    private func prune(after path: String) throws {
        for old in try shelf.prune(keeping: plan.keptMax, newest: path) {
            logger.info("old backup removed", metadata: ["file": "\(old)"])
        }
    }

    private func write(_ copy: StateCopy) async throws {
        let path = shelf.unfinishedPath
        try await onOwnThread(named: "roost-backup") {
            do {
                let file = try File(path, .replace)
                var offset = 0
                while let piece = try copy.archive.next() {
                    try file.write(piece.rawSpan, at: offset)
                    offset += piece.count
                }
                try file.sync()
            } catch {
                // Half a backup on a full disk helps nobody.
                try FileSystem.remove(path)
                throw error
            }
        }
    }

    /// YYYYMMDDTHHMMSSZ.
    private static let timeFormat = Date.ISO8601FormatStyle(
        dateSeparator: .omitted,
        timeSeparator: .omitted
    )
}
