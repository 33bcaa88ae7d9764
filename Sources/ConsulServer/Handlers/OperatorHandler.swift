import ConsulProtocol
import Replica

/// /v1/roost: what Consul has no counterpart for, or only for its own kind of cluster.
enum OperatorHandler {
    static func step(_ request: Request) -> Step {
        guard let verb = verb(request.endpoint) else {
            preconditionFailure("\(request.endpoint) is no operator's endpoint")
        }
        guard verb != .members else { return .operate(OperatorRequest(.members)) }
        let member = request.parameters.first("member")
        guard !member.isEmpty else {
            return .answer(.text(400, "Must specify ?member= with the name or number of a member"))
        }
        return .operate(OperatorRequest(verb, member: member))
    }

    private static func verb(_ endpoint: Endpoint) -> OperatorRequest.Verb? {
        switch endpoint {
        case .operatorMembers: .members
        case .operatorRemove: .remove
        case .operatorPromote: .promote
        case .operatorDemote: .demote
        case .operatorTransfer: .transfer
        case .operatorRefill: .refill
        default: nil
        }
    }
}
