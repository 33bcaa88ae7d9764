import Glibc
import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals

/// SIGINT and SIGTERM, from the server's first step until the process is gone: a signal that comes
/// before it serves ends it at once and well, one that comes while it serves stops it in order, and
/// more of them change nothing.
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
    private let tell: AsyncStream<Void>.Continuation

    /// Returns when the signals are taken.
    init(logger: Logger) async {
        (told, tell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let (state, tell) = (state, tell)
        // Never ends, and is not awaited: it holds the signals.
        Task {
            for await signal in signals {
                if state.phase.withLock({ $0 == .starting }) {
                    logger.notice("stopped while starting", metadata: ["signal": "\(signal)"])
                    // Nobody was served yet, and what is on the disk is good at any time.
                    _exit(EXIT_SUCCESS)
                }
                tell.yield()
            }
        }
    }

    /// From now on a signal stops the services in order.
    func begin() { state.phase.withLock { $0 = .serving } }

    /// Until the process is told to stop.
    func run() async {
        for await _ in told.cancelOnGracefulShutdown() { return }
    }
}
