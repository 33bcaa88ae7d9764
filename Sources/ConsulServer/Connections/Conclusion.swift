import Bytes
import Commands
import ConsulProtocol
import Replica

/// From what the replica says to what the client is told: the one place where an error of the
/// state gets its status.
enum Conclusion {
    static func answer(
        _ outcome: Outcome,
        index: UInt64,
        _ continuation: Continuation,
        on loop: ConsulLoop
    ) -> Answer {
        guard case .consul(let consul) = outcome else { return .text(500, "unexpected outcome") }
        switch (consul, continuation) {
        case (.failed(let error), _): return .text(status(error), ErrorTexts.text(error))
        case (.key(let isDone), _): return isDone ? .yes : .no
        case (.transaction(let transaction), .transaction(let operations, let places)):
            return TransactionHandler.answer(transaction, operations, places, readOnly: nil)
        case (_, .sessionCreate(let id)):
            var json = JSONWriter(reserving: 64)
            json.beginObject()
            json.member("ID", id)
            json.endObject()
            return .json(json.bytes)
        case (.token(let token), .token(let hasID)):
            return TokenAnswers.one(token, hasID: hasID)
        case (_, .agentWrite): return .empty(200)
        default: return .yes
        }
    }

    private static func status(_ error: ConsulError) -> Int {
        switch error {
        case .token(.bootstrapped), .token(.otherBootstrap): 403
        default: 500
        }
    }

    static func answer(_ refusal: Refusal) -> Answer {
        switch refusal {
        case .noLeader: .text(500, "No cluster leader")
        case .diskFull(let detail): .text(500, "disk full: \(detail)")
        case .overloaded:
            .text(429, "rate limit exceeded, try again later or against a different server")
        case .tooLarge(let bytes, let bound):
            .text(413, "Request of \(bytes) bytes too large, max size: \(bound) bytes")
        case .timedOut: .text(500, "timed out enqueuing operation")
        case .stopping: .text(500, "agent is shutting down")
        case .unknownCommand:
            .text(500, "rpc error: the leader is of an older version and cannot do this")
        }
    }
}
