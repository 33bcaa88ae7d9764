import Bytes
import ConsulProtocol
import StateMachine
import Watches

/// What is asked of the state. Equal questions have equal answers at one index, whoever asks, so
/// that any number of blocked clients costs one evaluation.
struct Question: Hashable {
    enum Subject: Hashable {
        case key(ByteString, raw: Bool)
        /// All entries under a prefix.
        case tree(ByteString)
        /// The keys under a prefix, cut after the first `separator` behind it.
        case keys(ByteString, separator: ByteString)
        case session(ByteString)
        case nodeSessions(ByteString)
        case sessions
        case nodes(Selection)
        case services(Selection)
        case serviceInstances(ByteString, Selection)
        case node(ByteString)
        case nodeServices(ByteString)
        case nodeHealth(ByteString)
        case serviceChecks(ByteString, Selection)
        case serviceHealth(ByteString, Selection, passingOnly: Bool)
        case state(ByteString, Selection)
        case agentService(node: ByteString, id: ByteString)
        case tokens(TokenSelection)
        case token(accessor: ByteString)
        /// The token that the client has shown.
        case ownToken(secret: ByteString)
    }

    enum TokenSelection: Hashable {
        case all
        case ofPolicy(ByteString)
        /// Of a role, or of a method of authentication: there are none.
        case none
    }

    /// What narrows a list.
    struct Selection: Hashable {
        var tags: [ByteString] = []
        /// Pairs that a node's metadata must have.
        var nodeMetadata: [[ByteString]] = []

        /// What the choice depends on, beside what is chosen from.
        var topics: [Topic] { nodeMetadata.isEmpty ? [] : [.nodes] }

        /// The index of an answer whose rows have `index`: another metadata of a node is news.
        func index(
            _ index: UInt64,
            _ view: borrowing StateView
        ) throws(StateError) -> UInt64 {
            nodeMetadata.isEmpty ? index : max(index, try view.summary.indexes.nodes)
        }
    }

    var subject: Subject
    var filter = ""
    /// Which consistency the answer claims; nil for KV and sessions, which do not say.
    var effective: Consistency?
    var isCached = false
    /// Whether the client may not see what there is: it gets what an empty list answers.
    var isHidden = false
    /// The node whose rows come first (`?near=`); without coordinates no other order is known.
    var near: ByteString?

    /// The parts of the state that the answer depends on.
    var topics: [Topic] {
        switch subject {
        case .key(let key, _): [.key(key)]
        case .tree(let prefix), .keys(let prefix, _): [.keyPrefix(prefix)]
        case .session(let id): [.session(id)]
        case .nodeSessions(let node): [.nodeSessions(node)]
        case .sessions: [.sessions]
        case .nodes: [.nodes]
        case .services(let selection): [.services] + selection.topics
        case .serviceInstances(let name, _): [.service(name), .nodes]
        case .node(let name), .nodeServices(let name): [.node(name)]
        case .nodeHealth(let name): [.nodeChecks(name), .node(name)]
        case .serviceChecks(let name, _): [.serviceChecks(name), .service(name)]
        case .serviceHealth(let name, _, _):
            [.service(name), .serviceChecks(name), .nodes, .checks]
        case .state(_, let selection): [.checks] + selection.topics
        case .agentService(let node, _): [.node(node)]
        case .tokens, .token, .ownToken: [.tokens]
        }
    }
}

/// A question's answer at one moment.
struct Evaluation {
    var answer: Answer
    var index: UInt64
    /// Nothing is there: a question that stays without an answer goes on waiting.
    var isMissing = false

    /// What can be compared with the answer of another moment.
    enum Content: Equatable {
        case missing
        case hashed(String)
        /// Only the index tells.
        case any

        /// Whether there is nothing new in it for who knows `other`.
        func isKnown(from other: Content) -> Bool { self != .any && self == other }
    }

    var content: Content {
        if isMissing { return .missing }
        return answer.head.contentHash.map { .hashed($0) } ?? .any
    }
}

extension Question.Subject {
    /// Whether the real agent has a cache for it, and says so. Here nothing is cached: an answer
    /// from the state is as quick.
    var isCacheable: Bool {
        switch self {
        case .services, .serviceInstances, .serviceHealth: true
        default: false
        }
    }
}

extension Question {
    /// The rows with those of the nearest node first.
    func sorted<Row>(_ rows: [Row], by node: (Row) -> ByteString) -> [Row] {
        guard let near else { return rows }
        return rows.filter { node($0) == near } + rows.filter { node($0) != near }
    }
}
