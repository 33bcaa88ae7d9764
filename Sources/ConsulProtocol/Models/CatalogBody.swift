public import Bytes
public import Commands

/// The body of /v1/catalog/register.
public struct RegisterBody: Equatable, Sendable {
    public var datacenter: ByteString = ""
    public var node = NodeDefinition(name: "")
    public var skipNodeUpdate = false
    public var service: ServiceBody?
    /// `Check` and then `Checks`.
    public var checks: [CheckBody] = []

    public init(json: JSONValue) throws(DecodeError) {
        var first: CheckBody?
        for member in try GoDecode.members(of: json, type: "structs.RegisterRequest") {
            let value = member.value
            switch GoDecode.folded(member.name) {
            case "service":
                let type = "structs.NodeService"
                guard try GoDecode.members(value, "RegisterRequest.Service", type) != nil else {
                    continue
                }
                service = try ServiceBody(json: value, form: .catalog)
            case "check":
                if case .null = value { continue }
                first = try CheckBody(json: value, form: .catalog)
            case "checks":
                let field = "RegisterRequest.Checks"
                for element in try GoDecode.elements(value, field, "structs.HealthChecks") ?? [] {
                    checks.append(try CheckBody(json: element, form: .catalog))
                }
            default: try read(member)
            }
        }
        if let first { checks.insert(first, at: 0) }
    }

    private mutating func read(_ member: JSONMember) throws(DecodeError) {
        let value = member.value
        let field = "RegisterRequest.\(member.name)"
        switch GoDecode.folded(member.name) {
        case "datacenter": datacenter = try GoDecode.text(value, field) ?? datacenter
        case "id": node.id = try GoDecode.text(value, field) ?? node.id
        case "node": node.name = try GoDecode.text(value, field) ?? node.name
        case "address": node.address = try GoDecode.text(value, field) ?? node.address
        case "taggedaddresses":
            node.taggedAddresses = try CatalogFields.taggedAddresses(value, field)
        case "nodemeta": node.metadata = try GoDecode.map(value, field)
        case "skipnodeupdate": skipNodeUpdate = try GoDecode.bool(value, field) ?? false
        case "token", "writerequest": return
        default: throw GoDecode.unknown(member.name)
        }
    }

    /// What Consul finds wrong before it tries (catalog_endpoint.go, Register).
    public func problem() -> String? {
        if node.name.bytes.isEmpty { return "Must provide node" }
        if node.address.bytes.isEmpty && !skipNodeUpdate {
            return "Must provide address if SkipNodeUpdate is not set"
        }
        if !node.id.bytes.isEmpty, let error = UUIDText.parseError(node.id.bytes) {
            return "Bad node ID: \(error)"
        }
        if let service, service.name.bytes.isEmpty {
            return service.id.bytes.isEmpty
                ? "failed inserting service: failed inserting service: "
                    + "object missing primary index" : "Must provide service name with ID"
        }
        for check in checks {
            if !check.node.bytes.isEmpty && check.node != node.name {
                return "check node \(Strconv.quoted(check.node.text)) does not match node "
                    + Strconv.quoted(node.name.text)
            }
            if check.id.bytes.isEmpty && check.name.bytes.isEmpty {
                return "failed inserting check: failed inserting check: "
                    + "object missing primary index on node \(Strconv.quoted(node.name.text))"
            }
        }
        return nil
    }
}

/// The body of /v1/catalog/deregister.
public struct DeregisterBody: Equatable, Sendable {
    public var datacenter: ByteString = ""
    public var node: ByteString = ""
    public var serviceID: ByteString = ""
    public var checkID: ByteString = ""

    public init(json: JSONValue) throws(DecodeError) {
        for member in try GoDecode.members(of: json, type: "structs.DeregisterRequest") {
            let value = member.value
            let field = ".\(member.name)"
            switch GoDecode.folded(member.name) {
            case "datacenter": datacenter = try GoDecode.text(value, field) ?? datacenter
            case "node": node = try GoDecode.text(value, field) ?? node
            case "serviceid": serviceID = try GoDecode.text(value, field) ?? serviceID
            case "checkid": checkID = try GoDecode.text(value, field) ?? checkID
            case "address": _ = try GoDecode.text(value, field)
            case "token", "writerequest": continue
            default: throw GoDecode.unknown(member.name)
            }
        }
    }
}

/// The body of /v1/agent/check/update.
public struct CheckUpdateBody: Equatable, Sendable {
    public var status: ByteString = ""
    public var output: ByteString = ""

    public init(json: JSONValue) throws(DecodeError) {
        for member in try GoDecode.members(of: json, type: "agent.checkUpdate") {
            let field = "checkUpdate.\(member.name)"
            switch GoDecode.folded(member.name) {
            case "status": status = try GoDecode.text(member.value, field) ?? status
            case "output": output = try GoDecode.text(member.value, field) ?? output
            default: throw GoDecode.unknown(member.name)
            }
        }
    }
}

/// Fields that several bodies share.
enum CatalogFields {
    static func taggedAddresses(
        _ value: JSONValue,
        _ field: String
    ) throws(DecodeError) -> [TaggedAddress]? {
        let map = try GoDecode.map(value, field)
        return map?.map { TaggedAddress(name: $0.key, address: $0.value) }
    }

    /// A node of a transaction (api.Node), and its ModifyIndex.
    static func node(
        _ value: JSONValue
    ) throws(DecodeError) -> (NodeDefinition, index: UInt64) {
        var node = NodeDefinition(name: "")
        var index: UInt64 = 0
        for member in try GoDecode.members(value, "NodeTxnOp.Node.Node", "api.Node") ?? [] {
            let value = member.value
            let field = "Node.Node.Node.\(member.name)"
            switch GoDecode.folded(member.name) {
            case "id": node.id = try GoDecode.text(value, field) ?? ""
            case "node": node.name = try GoDecode.text(value, field) ?? ""
            case "address": node.address = try GoDecode.text(value, field) ?? ""
            case "datacenter": node.datacenter = try GoDecode.text(value, field) ?? ""
            case "taggedaddresses": node.taggedAddresses = try taggedAddresses(value, field)
            case "meta": node.metadata = try GoDecode.map(value, field)
            case "createindex": _ = try GoDecode.unsigned(value, field)
            case "modifyindex": index = try GoDecode.unsigned(value, field) ?? 0
            default: throw GoDecode.unknown(member.name)
            }
        }
        return (node, index)
    }
}
