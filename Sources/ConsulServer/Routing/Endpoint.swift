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

    /// The agent answers for itself, whatever datacenter is named. A registration in the catalog
    /// names one in its body, and only that one counts.
    var ignoresDatacenters: Bool {
        switch self {
        case .catalogRegister, .catalogDeregister, .catalogDatacenters, .agentSelf, .agentVersion,
            .agentHost, .agentMetrics, .agentMembers, .agentServices, .agentService, .agentChecks,
            .agentHealthByID, .agentHealthByName, .agentServiceRegister, .agentServiceDeregister,
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

    /// The methods that it has; nil where any does.
    var methods: Methods? {
        switch self {
        case .root, .livez, .readyz: nil
        case .logLevel: [.get, .put]
        case .key: [.get, .put, .delete]
        case .transaction, .sessionCreate, .sessionDestroy, .sessionRenew, .catalogRegister,
            .catalogDeregister, .agentServiceRegister, .agentServiceDeregister,
            .agentServiceMaintenance, .agentCheckRegister, .agentCheckDeregister, .agentCheckPass,
            .agentCheckWarn, .agentCheckFail, .agentCheckUpdate, .agentMaintenance, .agentReload,
            .operatorRemove, .operatorPromote, .operatorDemote, .operatorTransfer, .operatorRefill:
            .put
        case .preparedQueries: [.get, .post]
        case .snapshot: [.get, .put]
        case .aclPut, .aclBootstrap, .aclTokenCreate: .put
        case .aclPost: .post
        case .aclGetPutDelete, .aclToken, .aclPolicy: [.get, .put, .delete]
        default: .get
        }
    }
}

/// A set of methods.
struct Methods: OptionSet {
    let rawValue: UInt8

    static let get = Methods(rawValue: 1)
    static let put = Methods(rawValue: 2)
    static let delete = Methods(rawValue: 4)
    static let post = Methods(rawValue: 8)

    /// The value of Allow, with the method that every endpoint answers.
    var allowed: String {
        let names: [(Methods, String)] = [
            (.get, "GET"), (.put, "PUT"), (.delete, "DELETE"), (.post, "POST"),
        ]
        return "OPTIONS," + names.filter { contains($0.0) }.map(\.1).joined(separator: ",")
    }
}
