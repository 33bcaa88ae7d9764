import Bytes
import Commands
import ConsulProtocol
import StateMachine

/// Maintenance is a critical check with a name of its own.
enum AgentMaintenance {
    static let nodeCheck: ByteString = "_node_maintenance"
    static let servicePrefix = "_service_maintenance:"

    static func service(_ request: Request, _ loop: ConsulLoop) throws(StateError) -> Step {
        if request.suffix.isEmpty { return .answer(.text(400, "Missing service ID")) }
        let enable: Bool
        switch enabled(request) {
        case .success(let value): enable = value
        case .failure(let error): return .answer(.text(400, error.text))
        }
        let id = request.suffixName
        let services = try AgentHandler.localServices(loop)
        guard services.contains(where: { $0.definition.id == id }) else {
            let quoted = Strconv.quoted(id.text)
            return .answer(.text(404, "No service registered with ID \(quoted)"))
        }
        let check = CheckDefinition(
            node: AgentHandler.nodeName(loop),
            id: ByteString(servicePrefix + id.text),
            name: "Service Maintenance Mode",
            notes: reason(request, "service"),
            serviceID: id,
            type: "maintenance"
        )
        return try step(check, enable: enable, request, loop)
    }

    static func node(_ request: Request, _ loop: ConsulLoop) throws(StateError) -> Step {
        let enable: Bool
        switch enabled(request) {
        case .success(let value): enable = value
        case .failure(let error): return .answer(.text(400, error.text))
        }
        let check = CheckDefinition(
            node: AgentHandler.nodeName(loop),
            id: nodeCheck,
            name: "Node Maintenance Mode",
            notes: reason(request, "node"),
            type: "maintenance"
        )
        return try step(check, enable: enable, request, loop)
    }

    private static func step(
        _ check: CheckDefinition,
        enable: Bool,
        _ request: Request,
        _ loop: ConsulLoop
    ) throws(StateError) -> Step {
        let isThere = try AgentHandler.localChecks(loop)
            .contains { $0.definition.id == check.id }
        guard enable != isThere else { return .answer(.empty(200)) }
        guard enable else {
            let command = Deregister(node: check.node, checkID: check.id)
            return .propose([command.encode(request.commandHeader)], .agentWrite)
        }
        var command = Register(node: ConsulAgent.node(loop.settings), skipNodeUpdate: true)
        command.checks = [check]
        return .propose([command.encode(request.commandHeader)], .agentWrite)
    }

    private static func enabled(_ request: Request) -> Result<Bool, DecodeError> {
        guard request.parameters.has("enable") else {
            return .failure(DecodeError("Missing value for enable"))
        }
        let text = request.parameters.first("enable")
        do throws(DecodeError) {
            return .success(try Strconv.parseBool(text))
        } catch {
            return .failure(DecodeError("Invalid value for enable: \(Strconv.quoted(text))"))
        }
    }

    private static func reason(_ request: Request, _ what: String) -> ByteString {
        let given = request.parameters.first("reason")
        if !given.isEmpty { return ByteString(given) }
        return ByteString(
            "Maintenance mode is enabled for this \(what), but no reason was provided. "
                + "This is a default message."
        )
    }
}
