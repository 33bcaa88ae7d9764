import ArgumentParser
import Disk
import RaftStore
import StateMachine

/// Every way in which an inspection fails: what, where, and what to do about it.
enum InspectionFailure: Error, CustomStringConvertible {
    case store(StoreError)
    case state(StateError)
    case changed(path: String)
    case noCommit(path: String)
    /// No base and no unbroken log lead to an entry.
    case unreachable(index: UInt64, reach: String, passed: [String])
    case noSnapshot(path: String)
    /// The results cannot be written.
    case output(DiskError)
    /// A replay met damage.
    case damagedOnTheWay(String)
    case other(String)

    init(_ error: any Error) {
        switch error {
        case let error as InspectionFailure: self = error
        case let error as StoreError: self = .store(error)
        case let error as StateError: self = .state(error)
        default: self = .other("\(error)")
        }
    }

    var description: String {
        switch self {
        case .store(.formatTooNew(let path, let found, let known)):
            "\(path): format \(found) is newer than \(known), the newest this version reads; "
                + "use the roost-log of the Roost that wrote it"
        case .store(.damaged(let path, let damage)):
            "\(path): damaged: \(damage.map(\.description).joined(separator: "; ")); "
                + "`roost-log verify` names all that is"
        case .store(let error):
            "\(error)\(Self.advice(error.description))"
        case .state(let error): "the state cannot be read: \(error)"
        case .changed(let path):
            "\(path): a server was started or stopped while it was read, so that what was printed "
                + "may not fit together; run this again"
        case .noCommit(let path):
            "\(path): the commit record is damaged; `roost-log verify` says how"
        case .unreachable(let index, let reach, let passed):
            "the state after entry \(index) cannot be rebuilt: \(reach)"
                + passed.map { "; \($0)" }.joined()
        case .noSnapshot(let path):
            "\(path): this is no snapshot of Roost (there is no manifest beside it)"
        case .damagedOnTheWay(let text):
            "the log is damaged on the way there: \(text); `roost-log verify` names all that is"
        case .output(let error): "\(error); what was printed is not all"
        case .other(let text): text
        }
    }

    private static func advice(_ text: String) -> String {
        if text.contains("Permission denied") { return "; run this as the user that roost runs as" }
        if text.contains("no data directory") { return "; name another with --data-dir" }
        return ""
    }

    var exitCode: ExitCode {
        switch self {
        case .store(.damaged), .noCommit, .damagedOnTheWay: ExitCodes.logDamage
        default: ExitCodes.unreadable
        }
    }
}

/// What the verbs end with, beside 0 and (wrong usage) 64.
enum ExitCodes {
    static let unreadable = ExitCode(1)
    static let tornTail = ExitCode(2)
    static let logDamage = ExitCode(3)
    static let snapshotDamage = ExitCode(4)
    static let stateMismatch = ExitCode(5)
    static let differs = ExitCode(6)
    static let unconfirmed = ExitCode(7)
}
