import NIOHTTP1

/// The headers that matter, found in one pass.
struct RequestFields {
    var hasHost = false
    var expect = ""
    var cacheControl = ""
    var contentLength: Int?
    var isChunked = false
    var acceptsGzip = false
    private var shownToken: String?
    private var bearerToken: String?

    init(_ headers: HTTPHeaders) {
        for (name, value) in headers {
            switch name.utf8.count {
            case 4 where Self.same(name, "host"): hasHost = true
            case 6 where Self.same(name, "expect"): expect = value
            case 13 where Self.same(name, "cache-control"): cacheControl = value
            case 13 where Self.same(name, "authorization"):
                bearerToken = bearerToken ?? Self.bearer(value)
            case 14 where Self.same(name, "content-length"): contentLength = Int(value)
            case 14 where Self.same(name, "x-consul-token"): shownToken = shownToken ?? value
            case 15 where Self.same(name, "accept-encoding"): acceptsGzip = Self.gzip(value)
            case 17 where Self.same(name, "transfer-encoding"): isChunked = true
            default: continue
            }
        }
    }

    /// X-Consul-Token, or what Authorization bears; of several of a kind the first counts, as
    /// Go's servers see them.
    var token: String {
        if let shown = shownToken, !shown.isEmpty { return shown }
        return bearerToken ?? ""
    }

    /// Compares without regard to ASCII case; `lowered` has none.
    static func same(_ text: String, _ lowered: String) -> Bool {
        guard text.utf8.count == lowered.utf8.count else { return false }
        return zip(text.utf8, lowered.utf8).allSatisfy { byte, wanted in
            byte == wanted || (byte >= 65 && byte <= 90 && byte | 0x20 == wanted)
        }
    }

    /// The token of "Bearer TOKEN"; "" of any other scheme.
    private static func bearer(_ value: String) -> String {
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, same(String(parts[0]), "bearer") else { return "" }
        return String(parts[1].drop { $0 == " " })
    }

    /// Whether gzip, or *, is accepted with a weight above 0.
    private static func gzip(_ value: String) -> Bool {
        for coding in value.split(separator: ",") {
            let parts = coding.split(separator: ";")
            let name = parts.first.map { $0.filter { $0 != " " } } ?? ""
            guard same(name, "gzip") || name == "*" else { continue }
            let weight = parts.dropFirst().first.map { $0.filter { $0 != " " } } ?? "q=1"
            return !(weight.hasPrefix("q=0") && !weight.contains { $0 >= "1" && $0 <= "9" })
        }
        return false
    }
}
