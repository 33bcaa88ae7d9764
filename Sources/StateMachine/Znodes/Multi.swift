internal import Bytes
internal import Commands

/// ZooKeeper's multi: all operations in order, or none of them.
extension Batch {
    @_lifetime(reader: copy reader)
    mutating func multi(_ reader: inout SpanReader) throws(StateError) -> ZnodeOutcome {
        var bodies = SpanReader(reader.rest())
        let count = try multiCount(&bodies)
        let identities = try identitiesBehind(bodies, count)
        let savepoint = beginOperations()
        var outcomes: [ZnodeOutcome] = []
        outcomes.reserveCapacity(count)
        var failed = false
        while outcomes.count < count, !failed {
            let outcome = try operation(&bodies, identities)
            outcomes.append(outcome)
            failed = outcome.error != nil
        }
        guard failed else {
            keepOperations()
            return .multi(outcomes)
        }
        try rollBack(to: savepoint)
        return .multi(Self.failure(outcomes, count: count))
    }

    /// 0 before the operation that failed, its own error, -2 after it.
    private static func failure(_ outcomes: [ZnodeOutcome], count: Int) -> [ZnodeOutcome] {
        let before = Array(repeating: ZnodeOutcome.checked, count: outcomes.count - 1)
        let after = Array(
            repeating: ZnodeOutcome.failed(.runtimeInconsistency),
            count: count - outcomes.count
        )
        return before + outcomes.suffix(1) + after
    }

    @_lifetime(reader: copy reader)
    private func multiCount(_ reader: inout SpanReader) throws(StateError) -> Int {
        do throws(BytesError) {
            let count = try reader.varint()
            guard count <= UInt64(reader.remaining) else {
                let length = Int(clamping: count)
                throw BytesError.badLength(offset: 0, length: length, bound: reader.remaining)
            }
            return Int(count)
        } catch {
            throw undecodable(error)
        }
    }

    /// The identity list behind the operations. Reading over them first also finds a malformed one
    /// before anything is done.
    @_lifetime(copy reader)
    private func identitiesBehind(
        _ reader: SpanReader,
        _ count: Int
    ) throws(StateError) -> RawSpan {
        var ahead = SpanReader(reader.span.extracting(reader.offset..<reader.span.byteCount))
        do throws(BytesError) {
            for _ in 0..<count { try Self.skipOperation(&ahead) }
        } catch {
            throw undecodable(error)
        }
        return ahead.rest()
    }

    @_lifetime(reader: copy reader)
    private static func skipOperation(_ reader: inout SpanReader) throws(BytesError) {
        switch try MultiTag(&reader) {
        case .create: _ = try CreateView(&reader)
        case .delete, .check: _ = try VersionedPathView(&reader)
        case .setData: _ = try SetDataView(&reader)
        }
    }

    @_lifetime(reader: copy reader)
    private mutating func operation(
        _ reader: inout SpanReader,
        _ identities: RawSpan
    ) throws(StateError) -> ZnodeOutcome {
        let tag: MultiTag
        do throws(BytesError) {
            tag = try MultiTag(&reader)
        } catch {
            throw undecodable(error)
        }
        switch tag {
        case .create: return try create(try decodedCreate(&reader), identities)
        case .delete: return try delete(try decodedVersionedPath(&reader), identities)
        case .setData: return try setData(try decodedSetData(&reader), identities)
        case .check: return try check(try decodedVersionedPath(&reader), identities)
        }
    }
}
