import Bytes
import Commands
import ConsulProtocol
import StateMachine

/// Reads of ACL tokens, whose index is that of the last change of any.
enum TokenEvaluation {
    static func tokens(
        _ selection: Question.TokenSelection,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        var tokens: [TokenRecord] = []
        switch selection {
        case .none: break
        case .all: tokens = try view.tokens
        case .ofPolicy(let policy):
            tokens = try view.tokens.filter { $0.definition.policies.contains(policy) }
        }
        let index = try view.tokenTable.modifyIndex
        return Evaluation(answer: TokenAnswers.list(tokens), index: index)
    }

    static func token(
        accessor: ByteString,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        try evaluation(try view.token(accessor: accessor), view)
    }

    static func token(
        secret: ByteString,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        try evaluation(try view.token(secret: secret), view)
    }

    private static func evaluation(
        _ token: TokenRecord?,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        let answer =
            token.map { TokenAnswers.one($0) } ?? .text(403, ErrorTexts.unknownToken)
        return Evaluation(answer: answer, index: try view.tokenTable.modifyIndex)
    }
}
