import Bytes
import Commands
import ConsulProtocol
import Replica
import StateMachine

/// /v1/txn
enum TransactionHandler {
    static func step(_ request: Request, _ loop: ConsulLoop) -> Step {
        let (body, consistency): (TransactionBody, Consistency)
        switch parsed(request, loop) {
        case .success(let read): (body, consistency) = (read.body, read.consistency)
        case .failure(let refusal): return .answer(.text(refusal.status, refusal.text))
        }
        let readOnly = body.isReadOnly ? ReadOnlyNote(loop) : nil
        let problems = body.incomplete.isEmpty ? body.futile : body.incomplete
        guard problems.isEmpty else {
            return .answer(rolledBack(problems.map { ($0.operation, $0.text) }, readOnly))
        }
        let transaction = Transaction(body.operations.map { here($0, loop) })
        guard let readOnly else {
            return .propose(
                [transaction.encode(request.commandHeader)],
                .transaction(operations: body.operations, places: body.places)
            )
        }
        return ReadStep.wait(request, loop, for: consistency)
            ?? .answer(read(transaction, body, readOnly, loop))
    }

    /// For a client that may neither read nor write: what writes, or tells something by failing, is
    /// refused, and what reads finds nothing (Txn.preCheck, kvsPreApply).
    static func denied(_ request: Request, _ loop: ConsulLoop) -> Step {
        let (body, consistency): (TransactionBody, Consistency)
        switch parsed(request, loop) {
        case .success(let read): (body, consistency) = (read.body, read.consistency)
        case .failure(let refusal): return .answer(.text(refusal.status, refusal.text))
        }
        let readOnly = body.isReadOnly ? ReadOnlyNote(loop) : nil
        guard body.incomplete.isEmpty else {
            return .answer(rolledBack(body.incomplete.map { ($0.operation, $0.text) }, readOnly))
        }
        var places = body.futile.map(\.operation)
        for (operation, place) in zip(body.operations, body.places) where !operation.onlyReads {
            places.append(place)
        }
        guard let readOnly, places.isEmpty else {
            let problems = places.sorted().map { ($0, ErrorTexts.denied) }
            return .answer(rolledBack(problems, readOnly))
        }
        return ReadStep.wait(request, loop, for: consistency)
            ?? .answer(read(Transaction(body.operations), body, readOnly, loop, isHidden: true))
    }

    private struct Refusal: Error {
        var status: Int
        var text: String
    }

    private struct Demand {
        var body: TransactionBody
        /// How fresh the answer to one that only reads must be.
        var consistency = Consistency.leader
    }

    private static func parsed(
        _ request: Request,
        _ loop: ConsulLoop
    ) -> Result<Demand, Refusal> {
        let body: TransactionBody
        do throws(DecodeError) {
            body = try TransactionBody(json: request.json(loop.limits))
        } catch {
            return .failure(Refusal(status: 400, text: "Failed to parse body: \(error.text)"))
        }
        var demand = Demand(body: body)
        if body.isReadOnly {
            switch ReadStep.options(request, loop) {
            case .success(let options): demand.consistency = options.consistency
            case .failure(let error): return .failure(Refusal(status: 400, text: error.text))
            }
        }
        let max = loop.limits.transactionOperationsMax
        guard body.count <= max else {
            let text = "Transaction contains too many operations (\(body.count) > \(max))"
            return .failure(Refusal(status: 413, text: text))
        }
        return .success(demand)
    }

    /// A node of a transaction belongs to this datacenter.
    private static func here(
        _ operation: TransactionOperation,
        _ loop: ConsulLoop
    ) -> TransactionOperation {
        guard case .node(let verb, var node, let index) = operation else { return operation }
        node.datacenter = ByteString(loop.settings.datacenter)
        return .node(verb, node, index: index)
    }

    /// What only read-only transactions say at their end.
    struct ReadOnlyNote {
        let metadata: AnswerMetadata

        init(_ loop: ConsulLoop) {
            metadata = loop.metadata(index: nil)
        }

        func write(to json: inout JSONWriter) {
            json.member("Index", UInt64(0))
            json.member("LastContact", metadata.lastContactMilliseconds)
            json.member("KnownLeader", metadata.knowsLeader)
            json.member("ConsistencyLevel", "" as ByteString)
        }
    }

    private static func read(
        _ transaction: Transaction,
        _ body: TransactionBody,
        _ note: ReadOnlyNote,
        _ loop: ConsulLoop,
        isHidden: Bool = false
    ) -> Answer {
        do throws(StateError) {
            var outcome = try loop.port.read { view throws(StateError) in
                try view.transaction(transaction)
            }
            if isHidden { outcome?.results = [] }
            guard let outcome else { return .text(500, "a transaction that reads has writes") }
            return answer(outcome, body.operations, body.places, readOnly: note)
        } catch {
            return .text(500, "\(error)")
        }
    }

    static func answer(
        _ outcome: TransactionOutcome,
        _ operations: [TransactionOperation],
        _ places: [Int],
        readOnly: ReadOnlyNote?
    ) -> Answer {
        guard outcome.failures.isEmpty else {
            let problems = outcome.failures.map { failure in
                let isKnown = operations.indices.contains(failure.operation)
                let text = ErrorTexts.text(
                    failure.error,
                    of: isKnown ? operations[failure.operation] : nil
                )
                return (isKnown ? places[failure.operation] : failure.operation, text)
            }
            return rolledBack(problems, readOnly)
        }
        if outcome.isTooLong {
            let done = readOnly == nil ? "the transaction was carried out, but what it" : "what it"
            return .text(500, "\(done) reads is more than \(TransactionOutcome.bytesMax) bytes")
        }
        var json = JSONWriter()
        json.beginObject()
        json.name("Results")
        json.beginArray()
        for result in outcome.results { write(result, &json) }
        json.endArray()
        json.name("Errors")
        json.null()
        readOnly?.write(to: &json)
        json.endObject()
        return .json(json.bytes, metadata: readOnly?.metadata)
    }

    private static func rolledBack(
        _ problems: [(operation: Int, text: String)],
        _ readOnly: ReadOnlyNote?
    ) -> Answer {
        var json = JSONWriter()
        json.beginObject()
        json.name("Results")
        json.null()
        json.name("Errors")
        json.beginArray()
        for problem in problems {
            json.beginObject()
            json.member("OpIndex", problem.operation)
            json.member("What", ByteString(problem.text))
            json.endObject()
        }
        json.endArray()
        readOnly?.write(to: &json)
        json.endObject()
        return .json(json.bytes, metadata: readOnly?.metadata, status: 409)
    }

    private static func write(_ result: TransactionResult, _ json: inout JSONWriter) {
        json.beginObject()
        switch result {
        case .key(let record, let withValue):
            json.name("KV")
            json.key(record, withValue: withValue)
        case .node(let record):
            json.name("Node")
            json.node(record)
        case .service(let record):
            json.name("Service")
            json.service(record, emptyTags: false)
        case .check(let record):
            json.name("Check")
            json.check(record, emptyTags: false)
        }
        json.endObject()
    }
}

extension TransactionOperation {
    /// Whether it tells nothing but what it finds.
    fileprivate var onlyReads: Bool {
        switch self {
        case .key(let operation):
            switch operation.verb {
            case .get, .getOrEmpty, .getTree: true
            default: false
            }
        case .node(let verb, _, _), .service(let verb, _, _, _), .check(let verb, _, _):
            verb == .get
        }
    }
}
