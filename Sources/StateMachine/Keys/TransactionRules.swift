internal import Bytes
internal import Commands

/// What one operation of a transaction came to.
struct TransactionStep {
    var results: [TransactionResult] = []
    var error: ConsulError?

    static let done = TransactionStep()

    static func failed(_ error: TransactionError) -> TransactionStep {
        TransactionStep(error: .transaction(error))
    }

    static func failed(_ error: ConsulError) -> TransactionStep {
        TransactionStep(error: error)
    }

    static func found(_ result: TransactionResult) -> TransactionStep {
        TransactionStep(results: [result])
    }
}

/// The room for what a transaction reads. Where nobody waits for the answer, as on all nodes but
/// the one that was asked, values are only looked for and not collected.
struct AnswerRoom {
    let isCollected: Bool
    private var bytes = 0
    /// What a result takes beside its key and value.
    private static let recordBytes = 128

    /// - Parameter isCollected: whether values are wanted at all.
    init(isCollected: Bool) {
        self.isCollected = isCollected
    }

    var isExceeded: Bool { bytes > TransactionOutcome.bytesMax }

    mutating func take(keyBytes: Int, valueBytes: Int) {
        bytes += keyBytes + valueBytes + Self.recordBytes
    }
}

/// Consul's txn: every operation is tried, so that all that fail are told; any failure undoes all.
extension Batch {
    mutating func apply(_ command: Transaction) throws(StateError) -> ConsulOutcome {
        let savepoint = beginOperations()
        var outcome = TransactionOutcome()
        var room = AnswerRoom(isCollected: entry.isAnswered)
        for (position, operation) in command.operations.enumerated() {
            outcome.add(try run(operation, &room), position)
        }
        if outcome.failures.isEmpty { keepOperations() } else { try rollBack(to: savepoint) }
        outcome.end(room)
        return .transaction(outcome)
    }

    private mutating func run(
        _ operation: TransactionOperation,
        _ room: inout AnswerRoom
    ) throws(StateError) -> TransactionStep {
        if let step = try view.readOnlyStep(operation, &room) { return step }
        switch operation {
        case .key(let operation): return try run(operation)
        case .node(let verb, let node, let index): return try run(verb, node, index)
        case .service(let verb, let node, let service, let index):
            return try run(verb, node, service, index)
        case .check(let verb, let check, let index): return try run(verb, check, index)
        }
    }

    // MARK: - Keys

    private mutating func run(
        _ operation: KeyTransactionOperation
    ) throws(StateError) -> TransactionStep {
        let key = operation.key.bytes.rawSpan
        let value = operation.value.rawSpan
        switch operation.verb {
        case .set:
            try set(key, value, operation.flags)
            return try written(operation.key)
        case .setIfUnchanged:
            let index = operation.index
            guard try set(key, value, operation.flags, ifUnchangedSince: index) else {
                return .failed(.setStale(operation.key))
            }
            return try written(operation.key)
        case .lock:
            let outcome = try lock(key, value, operation.flags, operation.session)
            let refusal = try lockRefusal(operation.key)
            return try locked(outcome, operation.key, ifNot: refusal)
        case .unlock:
            let outcome = try unlock(key, value, operation.flags, operation.session)
            return try locked(outcome, operation.key, ifNot: .notHeld(operation.key))
        case .delete: try deleteKey(key)
        case .deleteTree: try deleteTree(key)
        case .deleteIfUnchanged:
            guard try deleteKey(key, ifUnchangedSince: operation.index) else {
                return .failed(.deleteStale(operation.key))
            }
        case .get, .getOrEmpty, .getTree, .checkIndex, .checkSession, .checkNotExists: break
        }
        return .done
    }

    /// Why a key could not be locked; the delay comes first, as in Consul's own order.
    private func lockRefusal(_ key: ByteString) throws(StateError) -> TransactionError {
        var stored = KeyBuffer()
        NameKey.append(key.bytes.rawSpan, to: &stored)
        return try isDelayed(stored.span) ? .lockDelayed(key) : .lockHeld(key)
    }

    private func locked(
        _ outcome: ConsulOutcome,
        _ key: ByteString,
        ifNot error: TransactionError
    ) throws(StateError) -> TransactionStep {
        switch outcome {
        case .failed(let error): return .failed(error)
        case .key(true): return try written(key)
        default: return .failed(error)
        }
    }

    private func written(_ key: ByteString) throws(StateError) -> TransactionStep {
        guard let record = try view.keyRecord(key, withValue: false) else { return .done }
        return .found(.key(record, withValue: false))
    }

    // MARK: - Catalog

    private mutating func run(
        _ verb: CatalogTransactionVerb,
        _ node: NodeDefinition,
        _ index: UInt64
    ) throws(StateError) -> TransactionStep {
        let old = try view.node(node.name)
        let isFresh = index == (old?.modifyIndex ?? 0)
        switch verb {
        case .get: return .done
        case .set, .setIfUnchanged:
            if verb == .setIfUnchanged, !isFresh {
                return .failed(.nodeStale(node.name, deleting: false))
            }
            if let error = try ensureNode(node) { return .failed(error) }
            guard let new = try view.node(node.name) else { return .done }
            return .found(.node(new))
        case .delete, .deleteIfUnchanged:
            if verb == .deleteIfUnchanged, !isFresh || old == nil {
                return .failed(.nodeStale(node.name, deleting: true))
            }
            try removeNode(node.name)
            return .done
        }
    }

    private mutating func run(
        _ verb: CatalogTransactionVerb,
        _ node: ByteString,
        _ service: ServiceDefinition,
        _ index: UInt64
    ) throws(StateError) -> TransactionStep {
        let old = try view.service(node: node, id: service.id)
        let isFresh = index == (old?.modifyIndex ?? 0)
        switch verb {
        case .get: return .done
        case .set, .setIfUnchanged:
            if verb == .setIfUnchanged, !isFresh {
                return .failed(.serviceStale(node: node, id: service.id, deleting: false))
            }
            if let error = try ensureService(service, node: node) { return .failed(error) }
            guard let new = try view.service(node: node, id: service.id) else { return .done }
            return .found(.service(new))
        case .delete, .deleteIfUnchanged:
            if verb == .deleteIfUnchanged, !isFresh || old == nil {
                return .failed(.serviceStale(node: node, id: service.id, deleting: true))
            }
            try removeService(node: node, id: service.id)
            return .done
        }
    }

    private mutating func run(
        _ verb: CatalogTransactionVerb,
        _ check: CheckDefinition,
        _ index: UInt64
    ) throws(StateError) -> TransactionStep {
        let old = try view.check(node: check.node, id: check.id)
        let isFresh = index == (old?.modifyIndex ?? 0)
        switch verb {
        case .get: return .done
        case .set, .setIfUnchanged:
            if verb == .setIfUnchanged, !isFresh {
                return .failed(.checkStale(node: check.node, id: check.id, deleting: false))
            }
            if let error = try ensureCheck(check) { return .failed(error) }
            guard let new = try view.check(node: check.node, id: check.id) else { return .done }
            return .found(.check(new))
        case .delete, .deleteIfUnchanged:
            if verb == .deleteIfUnchanged, !isFresh || old == nil {
                return .failed(.checkStale(node: check.node, id: check.id, deleting: true))
            }
            try removeCheck(node: check.node, id: check.id)
            return .done
        }
    }
}

extension TransactionOutcome {
    mutating func add(_ step: TransactionStep, _ position: Int) {
        results += step.results
        if let error = step.error {
            failures.append(TransactionFailure(operation: position, error: error))
        }
    }

    /// Failures are told alone, and results only where they all have room. Lock-delays are looked
    /// at before anything is tried, so that with one of them nothing else is told.
    mutating func end(_ room: AnswerRoom) {
        let delayed = failures.filter { $0.error.isLockDelay }
        if !delayed.isEmpty { failures = delayed }
        isTooLong = room.isExceeded
        if isTooLong || !failures.isEmpty { results = [] }
    }
}

extension ConsulError {
    fileprivate var isLockDelay: Bool {
        if case .transaction(.lockDelayed) = self { true } else { false }
    }
}
