import Commands
import ConsulProtocol
import Raft
import RaftStore

/// What a new cluster would begin with, and what may be lost.
struct RecoveryPreview {
    let name: String
    /// The last entry that is taken.
    let end: LogIndex
    private(set) var warnings: [String] = []

    private let committed: LogIndex
    private let last: LogIndex
    private let lastTerm: Term
    private let membership: String
    private let others: [String]
    private let isVoter: Bool
    /// What is taken in place of the log's end.
    private var received: StartingState?
    private var uncertain = EntryTally()
    /// When the newest command was stamped, by its leader's clock; nil: none is in the log.
    private var newestTime: Int64?

    init(_ directory: InspectedDirectory, _ replay: Replay, committedOnly: Bool) throws {
        let contents = try directory.log.contents()
        guard let commit = contents.commit, let identity = contents.identity else {
            throw InspectionFailure.noCommit(path: directory.path)
        }
        name = identity.name
        committed = replay.committed
        last = replay.log.last
        lastTerm = commit.lastTerm
        // A state holds agreed entries only. One that the log does not lead to came from a leader
        // before the node stopped: what the log has instead is in it, or was never agreed on.
        for base in try StartingState.all(of: directory) where base.index > replay.committed {
            guard replay.usesDiverged || !base.isDoubtful, try !replay.holds(base) else { continue }
            let damage = try base.damage()
            guard let flaw = damage.first else {
                received = base
                break
            }
            warnings.append("\(base.text), which a leader sent, is damaged and left out: \(flaw)")
        }
        end = received?.index ?? (committedOnly ? committed : last)
        let known = contents.memberships.last?.membership
        membership = known?.text ?? "unknown"
        isVoter = known?.isVoter(identity.node) ?? false
        others = (contents.standing?.members ?? []).filter { $0.node != identity.node }.map {
            "\($0.name) (\($0.address))"
        }
        try look(directory, contents, usesDiverged: replay.usesDiverged)
        if let received {
            warnings.append(
                "\(received.text) is taken, which a leader sent: the log, which ends at "
                    + "\(last.rawValue), does not lead there"
            )
        } else if committed < last, end < last {
            warnings.append("clients may have been told that what is left out is done")
        }
    }

    private mutating func look(
        _ directory: InspectedDirectory,
        _ contents: LogContents,
        usesDiverged: Bool
    ) throws {
        if committed < last {
            var tally = uncertain
            try directory.log.forEachEntry(committed.next...last) { item in
                tally.add(item, EntryFilter())
                return true
            }
            uncertain = tally
        }
        try findNewestTime(directory)
        if let found = try directory.divergence {
            let equal = found.equalAt.rawValue
            warnings.append(
                "the state of this node was found to differ from the cluster's, between entries "
                    + "\(equal) and \(found.differsAt.rawValue); take another survivor if there "
                    + "is one. That state and snapshots after entry \(equal) are "
                    + (usesDiverged ? "taken where nothing else leads there" : "left out")
            )
        }
        if !isVoter {
            warnings.append("this node had no vote; it may be behind those that had")
        }
    }

    /// In the newest entries that have a time.
    private mutating func findNewestTime(_ directory: InspectedDirectory) throws {
        guard last > .zero else { return }
        let first = LogIndex(last.rawValue - min(last.rawValue - 1, InspectorLimits.newestMax))
        var newest: Int64?
        try directory.log.forEachEntry(first...last) { item in
            if case .entry(let entry) = item,
                let time = DescribedEntry(entry).summary?.timeMilliseconds, time > 0
            {
                newest = time
            }
            return true
        }
        newestTime = newest
    }

    private var uncertainText: String {
        guard committed < last else { return "none" }
        let kinds = uncertain.kinds.sorted { $0.key < $1.key }.map { kind, count in
            "\(count.entries) \(kind)"
        }
        return "\(last.rawValue - committed.rawValue), up to \(last.rawValue): "
            + kinds.joined(separator: ", ")
    }

    private var takenText: String {
        if let received { return received.text }
        return end == last ? "all that is stored, up to \(end.rawValue)" : "up to \(end.rawValue)"
    }

    private var lossText: String {
        if received != nil {
            return "all that only the other nodes stored, after entry \(end.rawValue)"
        }
        guard let newestTime else { return "all that only the other nodes stored" }
        let minutes = max(0, TimeText.nowMilliseconds - newestTime) / 60_000
        return "all that only the other nodes stored, after entry \(last.rawValue) of "
            + "\(TimeText.text(milliseconds: newestTime)) (\(minutes) minutes ago)"
    }

    var rows: [[String]] {
        [
            ["node", name], ["membership", membership],
            ["other first voters", others.isEmpty ? "none known" : others.joined(separator: ", ")],
            ["known to be committed", "up to \(committed.rawValue)"],
            ["stored beyond that", uncertainText],
            ["last entry", "\(last.rawValue) of term \(lastTerm.rawValue)"],
            ["would be taken", takenText], ["may be lost", lossText],
        ]
    }

    func write(to json: inout JSONWriter) {
        json.member("name", name)
        json.member("membership", membership)
        json.member("others", texts: others)
        json.member("committed", committed.rawValue)
        json.member("last", last.rawValue)
        json.member("lastTerm", lastTerm.rawValue)
        json.member("taken", end.rawValue)
        json.member("uncertain", last.rawValue - committed.rawValue)
        if let newestTime { json.member("newestTime", TimeText.text(milliseconds: newestTime)) }
        json.member("warnings", texts: warnings)
    }
}
