import Bytes
import Commands
import ConsulProtocol
import Replica
import StateMachine

/// /v1/agent/: what this node's programs ask and tell.
///
/// The real agent keeps services and checks in a file and copies them to the catalog now and then.
/// Here the catalog's entries of this node are the agent's only memory, so that there is nothing
/// to bring into step. What the server registers about itself stays out of the agent's lists.
enum AgentHandler {
    static func step(_ request: Request, _ loop: ConsulLoop) -> Step {
        do throws(StateError) {
            return switch request.endpoint {
            case .agentSelf: .answer(try AgentIdentity.own(request, loop))
            case .agentVersion: .answer(AgentIdentity.version(request, loop))
            case .agentHost: .answer(AgentIdentity.host(request, loop))
            case .agentMembers: .answer(try AgentIdentity.members(request, loop))
            // As in the real agent, any other format is JSON.
            case .agentMetrics:
                .collect(request.parameters.first("format") == "prometheus" ? .prometheus : .json)
            case .agentReload: .answer(.empty(200))
            case .agentServices: .answer(try services(request, loop))
            case .agentService: try service(request, loop)
            case .agentChecks: .answer(try checks(request, loop))
            case .agentHealthByID: .answer(try AgentHealth.byID(request, loop))
            case .agentHealthByName: .answer(try AgentHealth.byName(request, loop))
            case .agentServiceRegister: try AgentRegistration.service(request, loop)
            case .agentCheckRegister: try AgentRegistration.check(request, loop)
            case .agentServiceDeregister: try AgentRegistration.deregisterService(request, loop)
            case .agentCheckDeregister: AgentRegistration.deregisterCheck(request, loop)
            case .agentServiceMaintenance: try AgentMaintenance.service(request, loop)
            case .agentMaintenance: try AgentMaintenance.node(request, loop)
            case .agentCheckPass: try AgentChecks.set(.passing, request, loop)
            case .agentCheckWarn: try AgentChecks.set(.warning, request, loop)
            case .agentCheckFail: try AgentChecks.set(.critical, request, loop)
            case .agentCheckUpdate: try AgentChecks.update(request, loop)
            default: .answer(.empty(404))
            }
        } catch {
            return .answer(.text(500, "\(error)"))
        }
    }

    /// The service and the check that the server itself has in the catalog.
    static let ownService: ByteString = "consul"
    static let ownCheck: ByteString = "serfHealth"

    static func nodeName(_ loop: ConsulLoop) -> ByteString { ByteString(loop.settings.nodeName) }

    static func localServices(_ loop: ConsulLoop) throws(StateError) -> [ServiceRecord] {
        let node = nodeName(loop)
        let all = try loop.port.read { view throws(StateError) in try view.services(node: node) }
        return all.filter { $0.definition.id != ownService }
    }

    static func localChecks(_ loop: ConsulLoop) throws(StateError) -> [CheckRecord] {
        let node = nodeName(loop)
        let all = try loop.port.read { view throws(StateError) in try view.checks(node: node) }
        return all.filter { $0.definition.id != ownCheck }
    }

    private static func filter(
        _ request: Request,
        _ schema: FilterSchema,
        _ loop: ConsulLoop
    ) throws(DecodeError) -> Filter? {
        let text = request.parameters.first("filter")
        return text.isEmpty ? nil : try Filter(text, schema: schema, limits: loop.limits)
    }

    private static func services(
        _ request: Request,
        _ loop: ConsulLoop
    ) throws(StateError) -> Answer {
        let filter: Filter?
        do throws(DecodeError) {
            filter = try self.filter(request, Schemas.agentService, loop)
        } catch {
            return .text(500, error.text)
        }
        var json = JSONWriter()
        json.beginObject()
        for service in try localServices(loop) {
            var element = JSONWriter()
            element.agentService(service.definition)
            guard admits(filter, element.bytes) else { continue }
            json.name(escaping: service.definition.id)
            json.raw(element.bytes)
        }
        json.endObject()
        return .json(json.bytes)
    }

    private static func checks(
        _ request: Request,
        _ loop: ConsulLoop
    ) throws(StateError) -> Answer {
        let filter: Filter?
        do throws(DecodeError) {
            filter = try self.filter(request, Schemas.check, loop)
        } catch {
            return .text(500, error.text)
        }
        var json = JSONWriter()
        json.beginObject()
        for check in try localChecks(loop) {
            var element = JSONWriter()
            element.agentCheck(check)
            guard admits(filter, element.bytes) else { continue }
            json.name(escaping: check.definition.id)
            json.raw(element.bytes)
        }
        json.endObject()
        return .json(json.bytes)
    }

    private static func admits(_ filter: Filter?, _ json: [UInt8]) -> Bool {
        guard let filter else { return true }
        guard let value = try? JSONParser.parse(json.rawSpan, depthMax: 64) else { return false }
        return filter.matches(value)
    }

    /// One service; `?hash=` waits until its contents are others.
    private static func service(
        _ request: Request,
        _ loop: ConsulLoop
    ) throws(StateError) -> Step {
        var options: ReadOptions
        do throws(DecodeError) {
            options = try ReadOptions(waiting: request.parameters, limits: loop.limits)
        } catch {
            return .answer(.text(400, error.text))
        }
        let node = nodeName(loop)
        let question = Question(
            subject: .agentService(node: node, id: request.suffixName)
        )
        options.index = 0
        let wanted = request.parameters.isEmpty ? "" : request.parameters.first("hash")
        if !wanted.isEmpty {
            let evaluation = Evaluator.evaluate(question, on: loop)
            if evaluation.answer.head.contentHash == wanted { options.index = evaluation.index }
        }
        return .ask(question, options)
    }
}
