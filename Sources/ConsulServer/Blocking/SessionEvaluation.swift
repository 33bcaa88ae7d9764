import Bytes
import Commands
import ConsulProtocol
import StateMachine

/// Reads of sessions, in the order of their identifiers.
enum SessionEvaluation {
    static func session(
        _ id: ByteString,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        guard let record = try view.consulSession(id) else {
            return try evaluation([], view, isMissing: true)
        }
        return Evaluation(answer: list([record]), index: record.modifyIndex)
    }

    static func sessions(
        ofNode node: ByteString,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        try evaluation(try view.consulSessions(node: node), view, isMissing: false)
    }

    static func sessions(_ view: borrowing StateView) throws(StateError) -> Evaluation {
        try evaluation(try view.consulSessions(), view, isMissing: false)
    }

    private static func evaluation(
        _ records: [SessionRecord],
        _ view: borrowing StateView,
        isMissing: Bool
    ) throws(StateError) -> Evaluation {
        let index = try view.summary.indexes.sessions
        return Evaluation(answer: list(records), index: index, isMissing: isMissing)
    }

    private static func list(_ records: [SessionRecord]) -> Answer {
        var json = JSONWriter()
        json.beginArray()
        for record in records { json.session(record) }
        json.endArray()
        return .json(json.bytes)
    }
}
