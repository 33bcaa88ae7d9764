import Foundation

/// A key as Consul's API gives it.
struct KeyRecord: Codable, Equatable {
    var key: String
    /// Base64; nil for an empty value.
    var value: String?
    var flags: UInt64
    var createIndex: UInt64
    var modifyIndex: UInt64
    var lockIndex: UInt64
    var session: String?

    enum CodingKeys: String, CodingKey {
        case key = "Key"
        case value = "Value"
        case flags = "Flags"
        case createIndex = "CreateIndex"
        case modifyIndex = "ModifyIndex"
        case lockIndex = "LockIndex"
        case session = "Session"
    }

    var bytes: Data { value.flatMap { Data(base64Encoded: $0) } ?? Data() }
}

extension ConsulClient {
    struct Listing {
        var records: [KeyRecord]
        var index: UInt64
    }

    /// One key, or all under a prefix; none where nothing is there. With an index it waits until
    /// something newer is there, for five minutes at most.
    func records(
        _ key: String,
        isPrefix: Bool,
        after index: UInt64? = nil,
        consistency: String? = nil,
        patienceSeconds: Int64 = Self.patienceSeconds
    ) async throws(CommandFailure) -> Listing {
        let waitSeconds: Int64 = 300
        var query: [(String, String?)] = isPrefix ? [("recurse", nil)] : []
        if let consistency { query.append((consistency, nil)) }
        if let index { query += [("index", "\(index)"), ("wait", "\(waitSeconds)s")] }
        let what = "reading '\(key)'"
        let answer = try await send(
            .get,
            "/v1/kv/" + Self.escaped(key),
            query,
            what: what,
            accepted: [404],
            // The server may wait a sixteenth longer than it was asked to.
            patienceSeconds: index == nil ? patienceSeconds : waitSeconds + waitSeconds / 16 + 30
        )
        let records =
            answer.status == 404
            ? [] : try Self.decode([KeyRecord].self, answer, what: what)
        return Listing(records: records, index: answer.index)
    }
}
