internal import Bytes
internal import Commands

/// Health checks (ensureCheckTxn, deleteCheckTxn).
extension Batch {
    /// Writes the check if it differs from what is there. One that is critical ends the sessions
    /// that depend on it.
    mutating func ensureCheck(_ given: CheckDefinition) throws(StateError) -> ConsulError? {
        guard let node = try view.node(given.node) else { return .missingNode }
        var check = given
        check.node = node.definition.name
        if check.status.text.bytes.isEmpty { check.status = .critical }
        check.serviceName = ""
        check.serviceTags = nil
        if !check.serviceID.bytes.isEmpty {
            guard let service = try view.service(node: check.node, id: check.serviceID) else {
                return .missingService(id: check.serviceID, node: given.node)
            }
            check.serviceName = service.definition.name
            check.serviceTags = service.definition.tags
        }
        try writeCheck(check)
        if check.status == .critical {
            let dependent = try view.consulSessions(node: check.node, check: check.id)
            for session in dependent { try endSession(session) }
        }
        return nil
    }

    private mutating func writeCheck(_ check: CheckDefinition) throws(StateError) {
        let old = try view.check(node: check.node, id: check.id)
        var record = CheckRecord(
            definition: check,
            statusSinceMilliseconds: entry.timeMilliseconds,
            createIndex: old?.createIndex ?? entry.index,
            modifyIndex: entry.index
        )
        if let old {
            if old.definition == check { return }
            if old.definition.status == check.status {
                record.statusSinceMilliseconds = old.statusSinceMilliseconds
            }
            if !old.definition.serviceName.equalsIgnoringCase(check.serviceName) {
                try removeReference(old.definition)
                try touch(old.definition)
            }
        }
        try put(record, CatalogKey(CatalogKey.check, check.node, check.id), in: tables.catalog)
        if !check.serviceName.bytes.isEmpty {
            let reference = CatalogKey(
                CatalogKey.checkService,
                check.serviceName,
                check.node,
                check.id
            )
            try put(reference.span, RawSpan(), in: tables.catalog)
        }
        try touch(check)
    }

    /// Moves the indexes that the check shows in, and says what changed.
    private mutating func touch(
        _ check: CheckDefinition,
        isRemoved: Bool = false
    ) throws(StateError) {
        summary.indexes.checks = entry.index
        try touchNode(check.node)
        changes.append(
            .check(
                node: check.node,
                service: check.serviceName,
                id: check.id,
                isRemoved: isRemoved
            )
        )
        if check.serviceName.bytes.isEmpty {
            try touchServices(ofNode: check.node)
        } else {
            try touchService(check.serviceName)
        }
    }

    private mutating func removeReference(_ check: CheckDefinition) throws(StateError) {
        if check.serviceName.bytes.isEmpty { return }
        let reference = CatalogKey(
            CatalogKey.checkService,
            check.serviceName,
            check.node,
            check.id
        )
        try delete(reference.span, in: tables.catalog)
    }

    /// Removes a check, and ends the sessions that depend on it.
    mutating func removeCheck(node: ByteString, id: ByteString) throws(StateError) {
        guard let check = try view.check(node: node, id: id) else { return }
        let key = CatalogKey(CatalogKey.check, node, id)
        try delete(key.span, in: tables.catalog)
        try removeReference(check.definition)
        try touch(check.definition, isRemoved: true)
        for session in try view.consulSessions(node: node, check: id) { try endSession(session) }
    }

    mutating func apply(_ command: UpdateCheck) throws(StateError) -> ConsulOutcome {
        let isVerdict = command.expired || command.term != 0
        if isVerdict && command.term != entry.term { return .expiryOutdated }
        guard let old = try view.check(node: command.node, id: command.checkID) else {
            return .failed(.unknownCheck(command.checkID))
        }
        var check = old.definition
        if command.expired {
            // A check that failed already keeps its output.
            if check.status == .critical { return .checkUpdated }
            check.status = .critical
            check.output = Self.expiryOutput(after: check.output)
        } else {
            check.status = command.status
            check.output = command.output
        }
        if let error = try ensureCheck(check) { return .failed(error) }
        return .checkUpdated
    }

    /// As the real agent words it (checks/check.go).
    private static func expiryOutput(after last: ByteString) -> ByteString {
        if last.bytes.isEmpty { return "TTL expired" }
        return ByteString(
            Array("TTL expired (last output before timeout follows): ".utf8) + last.bytes
        )
    }
}
