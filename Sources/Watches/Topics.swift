public import Bytes
public import Commands

/// The number of a blocked question on its event loop.
public struct QuestionID: RawRepresentable, Hashable, Comparable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    public static func < (left: QuestionID, right: QuestionID) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// A part of the state that a question's answer depends on.
public enum Topic: Hashable, Sendable {
    case key(ByteString)
    /// All keys that begin with these bytes; empty: all keys.
    case keyPrefix(ByteString)
    case sessions
    case session(ByteString)
    case nodeSessions(ByteString)
    case nodes
    case node(ByteString)
    case services
    case service(ByteString)
    case checks
    /// The checks of one node.
    case nodeChecks(ByteString)
    /// The checks of one service's instances.
    case serviceChecks(ByteString)
    /// The ACL tokens.
    case tokens

    /// The topic in the one spelling that the table knows: names of the catalog and of sessions
    /// compare without regard to ASCII case, as the state finds their rows; keys compare with it.
    var folded: Topic {
        switch self {
        case .key, .keyPrefix, .sessions, .nodes, .services, .checks, .tokens: self
        case .session(let id): .session(id.lowercased)
        case .nodeSessions(let node): .nodeSessions(node.lowercased)
        case .node(let name): .node(name.lowercased)
        case .service(let name): .service(name.lowercased)
        case .nodeChecks(let node): .nodeChecks(node.lowercased)
        case .serviceChecks(let name): .serviceChecks(name.lowercased)
        }
    }
}

/// Which questions are to be asked again after a change.
///
/// A question may stand under several topics, and many connections may wait for one question;
/// the table knows only numbers.
public struct Topics: ~Copyable {
    private var subscribers: [Topic: Set<QuestionID>] = [:]
    /// How many prefixes of each length are subscribed, by length.
    private var prefixLengths: [Int: Int] = [:]

    public init() {}

    public var isEmpty: Bool { subscribers.isEmpty }

    public mutating func subscribe(_ question: QuestionID, to topic: Topic) {
        let topic = topic.folded
        let isNew = subscribers[topic] == nil
        subscribers[topic, default: []].insert(question)
        if isNew, case .keyPrefix(let prefix) = topic {
            prefixLengths[prefix.bytes.count, default: 0] += 1
        }
    }

    public mutating func unsubscribe(_ question: QuestionID, from topic: Topic) {
        let topic = topic.folded
        guard subscribers[topic]?.remove(question) != nil else { return }
        guard subscribers[topic]?.isEmpty == true else { return }
        subscribers[topic] = nil
        guard case .keyPrefix(let prefix) = topic else { return }
        let left = (prefixLengths[prefix.bytes.count] ?? 1) - 1
        prefixLengths[prefix.bytes.count] = left == 0 ? nil : left
    }

    /// Adds to `woken` all questions that depend on what changed.
    public func collect(_ change: Change, into woken: inout Set<QuestionID>) {
        guard !subscribers.isEmpty else { return }
        switch change {
        case .znode, .zooKeeperSessionAttached, .zooKeeperSessionClosed, .member:
            return
        case .key(let key):
            wake(.key(key), &woken)
            wakePrefixes(of: key, &woken)
        case .keyTree(let prefix):
            wakeTree(prefix, &woken)
        case .consulSession(let id, let node):
            wake(.sessions, &woken)
            wake(.session(id), &woken)
            wake(.nodeSessions(node), &woken)
        case .token:
            wake(.tokens, &woken)
        case .node(let name):
            wake(.nodes, &woken)
            wake(.node(name), &woken)
        case .service(let name, let node):
            wake(.services, &woken)
            wake(.service(name), &woken)
            wake(.node(node), &woken)
        case .check(let node, let service, _, _):
            wake(.checks, &woken)
            wake(.nodeChecks(node), &woken)
            if !service.bytes.isEmpty { wake(.serviceChecks(service), &woken) }
        }
    }

    /// Adds every question: the state was replaced as a whole.
    public func collectAll(into woken: inout Set<QuestionID>) {
        for questions in subscribers.values { woken.formUnion(questions) }
    }

    private func wake(_ topic: Topic, _ woken: inout Set<QuestionID>) {
        if let questions = subscribers[topic.folded] { woken.formUnion(questions) }
    }

    private func wakePrefixes(of key: ByteString, _ woken: inout Set<QuestionID>) {
        for length in prefixLengths.keys where length <= key.bytes.count {
            wake(.keyPrefix(ByteString(Array(key.bytes.prefix(length)))), &woken)
        }
    }

    /// A removed tree concerns every key and prefix below it, and every prefix above it.
    private func wakeTree(_ root: ByteString, _ woken: inout Set<QuestionID>) {
        for (topic, questions) in subscribers {
            let concerned =
                switch topic {
                case .key(let key): key.bytes.starts(with: root.bytes)
                case .keyPrefix(let prefix):
                    prefix.bytes.starts(with: root.bytes) || root.bytes.starts(with: prefix.bytes)
                default: false
                }
            if concerned { woken.formUnion(questions) }
        }
    }
}
