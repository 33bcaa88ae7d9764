import Tracing

/// Which trace a span belongs to, and whether it is recorded: W3C's Trace Context.
///
/// ```
/// traceparent   00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
///               |  the trace, 16 bytes               the span         flags; 1: it is sampled
///               version
/// ```
struct TraceContext: Equatable, Sendable {
    var traceHigh: UInt64
    var traceLow: UInt64
    var span: UInt64
    var isSampled: Bool

    init(traceHigh: UInt64, traceLow: UInt64, span: UInt64, isSampled: Bool) {
        self.traceHigh = traceHigh
        self.traceLow = traceLow
        self.span = span
        self.isSampled = isSampled
    }

    /// Nil where it is none, as the standard says: the caller begins a trace of his own.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, let version = Self.number(parts[0], digits: 2), version != 0xff,
            // Later versions may say more.
            parts.count == 4 || version > 0,
            parts[1].utf8.count == 32,
            let high = Self.number(parts[1].prefix(16), digits: 16),
            let low = Self.number(parts[1].suffix(16), digits: 16),
            let span = Self.number(parts[2], digits: 16),
            let flags = Self.number(parts[3], digits: 2),
            high | low != 0, span != 0
        else { return nil }
        self.init(traceHigh: high, traceLow: low, span: span, isSampled: flags & 1 == 1)
    }

    /// Lower-case hexadecimal of exactly so many digits.
    private static func number(_ text: Substring, digits: Int) -> UInt64? {
        guard text.utf8.count == digits,
            text.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else { return nil }
        return UInt64(text, radix: 16)
    }

    var traceText: String { Self.text(traceHigh) + Self.text(traceLow) }
    var spanText: String { Self.text(span) }
    var header: String { "00-\(traceText)-\(spanText)-\(isSampled ? "01" : "00")" }

    private static func text(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

enum TraceContextKey: InstrumentationContextKey {
    typealias Value = TraceContext

    static let nameOverride: String? = "traceparent"
}

extension InstrumentationContext {
    var trace: TraceContext? {
        get { self[TraceContextKey.self] }
        set { self[TraceContextKey.self] = newValue }
    }
}
