/// What an operator asks of the cluster; the leader carries it out, whichever node was asked.
package struct OperatorRequest: Hashable, Sendable {
    package enum Verb: UInt8, CaseIterable, Sendable {
        /// Who belongs to the cluster, and how far each is.
        case members = 1
        case remove = 2
        /// Makes a learner a voter.
        case promote = 3
        /// Makes a voter a learner.
        case demote = 4
        /// Hands leadership over.
        case transfer = 5
        /// Replaces a wrong state by the leader's.
        case refill = 6
    }

    package var verb: Verb
    /// A member by number or name; empty for `members`.
    package var member: String

    package init(_ verb: Verb, member: String = "") {
        self.verb = verb
        self.member = member
    }
}

/// The answer: JSON if it succeeded, a sentence if not.
package struct OperatorAnswer: Hashable, Sendable {
    /// As of HTTP: 200, 400, 404, 409 or 500.
    package var status: Int
    package var body: [UInt8]

    package init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }

    package static func failure(_ status: Int, _ text: String) -> OperatorAnswer {
        OperatorAnswer(status: status, body: Array(text.utf8))
    }
}
