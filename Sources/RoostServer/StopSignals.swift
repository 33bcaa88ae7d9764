import Console
import Disk
import Glibc
import Logging
import RaftStore
import ServiceLifecycle
import Synchronization

/// SIGINT and SIGTERM, from the server's first step until the process is gone: a signal that comes
/// before it serves ends it at once and well, one that comes while it serves stops it in order, and
/// more of them change nothing. SIGHUP, which ends nothing.
///
/// `ServiceGroup` listens only while it runs, which is from after "serving" was told.
struct StopSignals: Service {
    private enum Phase {
        case starting
        case serving
    }

    private final class State: Sendable {
        let phase = Mutex(Phase.starting)
    }

    private let state = State()
    private let told: AsyncStream<Void>
    /// For one reader. Of those that come while he is busy, one is kept.
    let hangups: AsyncStream<Void>

    /// Returns when the signals are taken.
    init(logger: Logger) throws(StartProblem) {
        let told = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let hangups = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        (self.told, self.hangups) = (told.stream, hangups.stream)
        let state = state
        do throws(DiskError) {
            try SignalEar.listen([SIGINT, SIGTERM, SIGHUP]) { signal in
                if signal == SIGHUP {
                    hangups.continuation.yield()
                } else if state.phase.withLock({ $0 == .starting }) {
                    let name = signal == SIGINT ? "SIGINT" : "SIGTERM"
                    logger.notice("stopped while starting", metadata: ["signal": "\(name)"])
                    // Nobody was served yet, and what is on the disk is good at any time.
                    _exit(EXIT_SUCCESS)
                } else {
                    told.continuation.yield()
                }
            }
        } catch { throw .storage(.system("\(error)")) }
    }

    /// From now on a signal stops the services in order.
    func begin() { state.phase.withLock { $0 = .serving } }

    /// Until the process is told to stop.
    func run() async {
        for await _ in told.cancelOnGracefulShutdown() { return }
    }
}
