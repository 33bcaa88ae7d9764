import ConsulProtocol
import Replica

/// From a request to the family that answers it.
enum Dispatch {
    static func step(_ request: Request, on loop: ConsulLoop) -> Step {
        if let refusal = refusal(request, loop) { return .answer(refusal) }
        if let reason = loop.status.whyUnserving, !request.endpoint.isAboutNode {
            return .answer(.text(500, reason))
        }
        return loop.settings.tokens.isEnabled
            ? TokenGate.step(request, on: loop) : permitted(request, on: loop)
    }

    /// What is done for a client that may do it.
    static func permitted(_ request: Request, on loop: ConsulLoop) -> Step {
        switch request.endpoint {
        case .root: .answer(StatusHandler.root())
        case .key: KeyHandler.step(request, loop)
        case .transaction: TransactionHandler.step(request, loop)
        case .sessionCreate: SessionHandler.create(request, loop)
        case .sessionDestroy: SessionHandler.destroy(request, loop)
        case .sessionRenew: SessionHandler.renew(request, loop)
        case .sessionInfo: SessionHandler.info(request, loop)
        case .sessionNode: SessionHandler.node(request, loop)
        case .sessionList: SessionHandler.list(request, loop)
        case .catalogRegister: CatalogHandler.register(request, loop)
        case .catalogDeregister: CatalogHandler.deregister(request, loop)
        case .catalogDatacenters: .answer(CatalogHandler.datacenters(request, loop))
        case .catalogNodes: CatalogHandler.nodes(request, loop)
        case .catalogServices: CatalogHandler.services(request, loop)
        case .catalogService: CatalogHandler.service(request, loop)
        case .catalogNode: CatalogHandler.node(request, loop)
        case .catalogNodeServices: CatalogHandler.nodeServices(request, loop)
        case .healthNode: HealthHandler.node(request, loop)
        case .healthChecks: HealthHandler.checks(request, loop)
        case .healthService: HealthHandler.service(request, loop)
        case .healthState: HealthHandler.state(request, loop)
        case .statusLeader: .answer(StatusHandler.leader(request, loop))
        case .statusPeers: .answer(StatusHandler.peers(request, loop))
        case .coordinateDatacenters, .coordinateNodes, .eventList, .preparedQueries:
            .answer(StatusHandler.standIn(request, loop))
        case .raftConfiguration: .answer(StatusHandler.raftConfiguration(loop))
        case .operatorMembers, .operatorRemove, .operatorPromote, .operatorDemote,
            .operatorTransfer, .operatorRefill:
            OperatorHandler.step(request)
        case .livez, .readyz, .logLevel: .answer(NodeHandler.answer(request, loop))
        case .znodes: .answer(ZnodeHandler.answer(request, loop))
        case .snapshot: SnapshotHandler.step(request)
        case .aclBootstrap, .aclTokens, .aclTokenCreate, .aclTokenSelf, .aclToken, .aclPolicies,
            .aclPolicy, .aclPolicyByName, .aclEmptyList, .aclReplication, .aclGet, .aclPut,
            .aclPost, .aclGetPutDelete:
            .answer(.text(401, "ACL support disabled"))
        default: AgentHandler.step(request, loop)
        }
    }

    /// What every endpoint refuses: a method, a malformed query, other namespaces and datacenters.
    private static func refusal(_ request: Request, _ loop: ConsulLoop) -> Answer? {
        if let methods = request.endpoint.methods {
            if request.method == .options {
                var answer = Answer.empty(200)
                answer.head.extra = .allow(methods.allowed)
                return answer
            }
            if !request.method.isOne(of: methods) {
                var answer = Answer.text(405, "method \(request.method.name) not allowed")
                answer.head.extra = .allow(methods.allowed)
                return answer
            }
        }
        if request.parameters.isMalformed { return .empty(500) }
        if request.parameters.isEmpty { return nil }
        guard let refusal = otherNamespace(request) ?? otherDatacenter(request, loop.settings)
        else { return nil }
        // What the request itself has wrong comes first.
        if request.endpoint.isRead, case .failure(let error) = ReadStep.options(request, loop) {
            return .text(400, error.text)
        }
        return refusal
    }

    private static func otherNamespace(_ request: Request) -> Answer? {
        for name in ["ns", "partition"] where !request.parameters.first(name).isEmpty {
            if name == "ns" && request.endpoint.ignoresNamespaces { continue }
            let feature = name == "ns" ? "Namespaces are" : "Partitions are"
            return .text(
                400,
                "Bad request: Invalid query parameter: \"\(name)\" - "
                    + "\(feature) a Consul Enterprise feature"
            )
        }
        return nil
    }

    private static func otherDatacenter(
        _ request: Request,
        _ settings: ConsulSettings
    ) -> Answer? {
        let datacenter = request.parameters.first("dc")
        guard !datacenter.isEmpty, datacenter != settings.datacenter,
            !request.endpoint.ignoresDatacenters
        else { return nil }
        var answer = Answer.text(500, "No path to datacenter")
        if request.endpoint.saysIndexOfFailures {
            answer.head.metadata = AnswerMetadata(index: 1, knowsLeader: false)
        }
        return answer
    }
}
