public import Bytes
public import Commands

/// A health check in the body of a registration.
public struct CheckBody: Equatable, Sendable {
    public var node: ByteString = ""
    public var id: ByteString = ""
    public var name: ByteString = ""
    public var status: ByteString?
    public var notes: ByteString = ""
    public var output: ByteString = ""
    public var serviceID: ByteString = ""
    /// As /v1/catalog/register is told; empty where it follows from how the check is made.
    public var type: ByteString = ""
    public var probe = CheckProbe()
    public var modifyIndex: UInt64 = 0

    public init() {}

    /// - Parameter isNested: a check inside a service, whose name for the identifier differs.
    public init(
        json: JSONValue,
        form: BodyForm,
        isNested: Bool = false
    ) throws(DecodeError) {
        for member in try GoDecode.members(of: json, type: "structs.CheckType") {
            if try read(member, form, isNested) { continue }
            if form == .agent, try probe.read(member) { continue }
            throw GoDecode.unknown(member.name)
        }
    }

    /// Reads what every form has; false for any other field.
    private mutating func read(
        _ member: JSONMember,
        _ form: BodyForm,
        _ isNested: Bool
    ) throws(DecodeError) -> Bool {
        let value = member.value
        let field = form == .agent ? ".\(member.name)" : "HealthCheck.Check.\(member.name)"
        switch (GoDecode.folded(member.name), form) {
        case ("checkid", _) where form != .agent || isNested,
            ("id", .agent) where !isNested:
            id = try GoDecode.text(value, field) ?? id
        case ("name", _): name = try GoDecode.text(value, field) ?? name
        case ("status", _): status = try GoDecode.text(value, field) ?? status
        case ("notes", _): notes = try GoDecode.text(value, field) ?? notes
        case ("serviceid", _), ("service_id", .agent):
            let text = try GoDecode.text(value, field) ?? serviceID
            if !isNested { serviceID = text }
        case ("token", .agent) where !isNested: _ = try GoDecode.text(value, field)
        case ("node", _) where form != .agent: node = try GoDecode.text(value, field) ?? node
        case ("output", _) where form != .agent:
            output = try GoDecode.text(value, field) ?? output
        case ("type", .catalog): type = try GoDecode.text(value, field) ?? type
        case ("servicename", _) where form != .agent, ("type", .transaction):
            _ = try GoDecode.text(value, field)
        case ("servicetags", _) where form != .agent: _ = try GoDecode.texts(value, field)
        case ("createindex", _) where form != .agent: _ = try GoDecode.unsigned(value, field)
        case ("modifyindex", _) where form != .agent:
            modifyIndex = try GoDecode.unsigned(value, field) ?? 0
        case ("definition", _) where form != .agent:
            let type = "structs.HealthCheckDefinition"
            for part in try GoDecode.members(value, field, type) ?? [] {
                _ = try probe.read(part)
            }
        default: return false
        }
        return true
    }

    /// Whether nothing was said of it.
    var isBlank: Bool {
        var blank = CheckBody()
        if status?.bytes.isEmpty == true { blank.status = "" }
        return self == blank
    }

    /// The check as /v1/catalog/register and /v1/txn store it: whatever they are told.
    public func catalogCheck() -> CheckDefinition {
        CheckDefinition(
            node: node,
            id: id.bytes.isEmpty ? name : id,
            name: name,
            status: CheckStatus(status ?? "critical"),
            notes: notes,
            output: output,
            serviceID: serviceID,
            type: type.bytes.isEmpty ? ByteString(probe.catalogType) : type,
            definition: probe.definitionJSON()
        )
    }
}

/// How a check is made: the fields of a definition that say what to probe, and how often.
public struct CheckProbe: Equatable, Sendable {
    public var ttl = GoDuration(nanoseconds: 0)
    public var interval = GoDuration(nanoseconds: 0)
    public var timeout = GoDuration(nanoseconds: 0)
    public var deregisterAfter = GoDuration(nanoseconds: 0)
    public var http: ByteString = ""
    public var method: ByteString = ""
    public var body: ByteString = ""
    public var header: [(name: ByteString, values: [ByteString])] = []
    public var skipsVerification = false
    public var tcp: ByteString = ""
    public var udp: ByteString = ""
    public var grpc: ByteString = ""
    public var grpcUsesTLS = false
    public var h2ping: ByteString = ""
    public var arguments: [ByteString] = []
    public var containerID: ByteString = ""
    public var shell: ByteString = ""
    public var aliasNode: ByteString = ""
    public var aliasService: ByteString = ""
    public var osService: ByteString = ""
    public var outputBytesMax = 0

    public init() {}

    public static func == (left: CheckProbe, right: CheckProbe) -> Bool {
        left.definitionJSON() == right.definitionJSON()
    }

    /// Reads one field; false if it is none of a probe.
    mutating func read(_ member: JSONMember) throws(DecodeError) -> Bool {
        let name = GoDecode.folded(member.name).filter { $0 != "_" }
        if try readDuration(name, member.value) { return true }
        let field = ".\(member.name)"
        let value = member.value
        switch name {
        case "http": http = try GoDecode.text(value, field) ?? http
        case "method": method = try GoDecode.text(value, field) ?? method
        case "body": body = try GoDecode.text(value, field) ?? body
        case "header": try readHeader(value, field)
        case "tlsskipverify":
            skipsVerification = try GoDecode.bool(value, field) ?? skipsVerification
        case "tcp": tcp = try GoDecode.text(value, field) ?? tcp
        case "udp": udp = try GoDecode.text(value, field) ?? udp
        case "grpc": grpc = try GoDecode.text(value, field) ?? grpc
        case "grpcusetls": grpcUsesTLS = try GoDecode.bool(value, field) ?? grpcUsesTLS
        case "h2ping": h2ping = try GoDecode.text(value, field) ?? h2ping
        case "args", "scriptargs": arguments = try GoDecode.texts(value, field) ?? arguments
        case "dockercontainerid": containerID = try GoDecode.text(value, field) ?? containerID
        case "shell": shell = try GoDecode.text(value, field) ?? shell
        case "aliasnode": aliasNode = try GoDecode.text(value, field) ?? aliasNode
        case "aliasservice": aliasService = try GoDecode.text(value, field) ?? aliasService
        case "osservice": osService = try GoDecode.text(value, field) ?? osService
        case "outputmaxsize": outputBytesMax = try GoDecode.int(value, field) ?? outputBytesMax
        case "successbeforepassing", "failuresbeforecritical", "failuresbeforewarning":
            _ = try GoDecode.int(value, field)
        default: return false
        }
        return true
    }

    private mutating func readDuration(
        _ name: String,
        _ value: JSONValue
    ) throws(DecodeError) -> Bool {
        switch name {
        case "ttl": ttl = try GoDecode.duration(value) ?? ttl
        case "interval": interval = try GoDecode.duration(value) ?? interval
        case "timeout": timeout = try GoDecode.duration(value) ?? timeout
        case "deregistercriticalserviceafter":
            deregisterAfter = try GoDecode.duration(value) ?? deregisterAfter
        default: return false
        }
        return true
    }

    private mutating func readHeader(_ value: JSONValue, _ field: String) throws(DecodeError) {
        let members = try GoDecode.members(value, field, "map[string][]string")
        header = []
        for member in members ?? [] {
            let values = try GoDecode.texts(member.value, field) ?? []
            header.append((name: ByteString(member.name), values: values))
        }
        header.sort { $0.name < $1.name }
    }

    /// Consul's word for the kind of check (CheckType.Type).
    public var type: String {
        if !grpc.bytes.isEmpty { return "grpc" }
        if ttl.nanoseconds > 0 { return "ttl" }
        if !http.bytes.isEmpty { return "http" }
        if !tcp.bytes.isEmpty { return "tcp" }
        if !udp.bytes.isEmpty { return "udp" }
        if !h2ping.bytes.isEmpty { return "h2ping" }
        if !containerID.bytes.isEmpty { return "docker" }
        if !arguments.isEmpty { return "script" }
        if !aliasNode.bytes.isEmpty || !aliasService.bytes.isEmpty { return "alias" }
        if !osService.bytes.isEmpty { return "os_service" }
        return ""
    }

    /// The type of a check in the catalog that was registered without one.
    var catalogType: String {
        if !http.bytes.isEmpty { return "http" }
        return tcp.bytes.isEmpty ? "" : "tcp"
    }

    /// The `Definition` of an answer: what is set, in Go's order; empty for `{}`.
    public func definitionJSON() -> [UInt8] {
        var json = JSONWriter(reserving: 64)
        json.beginObject()
        func text(_ name: String, _ value: ByteString) {
            guard !value.bytes.isEmpty else { return }
            json.name(name)
            json.string(value)
        }
        func duration(_ name: String, _ value: GoDuration) {
            if value.nanoseconds != 0 { text(name, ByteString(value.description)) }
        }
        func flag(_ name: String, _ value: Bool) {
            guard value else { return }
            json.name(name)
            json.bool(true)
        }
        duration("Interval", interval)
        if outputBytesMax != 0 {
            json.name("OutputMaxSize")
            json.integer(outputBytesMax)
        }
        duration("Timeout", timeout)
        duration("DeregisterCriticalServiceAfter", deregisterAfter)
        text("HTTP", http)
        flag("TLSSkipVerify", skipsVerification)
        writeHeader(&json)
        text("Method", method)
        text("Body", body)
        text("TCP", tcp)
        text("UDP", udp)
        if !arguments.isEmpty {
            json.name("ScriptArgs")
            json.texts(arguments)
        }
        text("DockerContainerID", containerID)
        text("Shell", shell)
        text("GRPC", grpc)
        flag("GRPCUseTLS", grpcUsesTLS)
        text("H2PING", h2ping)
        text("AliasNode", aliasNode)
        text("AliasService", aliasService)
        if ttl.nanoseconds != 0 {
            json.name("TTL")
            json.integer(Int(ttl.nanoseconds))
        }
        json.endObject()
        return json.bytes.count == 2 ? [] : json.bytes
    }

    private func writeHeader(_ json: inout JSONWriter) {
        guard !header.isEmpty else { return }
        json.name("Header")
        json.beginObject()
        for (name, values) in header {
            json.name(escaping: name)
            json.texts(values)
        }
        json.endObject()
    }
}

extension CheckProbe {
    /// What Consul finds wrong with it (CheckType.Validate).
    public func problem() -> String? {
        let needsInterval =
            !arguments.isEmpty || !http.bytes.isEmpty || !tcp.bytes.isEmpty || !grpc.bytes.isEmpty
            || !udp.bytes.isEmpty || !h2ping.bytes.isEmpty || !osService.bytes.isEmpty
        let isAlias = !aliasNode.bytes.isEmpty || !aliasService.bytes.isEmpty
        if interval.nanoseconds > 0 && ttl.nanoseconds > 0 {
            return "Interval and TTL cannot both be specified"
        }
        if needsInterval && interval.nanoseconds <= 0 {
            return "Interval must be > 0 for Script, HTTP, or TCP checks"
        }
        if needsInterval && isAlias { return "Interval cannot be set for Alias checks" }
        if isAlias && ttl.nanoseconds > 0 { return "TTL must be not be set for Alias checks" }
        if !needsInterval && !isAlias && ttl.nanoseconds <= 0 {
            return "TTL must be > 0 for TTL checks"
        }
        return nil
    }
}
