public import Bytes
import Commands

/// The body of /v1/acl/token and what is below it.
public struct TokenBody: Equatable, Sendable {
    public var accessor: ByteString = ""
    public var secret: ByteString = ""
    public var description: ByteString?
    public var isLocal = false
    /// Policies and roles as the client names them.
    public private(set) var policies: [Link] = []
    public private(set) var roles: [Link] = []
    public private(set) var rules: ByteString = ""
    public private(set) var hasIdentities = false
    public private(set) var expires = false

    public struct Link: Equatable, Sendable {
        public var id: ByteString = ""
        public var name: ByteString = ""
    }

    public init() {}

    public init(json: JSONValue) throws(DecodeError) {
        let type = "struct { ExpirationTTL interface {}; Hash string; *structs.Alias }"
        for member in try GoDecode.members(of: json, type: type) {
            try read(member.value, as: member.name)
        }
    }

    private mutating func read(_ value: JSONValue, as name: String) throws(DecodeError) {
        let field = ".\(name)"
        switch GoDecode.folded(name) {
        case "accessorid": accessor = try GoDecode.text(value, field) ?? accessor
        case "secretid": secret = try GoDecode.text(value, field) ?? secret
        case "description": description = try GoDecode.text(value, field) ?? description
        case "local": isLocal = try GoDecode.bool(value, field) ?? isLocal
        case "policies":
            policies = try Self.links(value, field, "[]structs.ACLTokenPolicyLink")
        case "roles": roles = try Self.links(value, field, "[]structs.ACLTokenRoleLink")
        case "rules": rules = try GoDecode.text(value, field) ?? rules
        case "serviceidentities", "nodeidentities":
            let elements = try GoDecode.elements(value, field, "[]*structs.ACLServiceIdentity")
            if elements?.isEmpty == false { hasIdentities = true }
        case "expirationttl":
            if let ttl = try GoDecode.duration(value), ttl.nanoseconds != 0 { expires = true }
        case "expirationtime":
            if let time = try GoDecode.text(value, field), !time.bytes.isEmpty { expires = true }
        case "authmethod", "createtime", "hash", "namespace": _ = try GoDecode.text(value, field)
        case "createindex", "modifyindex": _ = try GoDecode.unsigned(value, field)
        default: throw GoDecode.unknown(name)
        }
    }

    private static func links(
        _ value: JSONValue,
        _ field: String,
        _ type: String
    ) throws(DecodeError) -> [Link] {
        var links: [Link] = []
        for element in try GoDecode.elements(value, field, type) ?? [] {
            var link = Link()
            for member in try GoDecode.members(element, field, type) ?? [] {
                switch GoDecode.folded(member.name) {
                case "id": link.id = try GoDecode.text(member.value, field) ?? ""
                case "name": link.name = try GoDecode.text(member.value, field) ?? ""
                default: throw GoDecode.unknown(member.name)
                }
            }
            links.append(link)
        }
        return links
    }

    /// The policies by id; there is one.
    public func policyIDs() throws(DecodeError) -> [ByteString] {
        var ids: [ByteString] = []
        for link in policies {
            guard let id = BuiltinPolicy.id(of: link) else { throw Self.missing("policy", link) }
            if !ids.contains(id) { ids.append(id) }
        }
        return ids
    }

    /// What it asks for that there is not.
    public func problem() -> String? {
        if let role = roles.first { return Self.missing("role", role).text }
        if !rules.bytes.isEmpty { return "Rules cannot be specified for this token" }
        if hasIdentities { return "service and node identities are not served by this Roost" }
        return expires ? "tokens that expire are not served by this Roost" : nil
    }

    private static func missing(_ what: String, _ link: Link) -> DecodeError {
        let isByID = !link.id.bytes.isEmpty
        let named = Strconv.quoted((isByID ? link.id : link.name).text)
        return DecodeError("No such ACL \(what) with \(isByID ? "ID" : "name") \(named)")
    }
}

/// The body of /v1/acl/bootstrap, which newer Consuls take.
public struct BootstrapBody: Equatable, Sendable {
    /// nil: one is to be made.
    public private(set) var secret: ByteString?

    public init(json: JSONValue) throws(DecodeError) {
        for member in try GoDecode.members(of: json, type: "structs.ACLInitialTokenBootstrap") {
            guard GoDecode.folded(member.name) == "bootstrapsecret" else { continue }
            let field = "ACLInitialTokenBootstrap.BootstrapSecret"
            let text = try GoDecode.text(member.value, field) ?? ""
            if !text.bytes.isEmpty { secret = text }
        }
    }
}

/// The policy that is always there (structs.ACLPolicyGlobalManagement).
public enum BuiltinPolicy {
    public static let name: ByteString = "global-management"
    public static let description: ByteString = "Builtin Policy that grants unlimited access"

    static func id(of link: TokenBody.Link) -> ByteString? {
        let isNamed =
            link.id.bytes.isEmpty ? link.name == name : link.id == TokenDefinition.management
        return isNamed ? TokenDefinition.management : nil
    }

    public static let rules: ByteString = """

        acl = "write"
        agent_prefix "" {
        \tpolicy = "write"
        }
        event_prefix "" {
        \tpolicy = "write"
        }
        key_prefix "" {
        \tpolicy = "write"
        }
        keyring = "write"
        node_prefix "" {
        \tpolicy = "write"
        }
        operator = "write"
        query_prefix "" {
        \tpolicy = "write"
        }
        service_prefix "" {
        \tpolicy = "write"
        \tintentions = "write"
        }
        session_prefix "" {
        \tpolicy = "write"
        }
        """
}
