import Logging
import Measures
import Synchronization
import Tracing

/// Takes what the front ends tell of single requests: logs the slow ones, and makes spans of those
/// that are traced.
final class RequestReports: Sendable {
    private let stages: StageBook
    private let slow: SlowLog
    private let slowMicroseconds: Int64
    private let tracer: (any Tracer)?
    private let traceOneIn: UInt64

    init(
        stages: StageBook,
        slowMilliseconds: Int,
        tracer: (any Tracer)?,
        traceOneIn: Int,
        slow: SlowLog
    ) {
        self.stages = stages
        self.slow = slow
        self.tracer = tracer
        self.traceOneIn = UInt64(max(0, traceOneIn))
        slowMicroseconds = slowMilliseconds == 0 ? .max : Int64(slowMilliseconds) * 1_000
    }

    /// What a front end needs to know.
    var watch: RequestWatch {
        var watch = RequestWatch()
        watch.slowMicroseconds = slowMicroseconds
        watch.isTracing = tracer != nil
        watch.traceOneIn = traceOneIn
        watch.tell = { [self] in take($0) }
        return watch
    }

    func take(_ report: RequestReport) {
        let parts = RequestParts(report, report.index.map { stages.stages(of: $0) })
        if report.tookMicroseconds >= slowMicroseconds { slow.tell(report, parts) }
        if report.isTraced, let tracer { RequestSpans.make(report, parts, by: tracer) }
    }
}

/// How a request's time divides, as far as this node knows.
struct RequestParts: Equatable {
    struct Part: Equatable {
        var name: String
        var began: Int64
        var ended: Int64
    }

    /// In their order in time, none before the request or after it.
    private(set) var all: [Part] = []

    init(_ report: RequestReport, _ stages: StageBook.Stages?) {
        guard let stages, let stored = stages.stored else { return }
        var since = report.began
        func part(_ name: String, until time: Int64) {
            let end = min(max(time, since), report.ended)
            all.append(Part(name: name, began: since, ended: end))
            since = end
        }
        // Until the log's thread began to write it; on a follower, the way to the leader and back
        // is in it.
        part("queue", until: stored.began)
        part("log", until: stored.ended)
        if stored.agreed > 0 { part("agree", until: stored.agreed) }
        if let applied = stages.applied {
            part("wait", until: applied.began)
            part("apply", until: applied.ended == 0 ? report.ended : applied.ended)
        }
        part("answer", until: report.ended)
    }
}

/// Lines about slow requests, few enough to be read: those above the bound of a second are counted
/// and told with the next line.
final class SlowLog: Sendable {
    private struct Window {
        var began = Int64.min
        var lines = 0
        var unsaid: UInt64 = 0
    }

    private let window = Mutex(Window())
    private let logger: Logger
    private let count: @Sendable () -> Void

    /// - Parameter count: called for every slow request.
    init(_ logger: Logger, count: @escaping @Sendable () -> Void) {
        self.logger = logger
        self.count = count
    }

    func tell(_ report: RequestReport, _ parts: RequestParts) {
        count()
        guard let unsaid = admit(at: report.ended) else { return }
        var metadata: Logger.Metadata = [
            "protocol": "\(report.front.rawValue)", "kind": "\(report.kind)",
            "subject": "\(Self.shown(report.subject))",
            "milliseconds": "\(Self.milliseconds(report.tookMicroseconds))",
        ]
        if !report.client.isEmpty { metadata["client"] = "\(report.client)" }
        if let index = report.index { metadata["index"] = "\(index)" }
        if report.companions > 0 { metadata["together"] = "\(report.companions)" }
        if unsaid > 0 { metadata["unsaid"] = "\(unsaid)" }
        for part in parts.all {
            metadata["in_\(part.name)"] = "\(Self.milliseconds(part.ended - part.began))"
        }
        logger.warning("slow operation", metadata: metadata)
    }

    /// How many were not told since the last line; nil: neither is this one.
    private func admit(at time: Int64) -> UInt64? {
        window.withLock { window in
            if window.began == .min || time - window.began >= 1_000_000 {
                window.began = time
                window.lines = 0
            }
            guard window.lines < ServerLimits.slowLinesPerSecond else {
                window.unsaid += 1
                return nil
            }
            window.lines += 1
            defer { window.unsaid = 0 }
            return window.unsaid
        }
    }

    /// A client's text: cut by bytes, and without what would end a line of the log or begin one.
    static func shown(_ subject: String) -> String {
        let cut = subject.utf8.prefix(ServerLimits.slowSubjectBytesMax)
        let isLong = cut.endIndex < subject.utf8.endIndex
        var shown = String.UnicodeScalarView()
        for scalar in String(decoding: cut, as: UTF8.self).unicodeScalars {
            let isPlain =
                switch scalar.properties.generalCategory {
                case .control, .lineSeparator, .paragraphSeparator: false
                default: true
                }
            shown.append(isPlain ? scalar : "\u{fffd}")
        }
        return String(shown) + (isLong ? "..." : "")
    }

    private static func milliseconds(_ microseconds: Int64) -> Double {
        Double(microseconds) / 1_000
    }
}

/// A traced request as spans: one of the whole, and one of each of its parts.
enum RequestSpans {
    static func make(_ report: RequestReport, _ parts: RequestParts, by tracer: some Tracer) {
        var context = InstrumentationContext.topLevel
        if let parent = report.traceParent {
            tracer.extract(["traceparent": parent], into: &context, using: HeaderExtractor())
        }
        let clock = WallClock()
        let span = tracer.startSpan(
            report.kind,
            context: context,
            ofKind: .server,
            at: clock.instant(of: report.began)
        )
        span.updateAttributes { attributes in
            attributes["roost.protocol"] = report.front.rawValue
            attributes["roost.subject"] = SlowLog.shown(report.subject)
            if !report.client.isEmpty { attributes["client.address"] = report.client }
            if let index = report.index { attributes["roost.index"] = Int64(clamping: index) }
        }
        for part in parts.all {
            let child = tracer.startSpan(
                part.name,
                context: span.context,
                ofKind: .internal,
                at: clock.instant(of: part.began)
            )
            child.end(at: clock.instant(of: part.ended))
        }
        span.end(at: clock.instant(of: report.ended))
    }

    /// The monotonic clock's times as times of the day.
    private struct WallClock {
        private let offset = HostClock.wall() * 1_000 - HostClock.microseconds()

        func instant(of microseconds: Int64) -> DefaultTracerClock.Timestamp {
            let since1970 = UInt64(max(0, microseconds + offset))
            return DefaultTracerClock.Timestamp(nanosecondsSinceEpoch: since1970 * 1_000)
        }
    }

    private struct HeaderExtractor: Extractor {
        func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    }
}
