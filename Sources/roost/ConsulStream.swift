import AsyncHTTPClient
import NIOCore
import NIOHTTP1

extension ConsulClient {
    /// An answer that is taken piece by piece, of any length.
    struct StreamedAnswer {
        var byteCount: Int?
        var body: HTTPClientResponse.Body
    }

    private static let refusalBytesMax = 1 << 16
    /// The server copies its state before it answers.
    private static let streamHours: Int64 = 24

    func stream(
        _ path: String,
        _ query: [(String, String?)],
        what: String
    ) async throws(CommandFailure) -> StreamedAnswer {
        let response: HTTPClientResponse
        var text = ""
        do {
            response = try await http.execute(
                request(.get, path, query),
                timeout: .hours(Self.streamHours)
            )
            if response.status != .ok {
                let bytes = try await response.body.collect(upTo: Self.refusalBytesMax)
                text = String(decoding: bytes.readableBytesView, as: UTF8.self)
            }
        } catch {
            throw .unreachable(address: address, reason: Self.reason(of: error))
        }
        guard response.status == .ok else {
            throw .refused(status: response.status.code, text: text, what: what)
        }
        return StreamedAnswer(
            byteCount: response.headers.first(name: "Content-Length").flatMap { Int($0) },
            body: response.body
        )
    }
}
