import Glibc
import Logging
import Raft
import RaftStore
import Replica
import StateMachine

/// What an operator reads when the node cannot go on.
enum FailureText {
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
