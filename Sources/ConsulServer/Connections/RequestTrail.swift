import Bytes
import Commands
import Measures
import NIOHTTP1

/// What a connection keeps of its request for whoever wants to be told of single requests.
struct RequestTrail {
    /// What follows the endpoint's path: a key, a name, an identifier.
    private(set) var subject: [UInt8] = []
    private(set) var client = ClientAddress.none
    private(set) var traceParent: String?

    private static let traceHeader = "traceparent"
    /// As W3C's Trace Context has it: 55 bytes in version 0, and room for later ones.
    private static let traceBytesMax = 256

    /// Looks whether the request is to be traced; only where requests are traced at all.
    mutating func begin(_ headers: HTTPHeaders, _ asked: inout Asked, on loop: ConsulLoop) {
        traceParent = headers.first(name: Self.traceHeader)
        if let text = traceParent, text.utf8.count > Self.traceBytesMax { traceParent = nil }
        asked.isTraced = traceParent != nil || loop.sampler.takes()
    }

    mutating func note(_ request: Request) {
        // What follows the paths of tokens may be a secret.
        subject = request.endpoint.access == .tokens ? [] : request.suffix
        client = request.client
    }

    func report(_ asked: Asked, at time: Int64) -> RequestReport {
        let method = asked.method == 255 ? "?" : Asked.methods[Int(asked.method)]
        var report = RequestReport(
            .consul,
            kind: "\(method) \(RouteTable.path(of: asked.endpoint))",
            subject: String(decoding: subject, as: UTF8.self),
            client: client.family == .none ? "" : "\(client.host):\(client.port)",
            began: asked.began,
            ended: time,
            index: asked.index == 0 ? nil : asked.index
        )
        report.isTraced = asked.isTraced
        report.traceParent = traceParent
        return report
    }
}

extension Asked.Kind {
    /// Whether its time is the server's: who waits for news is not slow.
    var isTold: Bool {
        switch self {
        case .read, .write: true
        case .waiting, .other: false
        }
    }
}
