import Bytes
import Commands
import ConsulProtocol
import Replica
import StateMachine

/// Lets a request pass to the family that answers it, or says in Consul's words why not.
///
/// As there, what is wrong with a request by itself comes before the question who asks, an unknown
/// token is always told so, and who may not see a list finds it empty.
enum TokenGate {
    static func step(_ request: Request, on loop: ConsulLoop) -> Step {
        var request = request
        let access = request.endpoint.access
        if access == .open { return Dispatch.permitted(request, on: loop) }
        do throws(StateError) {
            let authority = try Authority(of: request, on: loop)
            request.accessor = authority.accessor
            let isAllowed =
                authority.isManagement
                || (authority.isOrdinary && loop.settings.tokens.allowsByDefault)
            return switch access {
            case .open: Dispatch.permitted(request, on: loop)
            case .tokens: try TokenHandler.step(request, authority, loop)
            case .management:
                authority.isManagement
                    ? Dispatch.permitted(request, on: loop)
                    : refused(request, authority)
            case .shared, .agent:
                if isAllowed {
                    Dispatch.permitted(request, on: loop)
                } else if authority == .unknown {
                    unknown(request, loop)
                } else if access == .agent {
                    try AgentDenial.step(request, loop)
                } else {
                    try denied(request, loop)
                }
            }
        } catch {
            return .answer(.text(500, "\(error)"))
        }
    }

    static func refused(_ request: Request, _ authority: Authority) -> Step {
        refused(
            request,
            authority == .unknown ? ErrorTexts.unknownToken : ErrorTexts.denied
        )
    }

    private static func refused(_ request: Request, _ text: String) -> Step {
        var answer = Answer.text(403, text)
        if request.endpoint.saysIndexOfRefusals(request) {
            answer.head.metadata = AnswerMetadata(index: 1, knowsLeader: false)
        }
        return .answer(answer)
    }

    // MARK: A token that is not there

    private static func unknown(_ request: Request, _ loop: ConsulLoop) -> Step {
        let refusal = refused(request, ErrorTexts.unknownToken)
        switch request.endpoint {
        // These tell the leader of a sign of life.
        case .sessionRenew, .agentCheckPass, .agentCheckWarn, .agentCheckFail, .agentCheckUpdate:
            return refusal
        default:
            guard case .answer(let answer) = Dispatch.permitted(request, on: loop) else {
                return refusal
            }
            let isItsOwn = answer.head.status == 400 || answer.head.status == 413
            let comesFirst: [Endpoint] = [.key, .catalogDeregister, .catalogNodes]
            let isFirst = isItsOwn || comesFirst.contains(request.endpoint)
            return isFirst ? .answer(answer) : refusal
        }
    }

    // MARK: A token that may not

    private static func denied(_ request: Request, _ loop: ConsulLoop) throws(StateError) -> Step {
        switch request.endpoint {
        case .transaction: return TransactionHandler.denied(request, loop)
        case .sessionRenew: return try renewal(request, loop)
        case .catalogDeregister: return try deregistration(request, loop)
        case .sessionDestroy: return try destruction(request, loop)
        case .agentMembers: return .answer(.json(Array("[]".utf8)))
        case .agentServices, .agentChecks:
            let step = Dispatch.permitted(request, on: loop)
            if case .answer(let answer) = step, answer.head.status != 200 { return step }
            return .answer(.json(Array("{}".utf8)))
        // Empty as it is.
        case .coordinateNodes, .eventList, .preparedQueries:
            return Dispatch.permitted(request, on: loop)
        case .agentSelf, .agentVersion, .agentHost, .agentMetrics, .agentMaintenance, .agentReload,
            .raftConfiguration:
            return refused(request, ErrorTexts.denied)
        default: return denied(Dispatch.permitted(request, on: loop), request)
        }
    }

    private static func denied(_ step: Step, _ request: Request) -> Step {
        switch step {
        case .ask(var question, let options):
            if case .key = question.subject { return refused(request, ErrorTexts.denied) }
            question.isHidden = true
            return .ask(question, options)
        case .answer(let answer):
            // What is wrong with it comes first, but for a session's terms.
            let isFirst = answer.head.status == 400 || request.endpoint != .sessionCreate
            return isFirst && answer.head.status != 200
                ? step : refused(request, ErrorTexts.denied)
        case .wait: return step
        case .propose, .operate, .collect, .export: return refused(request, ErrorTexts.denied)
        }
    }

    private static func renewal(_ request: Request, _ loop: ConsulLoop) throws(StateError) -> Step {
        if let refusal = SessionHandler.identifierRefusal(request) { return .answer(refusal) }
        guard try isSession(request.suffixName, loop) else {
            if let step = ReadStep.wait(request, loop, for: .leader) { return step }
            return .answer(.text(404, "Session id '\(request.suffixName)' not found"))
        }
        return refused(request, ErrorTexts.denied)
    }

    private static func destruction(
        _ request: Request,
        _ loop: ConsulLoop
    ) throws(StateError) -> Step {
        if let refusal = SessionHandler.identifierRefusal(request) { return .answer(refusal) }
        guard try isSession(request.suffixName, loop) else {
            return ReadStep.wait(request, loop, for: .leader) ?? .answer(.yes)
        }
        return refused(request, ErrorTexts.denied)
    }

    private static func isSession(
        _ id: ByteString,
        _ loop: ConsulLoop
    ) throws(StateError) -> Bool {
        try loop.port.read { view throws(StateError) in try view.consulSession(id) } != nil
    }

    private static func deregistration(
        _ request: Request,
        _ loop: ConsulLoop
    ) throws(StateError) -> Step {
        let step = Dispatch.permitted(request, on: loop)
        if case .answer = step { return step }
        let body: DeregisterBody
        do throws(DecodeError) {
            body = try DeregisterBody(json: request.json(loop.limits))
        } catch {
            return .answer(.text(400, error.text))
        }
        let (node, service, check) = (body.node, body.serviceID, body.checkID)
        let isThere = try loop.port.read { view throws(StateError) in
            if !service.bytes.isEmpty { return try view.service(node: node, id: service) != nil }
            if !check.bytes.isEmpty { return try view.check(node: node, id: check) != nil }
            return true
        }
        guard isThere else {
            let name = service.bytes.isEmpty ? "check '\(check)'" : "service '\(service)'"
            return .answer(.text(500, "Unknown \(name)"))
        }
        return refused(request, ErrorTexts.denied)
    }
}

extension Endpoint {
    /// A refusal of these has the headers of an answer that is not there.
    fileprivate func saysIndexOfRefusals(_ request: Request) -> Bool {
        switch self {
        case .coordinateNodes, .aclTokens, .aclPolicies, .aclPolicyByName, .aclEmptyList: true
        case .preparedQueries, .aclToken, .aclPolicy, .aclGet, .aclGetPutDelete:
            request.method == .get
        default: saysIndexOfFailures
        }
    }
}

/// What a client sees of what it may not see.
enum Hiding {
    /// Its index stays: a client that waits learns that something has changed, and not what.
    static func hide(_ evaluation: inout Evaluation, _ subject: Question.Subject) {
        guard evaluation.answer.head.status < 500 else { return }
        evaluation.isMissing = false
        evaluation.answer =
            switch subject {
            case .key, .tree, .agentService, .token, .ownToken: .empty(404)
            case .keys(let prefix, _): prefix.bytes.isEmpty ? json("[]") : .empty(404)
            case .services: json("{}")
            case .node: json("null")
            case .nodeServices: json("{\"Node\":null,\"Services\":null}")
            case .session, .nodeSessions, .sessions, .nodes, .serviceInstances, .nodeHealth,
                .serviceChecks, .serviceHealth, .state, .tokens:
                json("[]")
            }
    }

    private static func json(_ text: String) -> Answer { .json(Array(text.utf8)) }
}
