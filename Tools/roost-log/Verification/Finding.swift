import ArgumentParser
import ConsulProtocol
import Raft
import RaftStore

/// One thing that is wrong with a data directory.
struct Finding {
    /// By what it means to whoever runs the node; the gravest comes first.
    enum Class: String, CaseIterable {
        case logDamage
        case stateMismatch
        case snapshotDamage
        case tornTail

        var exitCode: ExitCode {
            switch self {
            case .logDamage: ExitCodes.logDamage
            case .stateMismatch: ExitCodes.stateMismatch
            case .snapshotDamage: ExitCodes.snapshotDamage
            case .tornTail: ExitCodes.tornTail
            }
        }

        /// What it is, and what to do.
        var meaning: String {
            switch self {
            case .logDamage:
                "entries are damaged that may have been acknowledged: the node must not start "
                    + "from this; refill it from its peers, or restore a backup"
            case .stateMismatch:
                "the state does not fit the log: move the folder state away, and the node rebuilds "
                    + "it from snapshot and log, if those are whole"
            case .snapshotDamage:
                "a snapshot is damaged: the node runs on, but could not rebuild its state from it"
            case .tornTail:
                "the newest commit was torn by a crash of the operating system before it was "
                    + "acknowledged: the node drops it by itself when it starts"
            }
        }
    }

    let group: Class
    /// "log", "state" or "snapshot INDEX-TERM".
    let place: String
    let damage: Damage

    /// What damage of a state is, and where it is said to be.
    static func place(of base: StartingState) -> (Class, String) {
        switch base.source {
        case .snapshot(let snapshot): (.snapshotDamage, "snapshot \(snapshot.name)")
        default: (.stateMismatch, "state")
        }
    }

    init(_ group: Class, _ place: String, _ damage: Damage) {
        self.group = group
        self.place = place
        self.damage = damage
    }

    func write(to json: inout JSONWriter) {
        json.member("class", group.rawValue)
        json.member("place", place)
        json.member("kind", "\(damage.kind)")
        if let index = damage.index { json.member("index", index.rawValue) }
        if let page = damage.page { json.member("page", page) }
        json.member("text", damage.text)
    }
}
