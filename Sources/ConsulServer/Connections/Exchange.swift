import Bytes
import Commands
import ConsulProtocol
import NIOCore
import NIOHTTP1

/// What the answer to a request must look like, whatever it says. Trivial to copy, so that a
/// waiting client keeps nothing else of its request.
struct AnswerShape {
    var connection = AnswerHead.Connection.keep
    var isVersion10 = false
    var acceptsGzip = false
    /// HEAD: a body is counted and not sent.
    var omitsBody = false
    /// `?pretty`.
    var isIndented = false

    /// Whether an answer that is shared by many suits this client.
    var takesPlain: Bool { connection == .keep && !acceptsGzip && !isVersion10 && !isIndented }

    func apply(to answer: inout Answer) {
        if isIndented, answer.head.content == .json {
            answer.body = JSONIndent.indented(answer.body)
        }
        if answer.head.connection == .keep { answer.head.connection = connection }
        answer.head.isVersion10 = isVersion10
        if acceptsGzip { AnswerEncoder.compress(&answer) }
        answer.omitsBody = omitsBody
    }
}

/// One request on its way in. An object, since as a value it would be moved with each of its parts.
final class Exchange {
    /// What the head alone decides.
    enum Beginning {
        case proceed(Exchange)
        case refuse(Answer)
        /// Bytes as Go's server writes them for a request that it does not pass on.
        case bare(String)
    }

    /// What is to be done once the body is there; nil: `answer` is to be given.
    private(set) var request: Request?
    private(set) var answer = Answer.empty(404)
    private(set) var body: ByteBuffer?
    private(set) var shape = AnswerShape()
    private(set) var wantsContinue = false
    private(set) var isChunked = false
    private let method: Request.Method
    private var bodyBytesMax = 0
    private var bodyOption = ""

    private init(_ method: Request.Method) {
        self.method = method
    }

    static func begin(_ head: HTTPRequestHead, limits: ConsulLimits) -> Beginning {
        let fields = RequestFields(head.headers)
        let isVersion10 = head.version.minor == 0
        if !isVersion10 && !fields.hasHost {
            return .bare(bareAnswer("400 Bad Request: missing required Host header"))
        }
        let exchange = Exchange(Request.Method(head.method))
        exchange.shape.isVersion10 = isVersion10
        exchange.shape.connection = !head.isKeepAlive ? .close : isVersion10 ? .keepSaid : .keep
        exchange.shape.acceptsGzip = fields.acceptsGzip
        exchange.shape.omitsBody = exchange.method == .head
        exchange.isChunked = fields.isChunked
        if let refusal = exchange.route(head.uri, fields) { return refusal }
        if let refusal = exchange.request.flatMap(SnapshotHandler.refusal) {
            return .refuse(refusal)
        }
        exchange.setBodyBound(limits)
        if let length = fields.contentLength, let refusal = exchange.tooLarge(length) {
            return .refuse(refusal)
        }
        if !fields.expect.isEmpty {
            guard RequestFields.same(fields.expect, "100-continue") else {
                var answer = Answer.empty(417)
                answer.head.varies = false
                return .refuse(answer)
            }
            exchange.wantsContinue = fields.contentLength != 0
        }
        return .proceed(exchange)
    }

    /// Finds the endpoint; not nil where Go's server answers by itself and closes.
    private func route(_ uri: String, _ fields: RequestFields) -> Beginning? {
        let target = Array(uri.utf8)
        switch RequestTarget.parse(target.rawSpan) {
        case .malformed: return .bare(Self.bareAnswer("400 Bad Request"))
        case .unprintable: answer = Self.unrouted(400)
        case .asterisk:
            guard method == .options else {
                return .refuse(Self.unrouted(400))
            }
            answer = Self.unrouted(200)
        case .moved(let location): answer = moved(location)
        case .path(let path, let query): route(path, query, fields)
        }
        return nil
    }

    private func route(_ path: [UInt8], _ query: [UInt8], _ fields: RequestFields) {
        switch RouteTable.match(path) {
        case .none: answer = Self.unrouted(404)
        case .needsSlash:
            let slashed = path + [UInt8(ascii: "/")]
            answer = moved(RequestTarget.location(slashed, query.rawSpan))
        case .found(let endpoint, let suffixStart):
            let parameters =
                query.isEmpty ? QueryParameters() : QueryParameters(query.rawSpan)
            shape.isIndented = !parameters.isEmpty && parameters.has("pretty")
            request = Request(
                endpoint: endpoint,
                method: method,
                suffix: Array(path[suffixStart...]),
                parameters: parameters,
                cacheControl: fields.cacheControl,
                headerToken: fields.token
            )
        }
    }

    private static func unrouted(_ status: Int) -> Answer {
        var answer = Answer.empty(status)
        answer.head.varies = false
        return answer
    }

    private func moved(_ location: String) -> Answer {
        var answer = Self.unrouted(301)
        answer.head.extra = .location(location)
        if method == .get || method == .head { answer.head.content = .html }
        if method == .get { answer.body = Array(RequestTarget.movedBody(location).utf8) }
        return answer
    }

    // MARK: Bodies

    private func setBodyBound(_ limits: ConsulLimits) {
        switch request?.endpoint {
        case .key:
            bodyBytesMax = limits.valueBytesMax
            bodyOption = "kv_max_value_size"
        case .transaction:
            bodyBytesMax = limits.transactionBytesMax
            bodyOption = "txn_max_req_len"
        default: bodyBytesMax = limits.bodyBytesMax
        }
    }

    private func tooLarge(_ bytes: Int) -> Answer? {
        guard bytes > bodyBytesMax else { return nil }
        if bodyOption.isEmpty { return .text(413, "Request body(\(bytes) bytes) too large") }
        return .text(
            413,
            ErrorTexts.bodyTooLarge(bytes: bytes, max: bodyBytesMax, option: bodyOption)
        )
    }

    /// Takes a piece of the body; not nil when it is too much.
    func append(_ piece: ByteBuffer) -> Answer? {
        if body == nil {
            body = piece
        } else {
            body?.writeImmutableBuffer(piece)
        }
        return tooLarge(body?.readableBytes ?? 0)
    }

    // MARK: Answers

    /// An answer of Go's server itself, which closes the connection.
    static func bareAnswer(_ status: String) -> String {
        "HTTP/1.1 \(status)\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
            + status
    }

    static func bareAnswer(to error: HTTPParserError) -> String {
        switch error {
        case .headerOverflow: bareAnswer("431 Request Header Fields Too Large")
        case .invalidVersion: bareAnswer("400 Bad Request: unsupported protocol version")
        default: bareAnswer("400 Bad Request")
        }
    }
}

extension Request.Method {
    init(_ method: HTTPMethod) {
        switch method {
        case .GET: self = .get
        case .PUT: self = .put
        case .DELETE: self = .delete
        case .POST: self = .post
        case .OPTIONS: self = .options
        case .HEAD: self = .head
        default: self = .other(method.rawValue)
        }
    }
}

extension ClientAddress {
    /// Who asks, for the log's readers; IPv4 only.
    init(socket address: SocketAddress) {
        let parts = (address.ipAddress ?? "").split(separator: ".").compactMap { UInt32($0) }
        guard parts.count == 4 else {
            self = .none
            return
        }
        let number = parts.reduce(0) { $0 << 8 | $1 & 255 }
        self = .ipv4(number, port: UInt16(clamping: address.port ?? 0))
    }
}
