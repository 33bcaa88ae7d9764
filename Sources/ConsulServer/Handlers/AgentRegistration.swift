import Bytes
import Commands
import ConsulProtocol
import Replica
import StateMachine

/// Registering and deregistering services and checks of this node.
enum AgentRegistration {
    static func service(_ request: Request, _ loop: ConsulLoop) throws(StateError) -> Step {
        let body: ServiceBody
        do throws(DecodeError) {
            body = try ServiceBody(json: request.json(loop.limits), form: .agent)
        } catch {
            return refused("Request decode failed: \(error.text)")
        }
        if body.name.bytes.isEmpty { return refused("Missing service name") }
        if let problem = problem(of: body) { return refused(problem) }
        if let step = ReadStep.wait(request, loop, for: .leader) { return step }
        var checks: [CheckDefinition] = []
        let id = body.id.bytes.isEmpty ? body.name : body.id
        for (position, check) in body.checks.enumerated() {
            if let refusal = unsupported(check) { return refusal }
            var check = check
            check.serviceID = id
            if check.id.bytes.isEmpty {
                let suffix = body.checks.count > 1 ? ":\(position + 1)" : ""
                check.id = ByteString("service:\(id)\(suffix)")
            }
            if check.name.bytes.isEmpty { check.name = ByteString("Service '\(body.name)' check") }
            checks.append(try definition(of: check, loop))
        }
        var command = Register(node: node(loop), skipNodeUpdate: true)
        command.service = withAddresses(body.definition())
        command.checks = checks
        var payloads: [[UInt8]] = []
        if replacesChecks(request) {
            payloads = try removals(ofService: id, keeping: checks.map(\.id), request, loop)
        }
        payloads.append(command.encode(request.commandHeader))
        return .propose(payloads, .agentWrite)
    }

    private static func replacesChecks(_ request: Request) -> Bool {
        guard request.parameters.has("replace-existing-checks") else { return false }
        let value = request.parameters.first("replace-existing-checks")
        return value.isEmpty || value == "true"
    }

    private static func removals(
        ofService id: ByteString,
        keeping kept: [ByteString],
        _ request: Request,
        _ loop: ConsulLoop
    ) throws(StateError) -> [[UInt8]] {
        let node = AgentHandler.nodeName(loop)
        return try AgentHandler.localChecks(loop)
            .filter { $0.definition.serviceID == id && !kept.contains($0.definition.id) }
            .map { check in
                Deregister(node: node, checkID: check.definition.id)
                    .encode(request.commandHeader)
            }
    }

    static func check(_ request: Request, _ loop: ConsulLoop) throws(StateError) -> Step {
        var body: CheckBody
        do throws(DecodeError) {
            body = try CheckBody(json: request.json(loop.limits), form: .agent)
        } catch {
            return refused("Request decode failed: \(error.text)")
        }
        if body.name.bytes.isEmpty { return refused("Missing check name") }
        if let status = body.status, !status.bytes.isEmpty, !isStatus(status) {
            return refused("Bad check status")
        }
        if let problem = body.probe.problem() { return refused("Invalid check: \(problem)") }
        if let refusal = unsupported(body) { return refusal }
        if let step = ReadStep.wait(request, loop, for: .leader) { return step }
        if body.id.bytes.isEmpty { body.id = body.name }
        if !body.serviceID.bytes.isEmpty {
            let services = try AgentHandler.localServices(loop)
            guard services.contains(where: { $0.definition.id == body.serviceID }) else {
                let id = Strconv.quoted(body.serviceID.text)
                return .answer(.text(500, "ServiceID \(id) does not exist"))
            }
        }
        var command = Register(node: node(loop), skipNodeUpdate: true)
        command.checks = [try definition(of: body, loop)]
        return .propose([command.encode(request.commandHeader)], .agentWrite)
    }

    static func deregisterService(
        _ request: Request,
        _ loop: ConsulLoop
    ) throws(StateError) -> Step {
        if request.suffix.isEmpty { return .answer(.text(500, "ServiceID missing")) }
        let id = request.suffixName
        if id == AgentHandler.ownService { return .answer(.empty(200)) }
        let node = AgentHandler.nodeName(loop)
        let found = try loop.port.read { view throws(StateError) in
            try view.service(node: node, id: id)
        }
        // The catalog's names compare without regard to case, the agent's do not.
        if let found, found.definition.id != id { return .answer(.empty(200)) }
        let command = Deregister(node: node, serviceID: id)
        return .propose([command.encode(request.commandHeader)], .agentWrite)
    }

    static func deregisterCheck(_ request: Request, _ loop: ConsulLoop) -> Step {
        if request.suffix.isEmpty { return .answer(.text(500, "CheckID missing")) }
        let id = request.suffixName
        if id == AgentHandler.ownCheck { return .answer(.empty(200)) }
        let command = Deregister(node: AgentHandler.nodeName(loop), checkID: id)
        return .propose([command.encode(request.commandHeader)], .agentWrite)
    }

    // MARK: What is allowed

    private static func refused(_ text: String) -> Step { .answer(.text(400, text)) }

    static func isStatus(_ status: ByteString) -> Bool {
        status == "passing" || status == "warning" || status == "critical"
    }

    private static func problem(of body: ServiceBody) -> String? {
        if body.address == "0.0.0.0" || body.address == "::" || body.address == "[::]" {
            return "Invalid service address"
        }
        if let weights = body.weights {
            if weights.passing < 1 { return "Invalid Weights: Passing must be greater than 0" }
            if weights.warning < 0 {
                return "Invalid Weights: Warning must be greater or equal than 0"
            }
            if weights.passing > 65_535 || weights.warning > 65_535 {
                return "Invalid Weights: DNS Weight must be between 0 and 65535"
            }
        }
        if let problem = MetadataRules.problem(body.metadata ?? []) {
            return "Invalid Service Meta: \(problem)"
        }
        for check in body.checks {
            if let problem = check.probe.problem() { return "Invalid check: \(problem)" }
            if let status = check.status, !status.bytes.isEmpty, !isStatus(status) {
                return "Status for checks must 'passing', 'warning', 'critical'"
            }
        }
        return nil
    }

    /// Checks that this server would have to make itself are not made yet.
    private static func unsupported(_ check: CheckBody) -> Step? {
        switch check.probe.type {
        case "ttl": return nil
        case "script":
            return .answer(
                .text(
                    500,
                    "Scripts are disabled on this agent from remote calls; to enable, "
                        + "configure 'enable_script_checks' to true"
                )
            )
        case let type:
            return .answer(
                .text(
                    500,
                    "Check type \(Strconv.quoted(type)) is not supported yet: only TTL checks"
                )
            )
        }
    }

    // MARK: What goes into the log

    /// This node, by name only: it is registered already.
    private static func node(_ loop: ConsulLoop) -> NodeDefinition {
        ConsulAgent.node(loop.settings)
    }

    /// A check that is registered again keeps its status and output: a status that is given counts
    /// for a new one only. What it has is what the leader has: one that turned critical there does
    /// not pass again without a sign of life.
    private static func definition(
        of body: CheckBody,
        _ loop: ConsulLoop
    ) throws(StateError) -> CheckDefinition {
        let node = AgentHandler.nodeName(loop)
        let id = body.id
        let old = try loop.port.read { view throws(StateError) in
            try view.check(node: node, id: id)
        }
        let given = body.status.flatMap { $0.bytes.isEmpty ? nil : CheckStatus($0) }
        let after = body.probe.deregisterAfter.milliseconds
        return CheckDefinition(
            node: node,
            id: id,
            name: body.name,
            status: old?.definition.status ?? given ?? .critical,
            notes: body.notes,
            output: old?.definition.output ?? "",
            serviceID: body.serviceID,
            type: ByteString(body.probe.type),
            ttlMilliseconds: body.probe.ttl.milliseconds,
            deregisterAfterMilliseconds: after > 0
                ? max(after, loop.limits.deregisterAfterMillisecondsMin) : 0
        )
    }

    /// An address is also known under its family's names.
    private static func withAddresses(_ service: ServiceDefinition) -> ServiceDefinition {
        let text = service.address.text
        let families: [String]
        if isIPv4(text) {
            families = ["lan_ipv4", "wan_ipv4"]
        } else if text.contains(":") {
            families = ["lan_ipv6", "wan_ipv6"]
        } else {
            return service
        }
        var service = service
        var addresses = service.taggedAddresses ?? []
        for family in families where !addresses.contains(where: { $0.name == ByteString(family) }) {
            addresses.append(
                TaggedAddress(
                    name: ByteString(family),
                    address: service.address,
                    port: service.port
                )
            )
        }
        service.taggedAddresses = addresses.sorted { $0.name < $1.name }
        return service
    }

    private static func isIPv4(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                !part.isEmpty && part.utf8.count <= 3 && part.allSatisfy { ("0"..."9") ~= $0 }
                    && UInt16(part).map { $0 < 256 } == true
            }
    }
}

/// Metadata's bounds (structs.ValidateServiceMetadata).
enum MetadataRules {
    static func problem(_ metadata: [Metadatum]) -> String? {
        if metadata.count > 64 {
            return "Node metadata cannot contain more than 64 key/value pairs"
        }
        for pair in metadata {
            guard let reason = problem(pair) else { continue }
            return "Couldn't load metadata pair ('\(pair.key)', '\(pair.value)'): \(reason)"
        }
        return nil
    }

    private static func problem(_ pair: Metadatum) -> String? {
        if pair.key.bytes.isEmpty { return "Key cannot be blank" }
        let isPlain = pair.key.bytes.allSatisfy { byte in
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
        }
        if !isPlain { return "Key contains invalid characters" }
        if pair.key.bytes.count > 128 { return "Key is too long (limit: 128 characters)" }
        if pair.key.text.hasPrefix("consul-") {
            return "Key prefix 'consul-' is reserved for internal use"
        }
        if pair.value.bytes.count > 512 { return "Value is too long (limit: 512 characters)" }
        return nil
    }
}
