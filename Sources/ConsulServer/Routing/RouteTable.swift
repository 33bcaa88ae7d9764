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
        "/v1/roost/members": .operatorMembers,
        "/v1/roost/members/remove": .operatorRemove,
        "/v1/roost/members/promote": .operatorPromote,
        "/v1/roost/members/demote": .operatorDemote,
        "/v1/roost/leader/transfer": .operatorTransfer,
        "/v1/acl/bootstrap": .acl("PUT"),
        "/v1/acl/login": .acl("POST"),
        "/v1/acl/logout": .acl("POST"),
        "/v1/acl/replication": .acl("GET"),
        "/v1/acl/policies": .acl("GET"),
        "/v1/acl/policy": .acl("PUT"),
        "/v1/acl/roles": .acl("GET"),
        "/v1/acl/role": .acl("PUT"),
        "/v1/acl/tokens": .acl("GET"),
        "/v1/acl/token": .acl("PUT"),
        "/v1/acl/token/self": .acl("GET"),
        "/v1/acl/binding-rules": .acl("GET"),
        "/v1/acl/binding-rule": .acl("PUT"),
        "/v1/acl/auth-methods": .acl("GET"),
        "/v1/acl/auth-method": .acl("PUT"),
        "/v1/acl/create": .acl("PUT"),
        "/v1/acl/update": .acl("PUT"),
        "/v1/acl/list": .acl("GET"),
        "/v1/acl/rules/translate": .acl("POST"),
    ]

    private static let subtrees: [ByteString: Endpoint] = [
        "/v1/kv/": .key,
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
        "/v1/acl/policy/": .acl("GET,PUT,DELETE"),
        "/v1/acl/policy/name/": .acl("GET"),
        "/v1/acl/role/": .acl("GET,PUT,DELETE"),
        "/v1/acl/role/name/": .acl("GET"),
        "/v1/acl/token/": .acl("GET,PUT,DELETE"),
        "/v1/acl/binding-rule/": .acl("GET,PUT,DELETE"),
        "/v1/acl/auth-method/": .acl("GET,PUT,DELETE"),
        "/v1/acl/destroy/": .acl("PUT"),
        "/v1/acl/info/": .acl("GET"),
        "/v1/acl/clone/": .acl("PUT"),
        "/v1/acl/rules/translate/": .acl("GET"),
    ]
}
