import Bytes
import Commands
import ConsulProtocol
import StateMachine

/// What a client without the right hears from the agent, which names the right that is missing.
enum AgentDenial {
    static func step(_ request: Request, _ loop: ConsulLoop) throws(StateError) -> Step {
        switch request.endpoint {
        case .agentServiceRegister: return try serviceRegistration(request, loop)
        case .agentCheckRegister: return try checkRegistration(request, loop)
        case .agentService, .agentHealthByID:
            guard try service(request.suffixName, loop) != nil else {
                return Dispatch.permitted(request, on: loop)
            }
            return .answer(.text(403, ErrorTexts.denied))
        case .agentServiceDeregister, .agentServiceMaintenance:
            if request.suffix.isEmpty { return Dispatch.permitted(request, on: loop) }
            guard let name = try service(request.suffixName, loop) else {
                let id = Strconv.quoted(request.suffixName.text)
                return .answer(.text(500, "Unknown service {\(id) {}}"))
            }
            return missing("service", name)
        case .agentCheckDeregister, .agentCheckPass, .agentCheckWarn, .agentCheckFail,
            .agentCheckUpdate:
            return try check(request, loop)
        default: return .answer(.text(403, ErrorTexts.denied))
        }
    }

    private static func missing(_ kind: String, _ name: ByteString) -> Step {
        .answer(.text(403, "\(ErrorTexts.denied): Missing \(kind):write on \(name)"))
    }

    private static func missingNode(_ loop: ConsulLoop) -> Step {
        missing("node", AgentHandler.nodeName(loop))
    }

    /// The name of the agent's service of this id.
    private static func service(
        _ id: ByteString,
        _ loop: ConsulLoop
    ) throws(StateError) -> ByteString? {
        let services = try AgentHandler.localServices(loop)
        return services.first { $0.definition.id == id }?.definition.name
    }

    private static func serviceRegistration(
        _ request: Request,
        _ loop: ConsulLoop
    ) throws(StateError) -> Step {
        let step = try AgentRegistration.service(request, loop)
        if case .answer(let answer) = step, answer.head.status == 400 { return step }
        do throws(DecodeError) {
            let body = try ServiceBody(json: request.json(loop.limits), form: .agent)
            return missing("service", body.name)
        } catch {
            return .answer(.text(400, error.text))
        }
    }

    private static func checkRegistration(
        _ request: Request,
        _ loop: ConsulLoop
    ) throws(StateError) -> Step {
        let step = try AgentRegistration.check(request, loop)
        if case .answer(let answer) = step, answer.head.status == 400 { return step }
        let body: CheckBody
        do throws(DecodeError) {
            body = try CheckBody(json: request.json(loop.limits), form: .agent)
        } catch {
            return .answer(.text(400, error.text))
        }
        guard let name = try service(body.serviceID, loop) else { return missingNode(loop) }
        return missing("service", name)
    }

    private static func check(_ request: Request, _ loop: ConsulLoop) throws(StateError) -> Step {
        let id = request.suffixName
        let found = try AgentHandler.localChecks(loop).first { $0.definition.id == id }
        guard let found else {
            return .answer(.text(500, "Unknown check \(Strconv.quoted(id.text))"))
        }
        guard let name = try service(found.definition.serviceID, loop) else {
            return missingNode(loop)
        }
        return missing("service", name)
    }
}
