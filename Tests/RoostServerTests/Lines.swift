import Logging
import Synchronization

/// Keeps what is logged.
final class Lines: Sendable {
    let all = Mutex<[Logger.Metadata]>([])

    var logger: Logger { Logger(label: "t") { _ in Handler(lines: self) } }

    private struct Handler: LogHandler {
        let lines: Lines
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { lines.all.withLock { $0.append(event.metadata ?? [:]) } }
    }
}
