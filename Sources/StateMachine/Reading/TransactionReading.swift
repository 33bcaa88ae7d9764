internal import Bytes
public import Commands

/// The reading operations of Consul's txn.
extension StateView {
    /// Answers a transaction that only reads; nil if one of its operations writes.
    public func transaction(
        _ command: Transaction
    ) throws(StateError) -> TransactionOutcome? {
        var outcome = TransactionOutcome()
        var room = AnswerRoom(isCollected: true)
        for (position, operation) in command.operations.enumerated() {
            guard let step = try readOnlyStep(operation, &room) else { return nil }
            outcome.add(step, position)
        }
        outcome.end(room)
        return outcome
    }

    /// nil for an operation that writes.
    func readOnlyStep(
        _ operation: TransactionOperation,
        _ room: inout AnswerRoom
    ) throws(StateError) -> TransactionStep? {
        switch operation {
        case .key(let operation): return try readOnlyStep(operation, &room)
        case .node(.get, let node, _):
            let found = try node.id.bytes.isEmpty ? self.node(node.name) : self.node(id: node.id)
            guard let found else { return .failed(.nodeMissing(node.name)) }
            return .found(.node(found))
        case .service(.get, let node, let service, _):
            guard let found = try self.service(node: node, id: service.id) else {
                return .failed(.serviceMissing(node: node, id: service.id))
            }
            return .found(.service(found))
        case .check(.get, let check, _):
            guard let found = try self.check(node: check.node, id: check.id) else {
                return .failed(.checkMissing(node: check.node, id: check.id))
            }
            return .found(.check(found))
        case .node, .service, .check: return nil
        }
    }

    private func readOnlyStep(
        _ operation: KeyTransactionOperation,
        _ room: inout AnswerRoom
    ) throws(StateError) -> TransactionStep? {
        let key = operation.key
        switch operation.verb {
        case .get:
            guard let record = try keyRecord(key, &room) else {
                return .failed(.keyMissing(key))
            }
            return .found(.key(record, withValue: true))
        case .getOrEmpty:
            let record = try keyRecord(key, &room)
            return .found(.key(record ?? Self.emptyRecord(key), withValue: true))
        case .getTree: return try tree(key, &room)
        case .checkNotExists:
            guard try keyRecord(key, withValue: false) != nil else { return .done }
            return .failed(.keyExists(key))
        case .checkIndex:
            guard let record = try keyRecord(key, withValue: false) else {
                return .failed(.keyMissing(key))
            }
            let current = record.modifyIndex
            if current == operation.index { return .found(.key(record, withValue: false)) }
            return .failed(
                .indexMismatch(key: key, current: current, wanted: operation.index)
            )
        case .checkSession:
            guard let record = try keyRecord(key, withValue: false) else {
                return .failed(.keyMissing(key))
            }
            let current = record.session
            if current == operation.session { return .found(.key(record, withValue: false)) }
            return .failed(
                .sessionMismatch(key: key, current: current, wanted: operation.session)
            )
        case .set, .setIfUnchanged, .lock, .unlock, .delete, .deleteTree, .deleteIfUnchanged:
            return nil
        }
    }

    private static func emptyRecord(_ key: ByteString) -> KeyRecord {
        KeyRecord(
            key: key,
            value: [],
            flags: 0,
            createIndex: 0,
            modifyIndex: 0,
            lockIndex: 0,
            session: ""
        )
    }

    private func tree(
        _ prefix: ByteString,
        _ room: inout AnswerRoom
    ) throws(StateError) -> TransactionStep {
        var step = TransactionStep()
        guard room.isCollected else { return step }
        try forEachKey(prefix: prefix.bytes.rawSpan) { entry throws(StateError) in
            guard !room.isExceeded else { return .stop }
            let record = try record(of: entry)
            room.take(keyBytes: record.key.bytes.count, valueBytes: record.value.count)
            step.results.append(.key(record, withValue: true))
            return .next
        }
        return step
    }

    private func keyRecord(
        _ name: ByteString,
        _ room: inout AnswerRoom
    ) throws(StateError) -> KeyRecord? {
        let isRead = room.isCollected && !room.isExceeded
        guard let record = try keyRecord(name, withValue: isRead) else { return nil }
        room.take(keyBytes: record.key.bytes.count, valueBytes: record.value.count)
        return record
    }

    func keyRecord(_ name: ByteString, withValue: Bool) throws(StateError) -> KeyRecord? {
        guard let entry = try key(name.bytes.rawSpan) else { return nil }
        return try record(of: entry, withValue: withValue)
    }
}
