internal import Raft

/// What opening a log found and did; for the shell to log.
package struct RecoveryReport: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// Closed cleanly: nothing had to be checked.
        case closedCleanly
        /// The process stopped, the operating system did not: the newest commit stands.
        case processCrash
        /// Every page and record was checked; the newest commit is whole.
        case verified
        /// The newest commit was torn by the crash and never acknowledged; the log is as the
        /// commit before it left it.
        case fellBack
    }

    package var outcome: Outcome
    /// Why it was checked.
    package var reason = ""
    /// The transaction that the log stands at, as far as it was read here.
    package var transaction: UInt64 = 0
    /// What was wrong with the newest commit.
    package var damage: [Damage] = []
    package var pagesRead = 0
    package var nanoseconds: UInt64 = 0
}

extension RecoveryReport: CustomStringConvertible {
    package var description: String {
        switch outcome {
        case .closedCleanly: "log closed cleanly"
        case .processCrash: "log not closed, but the operating system ran on: nothing lost"
        case .verified:
            "\(reason): verified \(pagesRead) pages of transaction \(transaction)"
        case .fellBack:
            "\(reason): the newest commit was torn and is dropped, transaction \(transaction) "
                + "verifies (\(damage.map(\.description).joined(separator: "; ")))"
        }
    }
}
