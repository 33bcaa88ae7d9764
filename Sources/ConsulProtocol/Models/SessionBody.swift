public import Bytes
public import Commands

/// The body of /v1/session/create, which passes over fields that it does not know.
public struct SessionBody: Equatable, Sendable {
    public var name: ByteString = ""
    /// nil is this node.
    public var node: ByteString?
    public var lockDelay: GoDuration?
    public var behavior: ByteString = ""
    public var ttl: ByteString = ""
    /// The name of `NodeChecks` before 1.7.
    private var checks: [ByteString] = [Self.serfHealth]
    private var nodeChecks: [ByteString]? = [Self.serfHealth]
    public var serviceChecks: [ServiceCheckReference]?

    public init() {}

    /// An empty body is a session with the defaults.
    public init(json: JSONValue) throws(DecodeError) {
        let type = "struct { LockDelay interface {}; *structs.Alias }"
        for member in try GoDecode.members(of: json, type: type) {
            try read(member.value, as: GoDecode.folded(member.name))
        }
        // Less than 1,000 ns was meant in seconds (session_endpoint.go, FixupLockDelay). One far
        // below 0 wraps, as in Go; what counts of the result is bounded where keys are let go.
        if let delay = lockDelay, delay.nanoseconds < 1_000 {
            lockDelay = GoDuration(nanoseconds: delay.nanoseconds &* 1_000_000_000)
        }
    }

    private mutating func read(_ value: JSONValue, as name: String) throws(DecodeError) {
        switch name {
        case "name": self.name = try GoDecode.text(value, ".Name") ?? self.name
        case "node": node = try GoDecode.text(value, ".Node") ?? node
        case "id": _ = try GoDecode.text(value, ".ID")
        case "behavior":
            let type = "structs.SessionBehavior"
            behavior = try GoDecode.text(value, ".Behavior", type: type) ?? behavior
        case "ttl": ttl = try GoDecode.text(value, ".TTL") ?? ttl
        case "lockdelay":
            if case .null = value { return }
            lockDelay = try GoDecode.duration(value) ?? GoDuration(nanoseconds: 0)
        case "checks":
            checks = try GoDecode.texts(value, ".Checks", type: "types.CheckID") ?? []
        case "nodechecks": nodeChecks = try GoDecode.texts(value, ".NodeChecks")
        case "servicechecks": try readServiceChecks(value)
        default: return
        }
    }

    private static let serfHealth: ByteString = "serfHealth"

    /// The checks of the node that the session depends on: both lists together, unless one of them
    /// is empty, which then takes the default away from the other (fixupEmptySessionChecks).
    public var allNodeChecks: [ByteString]? {
        if checks.isEmpty { return [] }
        guard var all = nodeChecks, !all.isEmpty, checks != [Self.serfHealth] else {
            return nodeChecks
        }
        for check in checks where !all.contains(check) { all.append(check) }
        return all
    }

    private mutating func readServiceChecks(_ value: JSONValue) throws(DecodeError) {
        let type = "[]structs.ServiceCheck"
        guard let elements = try GoDecode.elements(value, ".ServiceChecks", type) else { return }
        var references: [ServiceCheckReference] = []
        for element in elements {
            let members = try GoDecode.members(
                element,
                ".ServiceChecks",
                "structs.ServiceCheck"
            )
            var reference = ServiceCheckReference(id: "")
            for member in members ?? [] {
                let field = "ServiceCheck.ServiceChecks.\(member.name)"
                switch GoDecode.folded(member.name) {
                case "id": reference.id = try GoDecode.text(member.value, field) ?? ""
                case "namespace":
                    reference.namespace = try GoDecode.text(member.value, field) ?? ""
                default: continue
                }
            }
            references.append(reference)
        }
        serviceChecks = references
    }
}

/// A session's texts that are checked before it is proposed.
public enum SessionRules {
    /// "" is release.
    public static func behavior(_ text: ByteString) throws(DecodeError) -> SessionBehavior {
        switch text.text {
        case "", "release": return .release
        case "delete": return .delete
        default: throw DecodeError("Invalid Behavior setting '\(text)'")
        }
    }

    /// The TTL in milliseconds, 0 for none.
    public static func ttlMilliseconds(
        _ text: ByteString,
        limits: ConsulLimits
    ) throws(DecodeError) -> Int64 {
        if text.bytes.isEmpty { return 0 }
        let duration: GoDuration
        do throws(DecodeError) {
            duration = try GoDuration(parsing: text.text)
        } catch {
            throw DecodeError("Session TTL '\(text)' invalid: \(error.text)")
        }
        let low = GoDuration(milliseconds: limits.sessionTTLMillisecondsMin)
        let high = GoDuration(milliseconds: limits.sessionTTLMillisecondsMax)
        guard duration.nanoseconds == 0 || (duration >= low && duration <= high) else {
            throw DecodeError(
                "Invalid Session TTL '\(duration.nanoseconds)', must be between [\(low)=\(high)]"
            )
        }
        return duration.milliseconds
    }
}
