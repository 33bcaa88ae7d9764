/// Whose an endpoint is, while there are ACLs.
enum EndpointAccess {
    /// Everybody's, whatever token is shown.
    case open
    /// Of those that the default allows; what others are told differs.
    case shared
    /// Of the agent's own endpoints those that name what is missing.
    case agent
    /// Tokens' own, with rules of their own.
    case tokens
    case management
}

extension Endpoint {
    /// What nobody has thought of here is for management only.
    var access: EndpointAccess {
        switch self {
        case .root, .statusLeader, .statusPeers, .catalogDatacenters, .coordinateDatacenters,
            .livez, .readyz:
            .open
        case .key, .transaction, .sessionCreate, .sessionDestroy, .sessionRenew, .sessionInfo,
            .sessionNode, .sessionList, .catalogRegister, .catalogDeregister, .catalogNodes,
            .catalogServices, .catalogService, .catalogNode, .catalogNodeServices, .healthNode,
            .healthChecks, .healthService, .healthState, .agentSelf, .agentVersion, .agentHost,
            .agentMetrics, .agentMembers, .agentServices, .agentChecks, .agentMaintenance,
            .agentReload, .coordinateNodes, .eventList, .preparedQueries, .raftConfiguration:
            .shared
        case .agentService, .agentHealthByID, .agentHealthByName, .agentServiceRegister,
            .agentServiceDeregister, .agentServiceMaintenance, .agentCheckRegister,
            .agentCheckDeregister, .agentCheckPass, .agentCheckWarn, .agentCheckFail,
            .agentCheckUpdate:
            .agent
        case .aclBootstrap, .aclTokens, .aclTokenCreate, .aclTokenSelf, .aclToken, .aclPolicies,
            .aclPolicy, .aclPolicyByName, .aclEmptyList, .aclReplication, .aclGet, .aclPut,
            .aclPost, .aclGetPutDelete:
            .tokens
        default: .management
        }
    }
}
