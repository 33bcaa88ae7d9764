import Bytes
import ConsulProtocol
import NIOCore
import Replica
import StateMachine

/// Answers a question from the state as it is now.
enum Evaluator {
    /// The snapshot must be open.
    static func evaluate(_ question: Question, on loop: ConsulLoop) -> Evaluation {
        if let reason = loop.status.whyUnserving {
            return Evaluation(answer: .text(500, reason), index: 0)
        }
        do throws(StateError) {
            var evaluation = try loop.port.read { view throws(StateError) in
                try evaluate(question, view)
            }
            finish(&evaluation, question, loop)
            return evaluation
        } catch {
            return Evaluation(answer: .text(500, "\(error)"), index: 0)
        }
    }

    private static func evaluate(
        _ question: Question,
        _ view: borrowing StateView
    ) throws(StateError) -> Evaluation {
        switch question.subject {
        case .key(let key, let raw): try KeyEvaluation.key(key, raw: raw, view)
        case .tree(let prefix): try KeyEvaluation.tree(prefix, view)
        case .keys(let prefix, let separator):
            try KeyEvaluation.keys(prefix, separator: separator, view)
        case .session(let id): try SessionEvaluation.session(id, view)
        case .nodeSessions(let node): try SessionEvaluation.sessions(ofNode: node, view)
        case .sessions: try SessionEvaluation.sessions(view)
        case .nodes(let selection): try CatalogEvaluation.nodes(selection, question, view)
        case .services(let selection): try CatalogEvaluation.services(selection, view)
        case .serviceInstances(let name, let selection):
            try CatalogEvaluation.instances(name, selection, question, view)
        case .node(let name): try CatalogEvaluation.node(name, question, view)
        case .nodeServices(let name): try CatalogEvaluation.nodeServices(name, question, view)
        case .nodeHealth(let name): try HealthEvaluation.node(name, question, view)
        case .serviceChecks(let name, let selection):
            try HealthEvaluation.checks(name, selection, question, view)
        case .serviceHealth(let name, let selection, let passingOnly):
            try HealthEvaluation.service(name, selection, passingOnly, question, view)
        case .state(let state, let selection):
            try HealthEvaluation.state(state, selection, question, view)
        case .agentService(let node, let id):
            try CatalogEvaluation.agentService(id, on: node, view)
        case .tokens(let selection): try TokenEvaluation.tokens(selection, view)
        case .token(let accessor): try TokenEvaluation.token(accessor: accessor, view)
        case .ownToken(let secret): try TokenEvaluation.token(secret: secret, view)
        }
    }

    private static func finish(
        _ evaluation: inout Evaluation,
        _ question: Question,
        _ loop: ConsulLoop
    ) {
        evaluation.index = max(1, evaluation.index)
        if question.isHidden { Hiding.hide(&evaluation, question.subject) }
        // The agent's own answers block by hash, and say no index.
        if case .agentService = question.subject { return }
        evaluation.answer.head.metadata = loop.metadata(
            index: evaluation.index,
            effective: question.effective
        )
        evaluation.answer.head.isCacheMiss = question.isCached
    }
}

/// A JSON list whose elements may be filtered by what they say.
struct FilteredList {
    private var json = JSONWriter(reserving: 1024)
    private let filter: Filter?

    init(_ question: Question, _ schema: FilterSchema) {
        filter = try? Filter(question.filter, schema: schema, limits: ConsulLimits())
        json.beginArray()
    }

    private(set) var count = 0

    /// Appends one element, unless the filter is against it.
    mutating func append(_ write: (inout JSONWriter) -> Void) {
        guard let filter else {
            write(&json)
            count += 1
            return
        }
        var element = JSONWriter()
        write(&element)
        let bytes = element.bytes
        guard let value = try? JSONParser.parse(bytes.rawSpan, depthMax: 64),
            filter.matches(value)
        else { return }
        json.raw(bytes)
        count += 1
    }

    /// The list, closed.
    mutating func finished() -> [UInt8] {
        json.endArray()
        return json.bytes
    }
}
