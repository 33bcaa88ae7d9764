/// The answer of an applied entry.
public enum Outcome: Equatable, Sendable {
    /// An entry without a command: a leader's first, a membership change.
    case none
    case znode(ZnodeOutcome)
    case consul(ConsulOutcome)
    case member(MemberOutcome)
}
