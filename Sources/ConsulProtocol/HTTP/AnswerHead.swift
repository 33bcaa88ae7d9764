public import Bytes

/// What the headers of a read say about the state that answered.
public struct AnswerMetadata: Equatable, Sendable {
    /// nil for a transaction that only reads.
    public var index: UInt64?
    /// Whether the two headers about the leader are sent; events have only an index.
    public var tellsLeader = true
    public var knowsLeader: Bool
    public var lastContactMilliseconds: UInt64
    /// Sent by catalog, health and query reads, not by KV and sessions (1.8.7).
    public var effectiveConsistency: Consistency?

    public init(
        index: UInt64?,
        knowsLeader: Bool = true,
        lastContactMilliseconds: UInt64 = 0,
        effectiveConsistency: Consistency? = nil
    ) {
        self.index = index
        self.knowsLeader = knowsLeader
        self.lastContactMilliseconds = lastContactMilliseconds
        self.effectiveConsistency = effectiveConsistency
    }
}

/// The head of an answer, written in the order of Go's server: what the handler set, sorted by
/// name, then Date, Content-Length, a content type that Go guessed, Connection.
public struct AnswerHead: Equatable, Sendable {
    public enum Content: Equatable, Sendable {
        /// No body, no type.
        case none
        case json
        /// text/plain as Go guesses it, after the length.
        case guessedText
        /// text/plain that the handler asked for.
        case text
        /// A KV value by ?raw.
        case raw
        case html
        /// Prometheus' text format.
        case prometheus
        /// A snapshot.
        case archive
    }

    public enum Connection: Sendable {
        /// HTTP/1.1, which keeps the connection by default.
        case keep
        /// HTTP/1.0 with a client that asked to keep it.
        case keepSaid
        case close
    }

    /// A header that few answers have, and none has two of.
    public enum Extra: Equatable, Sendable {
        case none
        case allow(String)
        case location(String)
        case contentHash(String)
        case reason(String)
    }

    public var status = 200
    public var content = Content.none
    /// Whether a route answered; the 404s and 301s before it lack the header.
    public var varies = true
    public var metadata: AnswerMetadata?
    public var extra = Extra.none
    public var isCacheMiss = false
    public var isGzip = false
    public var connection = Connection.keep
    /// HTTP/1.0 clients get their own version back.
    public var isVersion10 = false

    public init(status: Int = 200, content: Content = .none) {
        self.status = status
        self.content = content
    }

    /// Of what X-Consul-Contenthash tells a client that asks again with `?hash=`.
    public var contentHash: String? {
        if case .contentHash(let hash) = extra { hash } else { nil }
    }

    public func write(to out: inout ByteWriter, bodyBytes: Int, date: [UInt8]) {
        if status == 200 && !isVersion10 {
            out.append("HTTP/1.1 200 OK\r\n")
        } else {
            out.append(isVersion10 ? "HTTP/1.0 " : "HTTP/1.1 ")
            Decimal.append(UInt64(status), to: &out)
            out.append(" ")
            out.append(Self.phrase(status))
            out.append("\r\n")
        }
        writeSorted(&out, bodyBytes)
        out.append("Date: ")
        out.append(date)
        if content != .raw {
            out.append("\r\nContent-Length: ")
            Decimal.append(UInt64(bodyBytes), to: &out)
        }
        if content == .guessedText {
            out.append("\r\nContent-Type: text/plain; charset=utf-8")
        }
        switch connection {
        case .keep: out.append("\r\n\r\n")
        case .keepSaid: out.append("\r\nConnection: keep-alive\r\n\r\n")
        case .close: out.append(isVersion10 ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n")
        }
    }

    private func writeSorted(_ out: inout ByteWriter, _ bodyBytes: Int) {
        if case .allow(let methods) = extra { Self.line(&out, "Allow: ", methods) }
        if isGzip { out.append("Content-Encoding: gzip\r\n") }
        if content == .raw {
            out.append("Content-Length: ")
            Decimal.append(UInt64(bodyBytes), to: &out)
            out.append("\r\nContent-Security-Policy: sandbox\r\n")
        }
        switch content {
        case .json: out.append("Content-Type: application/json\r\n")
        case .text, .raw: out.append("Content-Type: text/plain\r\n")
        case .html: out.append("Content-Type: text/html; charset=utf-8\r\n")
        case .archive: out.append("Content-Type: application/x-gzip\r\n")
        case .prometheus:
            out.append("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n")
        case .none, .guessedText: break
        }
        if case .location(let place) = extra { Self.line(&out, "Location: ", place) }
        if varies { out.append("Vary: Accept-Encoding\r\n") }
        if isCacheMiss { out.append("X-Cache: MISS\r\n") }
        if let contentHash { Self.line(&out, "X-Consul-Contenthash: ", contentHash) }
        if let metadata { Self.write(metadata, &out) }
        if case .reason(let reason) = extra { Self.line(&out, "X-Consul-Reason: ", reason) }
        if content == .raw { out.append("X-Content-Type-Options: nosniff\r\n") }
    }

    private static func write(_ metadata: AnswerMetadata, _ out: inout ByteWriter) {
        if let consistency = metadata.effectiveConsistency {
            line(&out, "X-Consul-Effective-Consistency: ", consistency.name)
        }
        if let index = metadata.index {
            out.append("X-Consul-Index: ")
            Decimal.append(max(1, index), to: &out)
            out.append("\r\n")
        }
        guard metadata.tellsLeader else { return }
        out.append("X-Consul-Knownleader: ")
        out.append(metadata.knowsLeader ? "true" : "false")
        out.append("\r\nX-Consul-Lastcontact: ")
        Decimal.append(metadata.lastContactMilliseconds, to: &out)
        out.append("\r\n")
    }

    /// One header; line ends and NULs in a value would begin another, so they become spaces.
    private static func line(_ out: inout ByteWriter, _ name: String, _ value: String) {
        out.append(name)
        for byte in value.utf8 {
            out.bytes.append(byte == 10 || byte == 13 || byte == 0 ? 0x20 : byte)
        }
        out.append("\r\n")
    }

    private static func phrase(_ status: Int) -> String {
        switch status {
        case 100: "Continue"
        case 200: "OK"
        case 301: "Moved Permanently"
        case 307: "Temporary Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 413: "Request Entity Too Large"
        case 417: "Expectation Failed"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        default: "Status"
        }
    }
}
