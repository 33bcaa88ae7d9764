import Disk
package import Logging
import Synchronization

/// How a server logs: to standard error, as text for people or JSON lines for programs.
package enum ServerLog {
    /// Call once, before the first logger is made.
    /// - Returns: what changes the level of all loggers while the server runs.
    package static func bootstrap(_ configuration: ServerConfiguration) -> LogVolume {
        let volume = LogVolume(configuration.logLevel)
        let isJSON = configuration.isLogJSON
        LoggingSystem.bootstrap { label in
            let handler: any LogHandler =
                isJSON
                ? JSONLineHandler(label: label) : StreamLogHandler.standardError(label: label)
            return VolumeHandler(handler: handler, volume: volume)
        }
        return volume
    }
}

/// How much is logged, by all loggers of the process.
package final class LogVolume: Sendable {
    package let configured: Logger.Level
    /// The level's place among all.
    private let current: Atomic<Int>

    package init(_ level: Logger.Level) {
        configured = level
        current = Atomic(Self.place(of: level))
    }

    package var level: Logger.Level {
        get { Logger.Level.allCases[current.load(ordering: .relaxed)] }
        set { current.store(Self.place(of: newValue), ordering: .relaxed) }
    }

    private static func place(of level: Logger.Level) -> Int {
        guard let place = Logger.Level.allCases.firstIndex(of: level) else {
            preconditionFailure("\(level) is no level")
        }
        return place
    }
}

/// A handler whose level is everybody's.
private struct VolumeHandler: LogHandler {
    var handler: any LogHandler
    let volume: LogVolume

    var logLevel: Logger.Level {
        get { volume.level }
        set { handler.logLevel = newValue }
    }

    var metadata: Logger.Metadata {
        get { handler.metadata }
        set { handler.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { handler[metadataKey: key] }
        set { handler[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) { handler.log(event: event) }
}

/// One JSON object a line: time (milliseconds since 1970), level, label, message, then the
/// metadata as texts.
struct JSONLineHandler: LogHandler {
    let label: String
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = "{\"time\":\(HostClock.wall()),\"level\":\"\(event.level)\""
        line += ",\"label\":\(Self.quoted(label)),\"message\":\(Self.quoted("\(event.message)"))"
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            line += ",\(Self.quoted(key)):\(Self.quoted("\(value)"))"
        }
        // A line that cannot be written is dropped, as the text format drops it: there is nowhere
        // to say so, and a full disk must not end a node.
        try? StandardStream.error.write(line + "}\n")
    }

    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
