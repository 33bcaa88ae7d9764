import Glibc
import Logging
import Raft
import RaftStore
import Replica
import StateMachine

/// What an operator reads when the node cannot go on.
enum FailureText {
    /// Why the core did not do what an operator asked.
    static func operation(_ error: RaftError) -> String {
        switch error {
        case .notLeader: "leadership has just changed; try again"
        case .transferring(let target):
            "leadership is being handed to \(target.rawValue); try again"
        case .membershipChangePending:
            "another change of the membership is under way; try again when it is done"
        case .termNotCommitted: "the leader has only just begun; try again"
        case .membershipChangeInvalid: "the change makes no sense for this membership"
        case .learnerBehind(_, let match, let last):
            "it has entries up to \(match.rawValue) of \(last.rawValue) yet"
        case .transferTargetInvalid: "leadership can go to another voter only"
        default: "\(error)"
        }
    }

    static func replica(_ error: ReplicaError) -> String {
        switch error {
        case .log(let error) where error.isFatal:
            "the log cannot be made durable, so the node stops; nothing that was acknowledged "
                + "depends on it: \(error)"
        case .log(let error): "the log cannot be written: \(error)"
        case .raft(let error): "the log cannot be read: \(error)"
        case .state(let error): "a committed entry cannot be applied: \(error)"
        }
    }
}

/// Ends the process at once, as after a crash: no buffer of ours may still reach the disk.
struct Failure: Sendable {
    let logger: Logger

    /// EX_IOERR of sysexits.h.
    static let exitCode: Int32 = 74

    func end(_ text: String) -> Never {
        logger.critical("\(text)")
        _exit(Self.exitCode)
    }
}
