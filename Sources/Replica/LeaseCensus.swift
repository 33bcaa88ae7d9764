import Bytes
import Commands
import StateMachine

/// Which leases the state holds.
enum LeaseCensus {
    /// Every session and TTL check that is not critical yet.
    static func all(_ view: borrowing StateView) throws(StateError) -> [LeaseChange] {
        var found: [LeaseChange] = []
        try view.forEachZooKeeperSession { session in
            found.append(zooKeeper(session))
        }
        for session in try view.consulSessions() {
            if let change = consul(session.definition) { found.append(change) }
        }
        for record in try view.allChecks() {
            let change = check(record)
            if case .started = change { found.append(change) }
        }
        return found
    }

    /// What a change means for leases, by the state as it is after it.
    static func collect(
        _ change: Change,
        _ view: borrowing StateView,
        _ found: inout [LeaseChange]
    ) throws(StateError) {
        switch change {
        case .zooKeeperSessionAttached(let id, _):
            if let session = try view.zooKeeperSession(id) { found.append(zooKeeper(session)) }
        case .zooKeeperSessionClosed(let id):
            found.append(.ended(.zooKeeper(id)))
        case .consulSession(let id, _):
            let session = try view.consulSession(id)
            if let session, let change = consul(session.definition) {
                found.append(change)
            } else {
                found.append(.ended(.consul(id)))
            }
        case .check(let node, _, let id, let isRemoved):
            // One that was removed and is there again was registered anew, with its full time.
            if !isRemoved, let record = try view.check(node: node, id: id) {
                found.append(check(record))
            } else {
                found.append(.ended(.check(CheckKey(node: node, check: id))))
            }
        case .znode, .key, .keyTree, .node, .service, .token, .member:
            return
        }
    }

    private static func zooKeeper(_ session: ZooKeeperSession) -> LeaseChange {
        .started(
            .zooKeeper(session.id),
            durationMilliseconds: Int64(session.timeoutMilliseconds),
            holder: session.connection
        )
    }

    /// A TTL session lives for twice its TTL without renewal, as Consul's leader grants
    /// (session_ttl.go: ttl * structs.SessionTTLMultiplier).
    private static func consul(_ session: SessionDefinition) -> LeaseChange? {
        guard session.ttlMilliseconds > 0 else { return nil }
        return .started(.consul(session.id), durationMilliseconds: 2 * session.ttlMilliseconds)
    }

    private static func check(_ record: CheckRecord) -> LeaseChange {
        let definition = record.definition
        let lease = Lease.check(CheckKey(node: definition.node, check: definition.id))
        guard definition.ttlMilliseconds > 0, definition.status != .critical else {
            return .ended(lease)
        }
        return .started(lease, durationMilliseconds: definition.ttlMilliseconds)
    }
}
