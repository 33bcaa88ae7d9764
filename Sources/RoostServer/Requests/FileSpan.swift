import Synchronization
package import Tracing

/// A span of `FileTracer`'s; it is written when it ends.
package final class FileSpan: Span {
    private struct State {
        var name: String
        var attributes = SpanAttributes()
        var events: [SpanEvent] = []
        var links: [SpanLink] = []
        var status: SpanStatus?
        var hasEnded = false
    }

    package let context: InstrumentationContext
    private let trace: TraceContext
    private let parent: TraceContext?
    private let kind: SpanKind
    private let began: UInt64
    private let tracer: FileTracer
    private let state: Mutex<State>

    init(
        name: String,
        context: InstrumentationContext,
        trace: TraceContext,
        parent: TraceContext?,
        kind: SpanKind,
        began: UInt64,
        tracer: FileTracer
    ) {
        self.context = context
        self.trace = trace
        self.parent = parent
        self.kind = kind
        self.began = began
        self.tracer = tracer
        state = Mutex(State(name: name))
    }

    package var isRecording: Bool { trace.isSampled && state.withLock { !$0.hasEnded } }

    package var operationName: String {
        get { state.withLock { $0.name } }
        set { state.withLock { $0.name = newValue } }
    }

    package var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set { state.withLock { $0.attributes = newValue } }
    }

    package func setStatus(_ status: SpanStatus) { state.withLock { $0.status = status } }

    package func addEvent(_ event: SpanEvent) {
        state.withLock { state in
            guard state.events.count < ServerLimits.spanEventsMax else { return }
            state.events.append(event)
        }
    }

    package func addLink(_ link: SpanLink) {
        state.withLock { state in
            guard state.links.count < ServerLimits.spanEventsMax else { return }
            state.links.append(link)
        }
    }

    package func recordError<Instant: TracerInstant>(
        _ error: any Error,
        attributes: SpanAttributes,
        at instant: @autoclosure () -> Instant
    ) {
        var attributes = attributes
        attributes["exception.message"] = "\(error)"
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
    }

    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let ended = instant().nanosecondsSinceEpoch
        let text = state.withLock { state -> String? in
            guard trace.isSampled, !state.hasEnded else { return nil }
            state.hasEnded = true
            return Self.json(state, self, until: ended)
        }
        if let text { tracer.take(text) }
    }

    // MARK: OTLP's JSON

    private static func json(_ state: State, _ span: FileSpan, until ended: UInt64) -> String {
        var members = [
            "\"traceId\":\"\(span.trace.traceText)\"", "\"spanId\":\"\(span.trace.spanText)\"",
        ]
        if let parent = span.parent { members.append("\"parentSpanId\":\"\(parent.spanText)\"") }
        members += [
            "\"name\":\(JSONLineHandler.quoted(state.name))", "\"kind\":\(number(span.kind))",
            "\"startTimeUnixNano\":\"\(span.began)\"", "\"endTimeUnixNano\":\"\(ended)\"",
            "\"attributes\":\(json(state.attributes))",
        ]
        let events = state.events.map { event in
            "{\"timeUnixNano\":\"\(event.nanosecondsSinceEpoch)\","
                + "\"name\":\(JSONLineHandler.quoted(event.name)),"
                + "\"attributes\":\(json(event.attributes))}"
        }
        if !events.isEmpty { members.append("\"events\":[\(events.joined(separator: ","))]") }
        let links = state.links.compactMap { link in
            link.context.trace.map {
                "{\"traceId\":\"\($0.traceText)\",\"spanId\":\"\($0.spanText)\"}"
            }
        }
        if !links.isEmpty { members.append("\"links\":[\(links.joined(separator: ","))]") }
        if let status = state.status {
            let text = status.message.map { ",\"message\":\(JSONLineHandler.quoted($0))" } ?? ""
            members.append("\"status\":{\"code\":\(status.code == .ok ? 1 : 2)\(text)}")
        }
        return "{\(members.joined(separator: ","))}"
    }

    private static func number(_ kind: SpanKind) -> Int {
        switch kind {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }

    private static func json(_ attributes: SpanAttributes) -> String {
        var members: [(name: String, text: String)] = []
        attributes.forEach { name, attribute in
            members.append((name, json(attribute)))
        }
        let texts = members.sorted { $0.name < $1.name }.map { member in
            "{\"key\":\(JSONLineHandler.quoted(member.name)),\"value\":{\(member.text)}}"
        }
        return "[\(texts.joined(separator: ","))]"
    }

    /// Lists are told as one text: no span of this server has any.
    private static func json(_ attribute: SpanAttribute) -> String {
        switch attribute {
        case .int32(let number): "\"intValue\":\"\(number)\""
        case .int64(let number): "\"intValue\":\"\(number)\""
        case .double(let number) where number.isFinite: "\"doubleValue\":\(number)"
        case .bool(let flag): "\"boolValue\":\(flag)"
        case .string(let text): "\"stringValue\":\(JSONLineHandler.quoted(text))"
        case .stringConvertible(let value):
            "\"stringValue\":\(JSONLineHandler.quoted("\(value)"))"
        default: "\"stringValue\":\(JSONLineHandler.quoted("\(attribute)"))"
        }
    }
}
