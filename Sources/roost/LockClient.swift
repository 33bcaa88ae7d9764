import Foundation

/// A lock in Consul's way: a key that a session holds. The key and its flags are those of the
/// `consul lock` command, so that both exclude each other.
struct LockClient {
    let client: ConsulClient
    let key: String

    /// What Consul's own clients mark a lock's key with.
    static let flags: UInt64 = 0x2ddc_cbc0_58a5_0c18
    /// How long to wait where nobody holds it and it cannot be had: a lock-delay runs.
    private static let retrySeconds = 1
    /// How long each step of giving the lock back may take; what does not come in time, its TTL
    /// does.
    private static let endSeconds: Int64 = 3

    /// - Parameter name: a prefix; the key is NAME/.lock.
    init(_ client: ConsulClient, name: String) {
        self.client = client
        key = name.hasSuffix("/") ? name + ".lock" : name + "/.lock"
    }

    func makeSession(
        name: String,
        ttl: String,
        lockDelay: String?
    ) async throws(CommandFailure) -> String {
        var wanted = ["Name": name, "TTL": ttl, "Behavior": "release"]
        wanted["LockDelay"] = lockDelay
        let what = "creating the lock's session"
        let body: Data
        do { body = try JSONEncoder().encode(wanted) } catch {
            throw .unexpectedAnswer("\(error)", what: what)
        }
        let answer = try await client.send(.put, "/v1/session/create", body: body, what: what)
        let created = try ConsulClient.decode([String: String].self, answer, what: what)
        guard let id = created["ID"] else {
            throw .unexpectedAnswer(answer.text, what: what)
        }
        return id
    }

    /// Whether the session is there still.
    func renew(_ session: String) async throws(CommandFailure) -> Bool {
        let answer = try await client.send(
            .put,
            "/v1/session/renew/" + ConsulClient.escaped(session),
            what: "renewing the lock's session",
            accepted: [404],
            patienceSeconds: 10
        )
        return answer.status == 200
    }

    /// Waits until the session holds the lock.
    /// - Returns: the index at which it was seen to.
    func acquire(_ session: String, value: Data) async throws -> UInt64 {
        var index: UInt64?
        while true {
            try Task.checkCancellation()
            let look = try await client.records(
                key,
                isPrefix: false,
                after: index,
                consistency: "consistent"
            )
            let record = look.records.first
            if let record, record.flags != Self.flags {
                throw CommandFailure.conditionNotMet("'\(key)' is there and is no lock's key")
            }
            if record?.session == session { return look.index }
            if record?.session != nil {
                index = max(1, look.index)
                continue
            }
            index = nil
            if try await take(session, value) { return look.index }
            try await Task.sleep(for: .seconds(Self.retrySeconds))
        }
    }

    private func take(_ session: String, _ value: Data) async throws(CommandFailure) -> Bool {
        let answer = try await client.send(
            .put,
            "/v1/kv/" + ConsulClient.escaped(key),
            [("acquire", session), ("flags", "\(Self.flags)")],
            body: value,
            what: "taking the lock '\(key)'"
        )
        return answer.text == "true"
    }

    /// Waits until the session does not hold the lock any more, and says why.
    func loss(of session: String) async throws(CommandFailure) -> String {
        var index: UInt64 = 1
        while true {
            let look = try await client.records(
                key,
                isPrefix: false,
                after: index,
                consistency: "consistent"
            )
            guard let record = look.records.first else { return "'\(key)' was deleted" }
            guard record.session == session else {
                return record.session.map { "session \($0) holds it" } ?? "it was released"
            }
            index = look.index < index ? 1 : max(1, look.index)
        }
    }

    /// Gives the lock back.
    func release(_ session: String) async throws(CommandFailure) {
        _ = try await client.send(
            .put,
            "/v1/kv/" + ConsulClient.escaped(key),
            [("release", session), ("flags", "\(Self.flags)")],
            what: "releasing '\(key)'",
            patienceSeconds: Self.endSeconds
        )
    }

    /// Where nobody has taken it since.
    func removeKey() async throws(CommandFailure) {
        let look = try await client.records(
            key,
            isPrefix: false,
            patienceSeconds: Self.endSeconds
        )
        if let record = look.records.first, record.session == nil, record.flags == Self.flags {
            _ = try await client.send(
                .delete,
                "/v1/kv/" + ConsulClient.escaped(key),
                [("cas", "\(record.modifyIndex)")],
                what: "removing '\(key)'",
                patienceSeconds: Self.endSeconds
            )
        }
    }

    /// The lock goes with it.
    func destroy(_ session: String) async throws(CommandFailure) {
        _ = try await client.send(
            .put,
            "/v1/session/destroy/" + ConsulClient.escaped(session),
            what: "ending the lock's session",
            patienceSeconds: Self.endSeconds
        )
    }
}
