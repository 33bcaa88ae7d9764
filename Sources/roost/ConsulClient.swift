import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import TransportSecurity

/// Asks one server that speaks Consul's HTTP API.
struct ConsulClient {
    let address: String
    /// The secret of an ACL token; "": none is shown.
    private let token: String

    /// The largest answer that is taken.
    private static let answerBytesMax = 1 << 30
    static let patienceSeconds: Int64 = 60
    private static let connectSeconds: Int64 = 5

    /// Where no server listens, a command says so at once: a shared client would try on and on.
    private static func http(_ security: ResolvedSecurity) -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(connectSeconds)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.tlsConfiguration = security.configuration
        configuration.dnsOverride = security.names
        return HTTPClient(
            eventLoopGroup: HTTPClient.defaultEventLoopGroup,
            configuration: configuration
        )
    }

    /// Those of this process, which live as long as it.
    private static let clients = Mutex<[HTTPClient]>([])

    let http: HTTPClient
    /// Where requests go: the address, with the name that the server's certificate must have.
    private let base: String

    init(
        address: String,
        security: ClientSecurity.Said = ClientSecurity.Said(),
        token: String = ""
    ) throws(CommandFailure) {
        self.token = token
        let scheme = security.prefersTLS ? "https" : "http"
        let full = address.contains("://") ? address : "\(scheme)://\(address)"
        guard let parts = URLComponents(string: full), parts.host?.isEmpty == false,
            ["http", "https"].contains(parts.scheme ?? "")
        else { throw .badAddress(address) }
        let trimmed = String(full.reversed().drop { $0 == "/" }.reversed())
        self.address = trimmed
        let resolved = try ResolvedSecurity(security, parts)
        base = resolved.base ?? trimmed
        let http = Self.http(resolved)
        Self.clients.withLock { $0.append(http) }
        self.http = http
    }

    enum Method {
        case get, put, delete

        var name: HTTPMethod {
            switch self {
            case .get: .GET
            case .put: .PUT
            case .delete: .DELETE
            }
        }
    }

    struct Answer {
        var status: UInt
        var body: Data
        /// X-Consul-Index; 0 where there is none.
        var index: UInt64

        var text: String {
            String(decoding: body, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    /// - Parameters:
    ///   - what: the request in words, for errors.
    ///   - accepted: further statuses that are no error, beside 200.
    func send(
        _ method: Method,
        _ path: String,
        _ query: [(String, String?)] = [],
        body: Data? = nil,
        what: String,
        accepted: Set<UInt> = [],
        patienceSeconds: Int64 = Self.patienceSeconds
    ) async throws(CommandFailure) -> Answer {
        var request = request(method, path, query)
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let answer: Answer
        do {
            let response = try await http.execute(
                request,
                timeout: .seconds(patienceSeconds)
            )
            let bytes = try await response.body.collect(upTo: Self.answerBytesMax)
            answer = Answer(
                status: response.status.code,
                body: Data(bytes.readableBytesView),
                index: response.headers.first(name: "X-Consul-Index").flatMap { UInt64($0) } ?? 0
            )
        } catch {
            throw .unreachable(address: address, reason: Self.reason(of: error))
        }
        guard answer.status == 200 || accepted.contains(answer.status) else {
            throw .refused(status: answer.status, text: answer.text, what: what)
        }
        return answer
    }

    /// With what every request has.
    func request(
        _ method: Method,
        _ path: String,
        _ query: [(String, String?)]
    ) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: base + path + Self.text(of: query))
        request.method = method.name
        request.headers.add(name: "User-Agent", value: "roost")
        // Well-compressed listings would pass the client's bound on decompression.
        request.headers.add(name: "Accept-Encoding", value: "identity")
        if !token.isEmpty { request.headers.add(name: "X-Consul-Token", value: token) }
        return request
    }

    static func decode<T: Decodable>(
        _ type: T.Type,
        _ answer: Answer,
        what: String
    ) throws(CommandFailure) -> T {
        do {
            return try JSONDecoder().decode(type, from: answer.body)
        } catch {
            throw .unexpectedAnswer(String(answer.text.prefix(200)), what: what)
        }
    }

    /// A key as a part of a path: every byte that is not plain is escaped, slashes stay.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x2f, 0x5f, 0x7e:
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                escaped += "%"
                for digit in [byte >> 4, byte & 15] {
                    escaped += String(digit, radix: 16, uppercase: true)
                }
            }
        }
        return escaped
    }

    private static func text(of query: [(String, String?)]) -> String {
        let parts = query.map { name, value in
            value.map { "\(name)=\(escaped($0))" } ?? name
        }
        return parts.isEmpty ? "" : "?" + parts.joined(separator: "&")
    }

    static func reason(of error: any Error) -> String {
        if let client = error as? HTTPClientError { return "\(client)" }
        if HandshakeTrouble.isOne(error) {
            return "TLS: \(HandshakeTrouble.text(error, of: .server))"
        }
        if let connection = error as? NIOConnectionError {
            return connection.connectionErrors.first.map { reason(of: $0.error) }
                ?? "\(connection.host) is not known"
        }
        if let system = error as? IOError, let code = POSIXErrorCode(rawValue: system.errnoCode) {
            return CommandFailure.reason(of: POSIXError(code))
        }
        return "\(error)"
    }
}
