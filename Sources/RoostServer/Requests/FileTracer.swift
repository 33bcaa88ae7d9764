import Bytes
package import Disk
package import Logging
import Replica
import Synchronization
package import Tracing

/// Writes spans to a file, as lines of OTLP's JSON: what OpenTelemetry's collector reads by its
/// `otlpjsonfile` receiver.
///
/// Spans go through a bounded box to a thread of its own: whoever ends one never waits for a disk.
package final class FileTracer: Tracer {
    private let spans: Mailbox<String>
    private let bell = Bell()
    private let waiting = Atomic<Int>(0)
    private let dropped = Atomic<Int>(0)
    private let isStopping = Atomic<Bool>(false)
    private let path: String
    private let node: String
    private let logger: Logger
    private let thread = Mutex<OwnThread?>(nil)

    /// - Parameter node: what the spans say they come from.
    package init(path: String, node: String, logger: Logger) throws(DiskError) {
        self.path = path
        self.node = node
        self.logger = logger
        spans = Mailbox { [bell] in bell.ring() }
        // Where it cannot be written, the server says so at its start.
        _ = try File(path, .create)
        let started = try OwnThread(named: "roost-traces") { self.run() }
        thread.withLock { $0 = started }
    }

    /// Writes what there is, and ends.
    package func close() {
        isStopping.store(true, ordering: .releasing)
        bell.ring()
        thread.withLock { $0 }?.join()
    }

    // MARK: Tracer

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String,
        context: @autoclosure () -> InstrumentationContext,
        ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant,
        function: String,
        file fileID: String,
        line: UInt
    ) -> FileSpan {
        var context = context()
        let parent = context.trace
        let trace = TraceContext(
            traceHigh: parent?.traceHigh ?? .random(in: 1 ... .max),
            traceLow: parent?.traceLow ?? .random(in: .min ... .max),
            span: .random(in: 1 ... .max),
            isSampled: parent?.isSampled ?? true
        )
        context.trace = trace
        return FileSpan(
            name: operationName,
            context: context,
            trace: trace,
            parent: parent,
            kind: kind,
            began: instant().nanosecondsSinceEpoch,
            tracer: self
        )
    }

    package func forceFlush() { bell.ring() }

    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier,
        into context: inout InstrumentationContext,
        using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let text = extractor.extract(key: "traceparent", from: carrier) else { return }
        context.trace = TraceContext(text)
    }

    package func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext,
        into carrier: inout Carrier,
        using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.trace else { return }
        injector.inject(trace.header, forKey: "traceparent", into: &carrier)
    }

    // MARK: Writing

    /// Takes a span that has ended, or drops it where the disk is too slow for their number.
    func take(_ span: String) {
        guard waiting.load(ordering: .relaxed) < ServerLimits.traceSpansMax else {
            dropped.add(1, ordering: .relaxed)
            return
        }
        waiting.add(1, ordering: .relaxed)
        spans.post(span)
    }

    private func run() {
        var hasFailed = false
        while true {
            let isLast = isStopping.load(ordering: .acquiring)
            let taken = spans.takeAll()
            waiting.subtract(taken.count, ordering: .relaxed)
            if !taken.isEmpty {
                do throws(DiskError) {
                    try write(line(of: taken))
                    hasFailed = false
                } catch {
                    if !hasFailed { logger.error("spans are lost: \(error)") }
                    hasFailed = true
                }
            }
            let lost = dropped.exchange(0, ordering: .relaxed)
            if lost > 0 { logger.warning("spans are dropped", metadata: ["count": "\(lost)"]) }
            if isLast { return }
            bell.wait(milliseconds: 1_000)
        }
    }

    /// Opens the file anew each time, so that it may be moved away; one that has grown too large
    /// takes the place of the one before.
    private func write(_ line: String) throws(DiskError) {
        var size = try File(path, .create).size()
        if size >= ServerLimits.traceFileBytesMax {
            try FileSystem.rename(path, to: path + ".1")
            size = 0
        }
        let bytes = Array(line.utf8)
        try File(path, .create).write(bytes.rawSpan, at: size)
    }

    private func line(of spans: [String]) -> String {
        let attributes = [("service.name", "roost"), ("service.instance.id", node)].map {
            "{\"key\":\"\($0.0)\",\"value\":{\"stringValue\":\(JSONLineHandler.quoted($0.1))}}"
        }
        return "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
            + attributes.joined(separator: ",")
            + "]},\"scopeSpans\":[{\"scope\":{\"name\":\"roost\"},\"spans\":["
            + spans.joined(separator: ",") + "]}]}]}\n"
    }
}

extension FileTracer {
    /// The tracer that the operator asked for, which the libraries of this process use as well;
    /// nil: none. Call once.
    package static func bootstrap(
        _ configuration: ServerConfiguration
    ) throws(DiskError) -> FileTracer? {
        guard !configuration.traceFile.isEmpty else { return nil }
        let tracer = try FileTracer(
            path: configuration.traceFile,
            node: configuration.name,
            logger: Logger(label: "roost")
        )
        InstrumentationSystem.bootstrap(tracer)
        return tracer
    }
}
