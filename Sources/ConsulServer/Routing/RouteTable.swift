import Bytes

/// Finds the endpoint of a path, as Go's ServeMux does: an exact path, or the longest prefix that
/// ends in a slash.
enum RouteTable {
    enum Match: Equatable {
        /// The endpoint, and where the rest of the path begins.
        case found(Endpoint, suffixStart: Int)
        /// The path of a subtree without its slash: 301.
        case needsSlash
        case none
    }

    static func match(_ path: [UInt8]) -> Match {
        // The hot path, without hashing.
        if path.count >= keyPrefix.count, path[..<keyPrefix.count].elementsEqual(keyPrefix) {
            return .found(.key, suffixStart: keyPrefix.count)
        }
        if let endpoint = exact[ByteString(path)] {
            return .found(endpoint, suffixStart: path.count)
        }
        var end = path.count
        while let slash = path[..<end].lastIndex(of: UInt8(ascii: "/")) {
            let prefix = ByteString(Array(path[...slash]))
            if let endpoint = subtrees[prefix] { return .found(endpoint, suffixStart: slash + 1) }
            end = slash
        }
        if subtrees[ByteString(path + [UInt8(ascii: "/")])] != nil { return .needsSlash }
        return .none
    }

    /// Each endpoint's path as Consul's metrics write it ("v1.kv._"), by the endpoint's number; nil
    /// where several paths share one.
    static let metricNames: [String?] = {
        var names = [[String]](repeating: [], count: Endpoint.allCases.count)
        for (path, endpoint) in Array(exact) + Array(subtrees) {
            let parts = "\(path)".split(separator: "/", omittingEmptySubsequences: false)
            let words = parts.dropFirst().map { $0.isEmpty ? "_" : String($0) }
            names[Int(endpoint.rawValue)].append(words.joined(separator: "."))
        }
        return names.map { $0.count == 1 ? $0[0] : nil }
    }()

    /// The path of an endpoint, as it is asked for; of several the first by name. Walks the table.
    static func path(of endpoint: Endpoint) -> String {
        let paths = (Array(exact) + Array(subtrees)).filter { $0.value == endpoint }
        return paths.map { $0.key.text }.min() ?? "\(endpoint)"
    }

    private static let keyPrefix = Array("/v1/kv/".utf8)

    private static let exact: [ByteString: Endpoint] = [
        "/": .root,
        "/v1/txn": .transaction,
        "/v1/session/create": .sessionCreate,
        "/v1/session/list": .sessionList,
        "/v1/catalog/register": .catalogRegister,
        "/v1/catalog/deregister": .catalogDeregister,
        "/v1/catalog/datacenters": .catalogDatacenters,
        "/v1/catalog/nodes": .catalogNodes,
        "/v1/catalog/services": .catalogServices,
        "/v1/agent/self": .agentSelf,
        "/v1/agent/version": .agentVersion,
        "/v1/agent/host": .agentHost,
        "/v1/agent/metrics": .agentMetrics,
        "/v1/agent/members": .agentMembers,
        "/v1/agent/services": .agentServices,
        "/v1/agent/checks": .agentChecks,
        "/v1/agent/maintenance": .agentMaintenance,
        "/v1/agent/reload": .agentReload,
        "/v1/agent/service/register": .agentServiceRegister,
        "/v1/agent/check/register": .agentCheckRegister,
        "/v1/status/leader": .statusLeader,
        "/v1/status/peers": .statusPeers,
        "/v1/coordinate/datacenters": .coordinateDatacenters,
        "/v1/coordinate/nodes": .coordinateNodes,
        "/v1/event/list": .eventList,
        "/v1/query": .preparedQueries,
        "/v1/operator/raft/configuration": .raftConfiguration,
        "/v1/snapshot": .snapshot,
        "/v1/roost/members": .operatorMembers,
        "/v1/roost/members/remove": .operatorRemove,
        "/v1/roost/members/promote": .operatorPromote,
        "/v1/roost/members/demote": .operatorDemote,
        "/v1/roost/members/refill": .operatorRefill,
        "/v1/roost/leader/transfer": .operatorTransfer,
        "/v1/roost/log-level": .logLevel,
        "/v1/roost/znodes": .znodes,
        "/livez": .livez,
        "/readyz": .readyz,
        "/v1/acl/bootstrap": .aclBootstrap,
        "/v1/acl/login": .aclPost,
        "/v1/acl/logout": .aclPost,
        "/v1/acl/replication": .aclReplication,
        "/v1/acl/policies": .aclPolicies,
        "/v1/acl/policy": .aclPut,
        "/v1/acl/roles": .aclEmptyList,
        "/v1/acl/role": .aclPut,
        "/v1/acl/tokens": .aclTokens,
        "/v1/acl/token": .aclTokenCreate,
        "/v1/acl/token/self": .aclTokenSelf,
        "/v1/acl/binding-rules": .aclEmptyList,
        "/v1/acl/binding-rule": .aclPut,
        "/v1/acl/auth-methods": .aclEmptyList,
        "/v1/acl/auth-method": .aclPut,
        "/v1/acl/create": .aclPut,
        "/v1/acl/update": .aclPut,
        "/v1/acl/list": .aclGet,
        "/v1/acl/rules/translate": .aclPost,
    ]

    private static let subtrees: [ByteString: Endpoint] = [
        "/v1/kv/": .key,
        "/livez/": .livez,
        "/readyz/": .readyz,
        "/v1/session/destroy/": .sessionDestroy,
        "/v1/session/renew/": .sessionRenew,
        "/v1/session/info/": .sessionInfo,
        "/v1/session/node/": .sessionNode,
        "/v1/catalog/service/": .catalogService,
        "/v1/catalog/node/": .catalogNode,
        "/v1/catalog/node-services/": .catalogNodeServices,
        "/v1/health/node/": .healthNode,
        "/v1/health/checks/": .healthChecks,
        "/v1/health/service/": .healthService,
        "/v1/health/state/": .healthState,
        "/v1/agent/service/": .agentService,
        "/v1/agent/health/service/id/": .agentHealthByID,
        "/v1/agent/health/service/name/": .agentHealthByName,
        "/v1/agent/service/deregister/": .agentServiceDeregister,
        "/v1/agent/service/maintenance/": .agentServiceMaintenance,
        "/v1/agent/check/deregister/": .agentCheckDeregister,
        "/v1/agent/check/pass/": .agentCheckPass,
        "/v1/agent/check/warn/": .agentCheckWarn,
        "/v1/agent/check/fail/": .agentCheckFail,
        "/v1/agent/check/update/": .agentCheckUpdate,
        "/v1/acl/policy/": .aclPolicy,
        "/v1/acl/policy/name/": .aclPolicyByName,
        "/v1/acl/role/": .aclGetPutDelete,
        "/v1/acl/role/name/": .aclGet,
        "/v1/acl/token/": .aclToken,
        "/v1/acl/binding-rule/": .aclGetPutDelete,
        "/v1/acl/auth-method/": .aclGetPutDelete,
        "/v1/acl/destroy/": .aclPut,
        "/v1/acl/info/": .aclGet,
        "/v1/acl/clone/": .aclPut,
        "/v1/acl/rules/translate/": .aclGet,
    ]
}
