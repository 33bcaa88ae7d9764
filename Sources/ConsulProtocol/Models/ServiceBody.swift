public import Bytes
public import Commands

/// Where a service or a check is described; the forms differ in the names of their fields.
public enum BodyForm: Sendable {
    /// /v1/agent/service/register and /v1/agent/check/register: CamelCase or snake_case.
    case agent
    /// /v1/catalog/register.
    case catalog
    /// /v1/txn.
    case transaction
}

/// A service in the body of a registration.
public struct ServiceBody: Equatable, Sendable {
    public var kind: ByteString = ""
    public var id: ByteString = ""
    public var name: ByteString = ""
    public var tags: [ByteString]?
    public var address: ByteString = ""
    public var taggedAddresses: [TaggedAddress]?
    public var port = 0
    public var socketPath: ByteString = ""
    public var metadata: [Metadatum]?
    public var weights: (passing: Int, warning: Int)?
    public var enableTagOverride = false
    public var isConnectNative = false
    /// `Check` and then `Checks`.
    public var checks: [CheckBody] = []
    public var modifyIndex: UInt64 = 0

    public init() {}

    public static func == (left: ServiceBody, right: ServiceBody) -> Bool {
        left.definition() == right.definition() && left.checks == right.checks
            && left.modifyIndex == right.modifyIndex
    }

    public init(json: JSONValue, form: BodyForm) throws(DecodeError) {
        let type =
            "struct { EnableTagOverrideSnake bool \"json:\\\"enable_tag_override\\\"\"; "
            + "TaggedAddressesSnake map[string]structs.ServiceAddress "
            + "\"json:\\\"tagged_addresses\\\"\"; *structs.Alias }"
        var first: CheckBody?
        for member in try GoDecode.members(of: json, type: type) {
            let value = member.value
            switch (GoDecode.folded(member.name), form) {
            case ("name", .agent), ("service", .catalog), ("service", .transaction):
                name = try GoDecode.text(value, Self.field(member, form)) ?? name
            case ("check", .agent):
                if case .null = value { continue }
                let check = try CheckBody(json: value, form: .agent, isNested: true)
                // A check of which nothing is said is how some clients write "none"; a TTL of 0 is
                // a mistake, though Consul takes it for the same.
                if !check.isBlank || Self.names("ttl", value) { first = check }
            case ("checks", .agent): try readChecks(value)
            case ("token", .agent): _ = try GoDecode.text(value, ".Token")
            case ("createindex", _): _ = try GoDecode.unsigned(value, Self.field(member, form))
            case ("modifyindex", _):
                modifyIndex = try GoDecode.unsigned(value, Self.field(member, form)) ?? 0
            default: try read(member, form)
            }
        }
        if let first { checks.insert(first, at: 0) }
    }

    private static func field(_ member: JSONMember, _ form: BodyForm) -> String {
        switch form {
        case .agent: ".\(member.name)"
        case .catalog: "NodeService.Service.\(member.name)"
        case .transaction: "AgentService.Service.Service.\(member.name)"
        }
    }

    private mutating func read(_ member: JSONMember, _ form: BodyForm) throws(DecodeError) {
        let value = member.value
        let field = Self.field(member, form)
        switch GoDecode.folded(member.name) {
        case "kind": kind = try GoDecode.text(value, field) ?? kind
        case "id": id = try GoDecode.text(value, field) ?? id
        case "tags": tags = try GoDecode.texts(value, field) ?? tags
        case "address": address = try GoDecode.text(value, field) ?? address
        case "taggedaddresses": try readTaggedAddresses(value, field)
        case "tagged_addresses" where form == .agent: try readTaggedAddresses(value, field)
        case "port": port = try GoDecode.int(value, field) ?? port
        case "socketpath", "socket_path": socketPath = try GoDecode.text(value, field) ?? ""
        case "meta": metadata = try GoDecode.map(value, field) ?? metadata
        case "weights": try readWeights(value, field)
        case "enabletagoverride":
            enableTagOverride = try GoDecode.bool(value, field) ?? enableTagOverride
        case "enable_tag_override" where form == .agent:
            enableTagOverride = try GoDecode.bool(value, field) ?? enableTagOverride
        case "connect": try readConnect(value, field)
        case "proxy":
            _ = try GoDecode.members(value, field, "structs.Proxy")
            guard Self.isUnset(value) else { throw Self.noMesh("Proxy") }
        case "locality": _ = try GoDecode.members(value, field, "structs.Locality")
        case "contenthash" where form == .transaction: _ = try GoDecode.text(value, field)
        default: throw GoDecode.unknown(member.name)
        }
    }

    private static func names(_ field: String, _ value: JSONValue) -> Bool {
        guard case .object(let members) = value else { return false }
        return members.contains { GoDecode.folded($0.name) == field }
    }

    private mutating func readChecks(_ value: JSONValue) throws(DecodeError) {
        let elements = try GoDecode.elements(value, ".Checks", "structs.CheckTypes")
        for element in elements ?? [] {
            if case .null = element { continue }
            checks.append(try CheckBody(json: element, form: .agent, isNested: true))
        }
    }

    private mutating func readTaggedAddresses(
        _ value: JSONValue,
        _ field: String
    ) throws(DecodeError) {
        let type = "map[string]structs.ServiceAddress"
        guard let members = try GoDecode.members(value, field, type) else { return }
        var byName: [ByteString: TaggedAddress] = [:]
        for member in members {
            let name = ByteString(member.name)
            var tagged = TaggedAddress(name: name, address: "")
            let parts = try GoDecode.members(member.value, field, "structs.ServiceAddress")
            for part in parts ?? [] {
                switch GoDecode.folded(part.name) {
                case "address":
                    tagged.address = try GoDecode.text(part.value, "ServiceAddress.Address") ?? ""
                case "port":
                    let port = try GoDecode.int(part.value, "ServiceAddress.Port") ?? 0
                    tagged.port = Int32(clamping: port)
                default: throw GoDecode.unknown(part.name)
                }
            }
            byName[name] = tagged
        }
        taggedAddresses = byName.values.sorted { $0.name < $1.name }
    }

    private mutating func readWeights(_ value: JSONValue, _ field: String) throws(DecodeError) {
        guard let members = try GoDecode.members(value, field, "structs.Weights") else { return }
        var passing = 0
        var warning = 0
        for member in members {
            let name = "Weights.\(member.name)"
            switch GoDecode.folded(member.name) {
            case "passing": passing = try GoDecode.int(member.value, name) ?? passing
            case "warning": warning = try GoDecode.int(member.value, name) ?? warning
            default: throw GoDecode.unknown(member.name)
            }
        }
        weights = (passing, warning)
    }

    private mutating func readConnect(_ value: JSONValue, _ field: String) throws(DecodeError) {
        let members = try GoDecode.members(value, field, "structs.ServiceConnect")
        for member in members ?? [] {
            switch GoDecode.folded(member.name) {
            case "native": isConnectNative = try GoDecode.bool(member.value, field) ?? false
            case "sidecarservice", "sidecar_service":
                guard case .null = member.value else { throw Self.noMesh("SidecarService") }
            default: continue
            }
        }
    }

    /// What is not served is not taken in silence: the client would wait for a proxy.
    private static func noMesh(_ field: String) -> DecodeError {
        DecodeError("\(field): there is no service mesh here; register the service without it")
    }

    /// Whether a value says no more than its absence would; what is answered for a service without
    /// a proxy is, and may be sent back.
    private static func isUnset(_ value: JSONValue) -> Bool {
        switch value {
        case .null: true
        case .bool(let flag): !flag
        case .number(let number): Double(number) == 0
        case .string(let text): text.bytes.isEmpty
        case .array(let elements): elements.isEmpty
        case .object(let members): members.allSatisfy { isUnset($0.value) }
        }
    }

    /// What goes into the log. Weights that were not given, or are both 0, are 1 and 1.
    public func definition() -> ServiceDefinition {
        var weights = weights ?? (1, 1)
        if weights == (0, 0) { weights = (1, 1) }
        return ServiceDefinition(
            kind: kind,
            id: id.bytes.isEmpty ? name : id,
            name: name,
            tags: tags,
            address: address,
            taggedAddresses: taggedAddresses,
            port: Int32(clamping: port),
            socketPath: socketPath,
            metadata: metadata,
            weightPassing: Int32(clamping: weights.passing),
            weightWarning: Int32(clamping: weights.warning),
            enableTagOverride: enableTagOverride,
            proxy: [],
            connect: isConnectNative ? Array("{\"Native\":true}".utf8) : []
        )
    }
}
