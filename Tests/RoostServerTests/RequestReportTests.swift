import Foundation
import InMemoryTracing
import Logging
import Measures
import Synchronization
import Testing
import Tracing

@testable import RoostServer

@Suite struct RequestReportTests {
    private func report(
        began: Int64 = 1_000_000,
        took: Int64 = 5_000,
        index: UInt64? = nil
    ) -> RequestReport {
        RequestReport(
            .consul,
            kind: "PUT /v1/kv/",
            subject: "app/mode",
            client: "127.0.0.1:9",
            began: began,
            ended: began + took,
            index: index
        )
    }

    private func book() -> StageBook {
        let book = StageBook()
        book.note(StageBook.Stored(first: 5, last: 9, began: 1_001_000, ended: 1_003_000))
        book.note(agreed: 9, at: 1_003_500)
        book.note(StageBook.Applied(first: 4, last: 9, began: 1_003_600))
        book.note(appliedAt: 1_004_000)
        return book
    }

    @Test func `a request's time divides into its stages without a gap`() {
        let parts = RequestParts(report(), book().stages(of: 7)).all
        #expect(parts.map(\.name) == ["queue", "log", "agree", "wait", "apply", "answer"])
        #expect(parts.map { $0.ended - $0.began } == [1_000, 2_000, 500, 100, 400, 1_000])
        for (part, next) in zip(parts, parts.dropFirst()) { #expect(part.ended == next.began) }
    }

    @Test func `times from outside of the request are cut to it`() {
        // A request that was answered before its batch was noted as applied.
        let early = RequestParts(report(took: 2_600), book().stages(of: 7)).all
        #expect(early.reduce(0) { $0 + $1.ended - $1.began } == 2_600)
        #expect(early.allSatisfy { $0.began <= $0.ended && $0.ended <= 1_002_600 })
        #expect(RequestParts(report(), book().stages(of: 77)).all.isEmpty)
    }

    @Test func `the book keeps the newest batches, and agreement is noted once`() {
        let book = StageBook()
        for number in 1...UInt64(ServerLimits.stageBatchesMax + 10) {
            book.note(StageBook.Stored(first: number, last: number, began: 1, ended: 2))
            if number % 3 == 0 { book.note(agreed: number - 1, at: Int64(number)) }
        }
        #expect(book.stages(of: 10).stored == nil)
        #expect(book.stages(of: 11).stored?.agreed == 12)
        #expect(book.stages(of: 12).stored?.agreed == 15)
        let last = UInt64(ServerLimits.stageBatchesMax + 10)
        #expect(book.stages(of: last).stored?.agreed == 0)
    }

    @Test func `slow requests above the bound of a second are counted with the next line`() {
        let lines = Lines()
        let count = Mutex(0)
        let slow = SlowLog(lines.logger) { count.withLock { $0 += 1 } }
        for number in 0..<25 {
            let report = report(began: 1_000_000 + Int64(number))
            slow.tell(report, RequestParts(report, nil))
        }
        #expect(lines.all.withLock { $0.count } == ServerLimits.slowLinesPerSecond)
        slow.tell(report(began: 2_500_000), RequestParts(report(), nil))
        let last = lines.all.withLock { $0.last }
        #expect(last?["unsaid"] == "15")
        #expect(last?["subject"] == "app/mode" && last?["milliseconds"] == "5.0")
        #expect(count.withLock { $0 } == 26)
    }

    @Test func `only what took long is told as slow`() {
        let lines = Lines()
        let reports = RequestReports(
            stages: book(),
            slowMilliseconds: 5,
            tracer: nil,
            traceOneIn: 0,
            slow: SlowLog(lines.logger) {}
        )
        #expect(reports.watch.isSlow(5_000) && !reports.watch.isSlow(4_999))
        reports.take(report(took: 4_999))
        #expect(lines.all.withLock { $0.isEmpty })
        reports.take(report(index: 7))
        #expect(lines.all.withLock { $0.first?["in_log"] } == "2.0")
    }

    @Test func `a traced request becomes a span with one for each stage below it`() throws {
        let tracer = InMemoryTracer()
        let reports = RequestReports(
            stages: book(),
            slowMilliseconds: 0,
            tracer: tracer,
            traceOneIn: 0,
            slow: SlowLog(Lines().logger) {}
        )
        #expect(reports.watch.isTracing && !reports.watch.isSlow(.max - 1))
        reports.take(report(index: 7))
        #expect(tracer.finishedSpans.isEmpty)
        var traced = report(index: 7)
        traced.isTraced = true
        reports.take(traced)
        let spans = tracer.popFinishedSpans()
        let whole = try #require(spans.last)
        #expect(whole.operationName == "PUT /v1/kv/" && whole.kind == .server)
        #expect(whole.attributes.get("roost.subject") == .string("app/mode"))
        #expect(
            spans.dropLast().map(\.operationName)
                == ["queue", "log", "agree", "wait", "apply", "answer"]
        )
        #expect(spans.dropLast().allSatisfy { $0.parentSpanID == whole.spanID })
        #expect(tracer.activeSpans.isEmpty)
    }
}

@Suite struct TraceContextTests {
    @Test func `a traceparent is read and written as it came`() throws {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let context = try #require(TraceContext(text))
        #expect(context.isSampled && context.header == text)
        #expect(context.traceText == "0af7651916cd43dd8448eb211c80319c")
        let later = try #require(
            TraceContext("42-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02-more")
        )
        #expect(!later.isSampled)
    }

    @Test(arguments: [
        "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c8031-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319é-b7ad6b7169203331-01",
        "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ])
    func `what is no traceparent is none`(_ text: String) {
        #expect(TraceContext(text) == nil)
    }
}

@Suite struct FileTracerTests {
    private struct Headers: Extractor {
        func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    }

    private func spans(_ path: String) throws -> [[String: Any]] {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return try text.split(separator: "\n").flatMap { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            let resources = (object as? [String: Any])?["resourceSpans"] as? [[String: Any]]
            let scopes = resources?.first?["scopeSpans"] as? [[String: Any]]
            return try #require(scopes?.first?["spans"] as? [[String: Any]])
        }
    }

    @Test func `spans are OTLP's JSON, and those of unsampled traces are not written`() throws {
        let path = NSTemporaryDirectory() + "roost-traces-\(UInt64.random(in: 0 ... .max)).json"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let tracer = try FileTracer(path: path, node: "n\"1", logger: Logger(label: "t"))
        for flags in ["00", "01"] {
            var context = InstrumentationContext.topLevel
            let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-\(flags)"
            tracer.extract(["traceparent": header], into: &context, using: Headers())
            let span = tracer.startSpan("a \"b\"\n", context: context, ofKind: .server)
            span.attributes["n"] = 5
            span.addEvent("seen")
            span.setStatus(SpanStatus(code: .error, message: "bad"))
            span.end()
            span.end()
        }
        tracer.close()
        let written = try spans(path)
        try #require(written.count == 1)
        let span = written[0]
        #expect(span["traceId"] as? String == "0af7651916cd43dd8448eb211c80319c")
        #expect(span["parentSpanId"] as? String == "b7ad6b7169203331")
        #expect(span["name"] as? String == "a \"b\"\n" && span["kind"] as? Int == 2)
        #expect((span["status"] as? [String: Any])?["code"] as? Int == 2)
        #expect((span["events"] as? [[String: Any]])?.first?["name"] as? String == "seen")
    }

    @Test func `a file that cannot be written is a problem of the start`() {
        #expect(throws: (any Error).self) {
            try FileTracer(path: "/nowhere/at/all", node: "n1", logger: Logger(label: "t"))
        }
    }

    /// Else a client writes lines of the log, and one letter with many marks is as long as it may.
    @Test func `what a client wrote is cut by bytes and stays on its line`() {
        #expect(SlowLog.shown("/a\nb\u{1b}[1m\u{2028}c") == "/a\u{fffd}b\u{fffd}[1m\u{fffd}c")
        #expect(SlowLog.shown("/größe") == "/größe")
        let marks = "e" + String(repeating: "\u{301}", count: 100_000)
        #expect(SlowLog.shown(marks).utf8.count < 2 * ServerLimits.slowSubjectBytesMax)
    }
}
