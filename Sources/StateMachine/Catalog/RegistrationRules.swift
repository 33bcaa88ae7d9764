internal import Bytes
internal import Commands

/// catalog/register and catalog/deregister: several rows in one entry, all or nothing.
extension Batch {
    mutating func apply(_ command: Register) throws(StateError) -> ConsulOutcome {
        let savepoint = beginOperations()
        if let error = try register(command) {
            try rollBack(to: savepoint)
            return .failed(error)
        }
        keepOperations()
        return .registered
    }

    /// With SkipNodeUpdate only a node that is not there is written.
    private mutating func register(_ command: Register) throws(StateError) -> ConsulError? {
        let isThere = try view.node(command.node.name) != nil
        if !isThere || !command.skipNodeUpdate {
            if let error = try ensureNode(command.node) { return error }
        }
        if let service = command.service {
            let error = try ensureService(service, node: command.node.name)
            if let error { return error }
        }
        for given in command.checks {
            var check = given
            if check.node.bytes.isEmpty { check.node = command.node.name }
            if let error = try ensureCheck(check) { return error }
        }
        return nil
    }

    mutating func apply(_ command: Deregister) throws(StateError) -> ConsulOutcome {
        if !command.serviceID.bytes.isEmpty {
            try removeService(node: command.node, id: command.serviceID)
        } else if !command.checkID.bytes.isEmpty {
            try removeCheck(node: command.node, id: command.checkID)
        } else {
            try removeNode(command.node)
        }
        return .deregistered
    }
}
