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
            for change in check(record) { if case .started = change { found.append(change) } }
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
                found += check(record)
            } else {
                let key = CheckKey(node: node, check: id)
                found += [.ended(.check(key)), .ended(.critical(key))]
            }
        case .znode, .key, .keyTree, .node, .service, .token, .member:
            return
        }
    }

    /// What deregisters the services of these checks that are critical still. As the real agent
    /// does (agent.go: reapServices), whatever the service's other checks say.
    static func reaping(
        _ checks: [CheckKey],
        _ view: borrowing StateView
    ) throws(StateError) -> [[UInt8]] {
        var commands: [[UInt8]] = []
        for key in checks {
            guard let record = try view.check(node: key.node, id: key.check),
                record.takesServiceAlong
            else { continue }
            let definition = record.definition
            let command = Deregister(node: definition.node, serviceID: definition.serviceID)
            commands.append(command.encode(CommandHeader()))
        }
        return commands
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

    private static func check(_ record: CheckRecord) -> [LeaseChange] {
        let definition = record.definition
        let key = CheckKey(node: definition.node, check: definition.id)
        func change(_ lease: Lease, _ duration: Int64, if isHeld: Bool) -> LeaseChange {
            guard isHeld, duration > 0 else { return .ended(lease) }
            return .started(lease, durationMilliseconds: duration)
        }
        return [
            change(.check(key), definition.ttlMilliseconds, if: definition.status != .critical),
            change(
                .critical(key),
                definition.deregisterAfterMilliseconds,
                if: record.takesServiceAlong
            ),
        ]
    }
}

extension CheckRecord {
    /// Whether its service is deregistered if it stays critical for long.
    fileprivate var takesServiceAlong: Bool {
        definition.status == .critical && definition.deregisterAfterMilliseconds > 0
            && !definition.serviceID.bytes.isEmpty
    }
}
