/// Everything that a path of the API may mean.
enum Endpoint: UInt8, CaseIterable {
    case root
    case key
    case transaction
    case sessionCreate, sessionDestroy, sessionRenew, sessionInfo, sessionNode, sessionList
    case catalogRegister, catalogDeregister, catalogDatacenters, catalogNodes, catalogServices
    case catalogService, catalogNode, catalogNodeServices
    case healthNode, healthChecks, healthService, healthState
    case agentSelf, agentVersion, agentHost, agentMetrics, agentMembers, agentServices
    case agentService, agentChecks, agentHealthByID, agentHealthByName
    case agentServiceRegister, agentServiceDeregister, agentServiceMaintenance
    case agentCheckRegister, agentCheckDeregister, agentCheckPass, agentCheckWarn
    case agentCheckFail, agentCheckUpdate, agentMaintenance, agentReload
    case statusLeader, statusPeers
    case coordinateDatacenters, coordinateNodes, eventList, preparedQueries, raftConfiguration
    case operatorMembers, operatorRemove, operatorPromote, operatorDemote, operatorTransfer
    case operatorRefill
    case livez, readyz
    case logLevel, znodes
    case snapshot
    case aclBootstrap, aclTokens, aclTokenCreate, aclTokenSelf, aclToken
    case aclPolicies, aclPolicy, aclPolicyByName, aclEmptyList, aclReplication
    /// The rest of /v1/acl, which is not served; the methods differ.
    case aclGet, aclPut, aclPost, aclGetPutDelete

    /// Reads of the state, whose options are looked at before anything else.
    var isRead: Bool {
        switch self {
        case .key, .sessionInfo, .sessionNode, .sessionList, .catalogNodes,
            .catalogServices, .catalogService, .catalogNode, .catalogNodeServices, .healthNode,
            .healthChecks, .healthService, .healthState, .statusLeader, .statusPeers:
            true
        default: false
        }
    }

    /// An error of these comes with the headers of an answer that is not there.
    var saysIndexOfFailures: Bool {
        switch self {
        case .key, .catalogDatacenters, .statusLeader, .statusPeers: false
        default: isRead
        }
    }

    /// What belongs to no namespace; Consul passes over `?ns=` there.
    var ignoresNamespaces: Bool {
        switch self {
        case .transaction, .catalogDatacenters, .catalogNodes, .statusLeader, .statusPeers,
            .agentSelf, .agentVersion, .agentHost, .agentMetrics, .agentMembers, .agentMaintenance,
            .agentReload:
            true
        default: false
        }
    }

    /// The agent answers for itself, whatever datacenter is named.
    var ignoresDatacenters: Bool {
        switch self {
        case .catalogDatacenters, .agentSelf, .agentVersion, .agentHost, .agentMetrics,
            .agentMembers, .agentServices, .agentService, .agentChecks, .agentHealthByID,
            .agentHealthByName, .agentServiceRegister, .agentServiceDeregister,
            .agentServiceMaintenance, .agentCheckRegister, .agentCheckDeregister, .agentCheckPass,
            .agentCheckWarn, .agentCheckFail, .agentCheckUpdate, .agentMaintenance, .agentReload:
            true
        default: false
        }
    }

    /// What is answered without a look at the state that clients share, and so by a node whose
    /// state is wrong too.
    var isAboutNode: Bool {
        switch self {
        case .root, .statusLeader, .statusPeers, .agentVersion, .agentHost, .agentMetrics,
            .operatorMembers, .operatorRemove, .operatorPromote, .operatorDemote,
            .operatorTransfer, .operatorRefill, .livez, .readyz, .logLevel:
            true
        default: false
        }
    }

    /// The value of Allow; nil where any method does.
    var methods: String? {
        switch self {
        case .root, .livez, .readyz: nil
        case .logLevel: "GET,PUT"
        case .key: "GET,PUT,DELETE"
        case .transaction, .sessionCreate, .sessionDestroy, .sessionRenew, .catalogRegister,
            .catalogDeregister, .agentServiceRegister, .agentServiceDeregister,
            .agentServiceMaintenance, .agentCheckRegister, .agentCheckDeregister, .agentCheckPass,
            .agentCheckWarn, .agentCheckFail, .agentCheckUpdate, .agentMaintenance, .agentReload,
            .operatorRemove, .operatorPromote, .operatorDemote, .operatorTransfer, .operatorRefill:
            "PUT"
        case .preparedQueries: "GET,POST"
        case .snapshot: "GET,PUT"
        case .aclPut, .aclBootstrap, .aclTokenCreate: "PUT"
        case .aclPost: "POST"
        case .aclGetPutDelete, .aclToken, .aclPolicy: "GET,PUT,DELETE"
        default: "GET"
        }
    }
}
