import Bytes
import Raft
import Replica
import StateMachine

/// Watches the whole cluster from outside, and knows what must never happen (thesis figure 3.2):
/// two leaders of a term, a committed entry that changes or is on too few disks, a leader without
/// it, logs that part and meet again, two states of one index.
final class Oracle {
    /// The first broken promise; the run ends with it.
    private(set) var violation: String?
    private(set) var newestCommitted = LogIndex.zero

    private struct Mark: Equatable {
        var term: Term
        var hash: UInt64
    }

    private var committed: [LogIndex: Mark] = [:]
    /// The newest committed one.
    private(set) var membership: Membership
    private var membershipIndex = LogIndex.zero
    private var leaders: [Term: NodeID] = [:]
    private var newestTerm = Term.zero
    private var digests: [UInt64: UInt64] = [:]
    private unowned let trial: Trial

    init(trial: Trial, membership: Membership) {
        self.trial = trial
        self.membership = membership
    }

    func fail(_ text: String) {
        if violation == nil { violation = text }
    }

    // MARK: Elections

    func leads(_ change: Leadership, _ host: Host, last: LogIndex) {
        trial.note(change.term.rawValue << 8 | host.id.rawValue)
        guard change.role == .leader, leaders[change.term] != host.id else { return }
        if let other = leaders[change.term] {
            return fail(
                "nodes \(other.rawValue) and \(host.id.rawValue) both lead term "
                    + "\(change.term.rawValue)"
            )
        }
        trial.trace("node \(host.id.rawValue) leads term \(change.term.rawValue)")
        leaders[change.term] = host.id
        trial.tally.leaders += 1
        guard change.term > newestTerm else { return }
        newestTerm = change.term
        checkCompleteness(of: host, change.term, last: last)
    }

    /// Whatever is committed is in the log of every later leader.
    private func checkCompleteness(of host: Host, _ term: Term, last: LogIndex) {
        if last < newestCommitted {
            return fail(
                "node \(host.id.rawValue) leads term \(term.rawValue) with a log that ends at "
                    + "\(last.rawValue), though \(newestCommitted.rawValue) is committed"
            )
        }
        var index = min(newestCommitted, host.log.contents.last)
        while index > host.log.contents.base {
            if let entry = host.log.entry(at: index), let mark = committed[index],
                entry.term != mark.term
            {
                return fail(
                    "node \(host.id.rawValue) leads term \(term.rawValue) without the committed "
                        + "entry \(index.rawValue)/\(mark.term.rawValue)"
                )
            }
            index = index.previous
        }
    }

    // MARK: Commits

    func committed(_ entries: [Entry], on host: Host) {
        for entry in entries { committed(entry, on: host) }
        checkCopies()
    }

    private func committed(_ entry: Entry, on host: Host) {
        let mark = Mark(term: entry.term, hash: hash(entry))
        if let known = committed[entry.index] {
            guard known != mark else { return }
            return fail(
                "node \(host.id.rawValue) applies entry \(entry.index.rawValue)/"
                    + "\(entry.term.rawValue), where \(known.term.rawValue) was committed before"
            )
        }
        committed[entry.index] = mark
        trial.tally.entries += 1
        trial.note(mark.hash)
        newestCommitted = max(newestCommitted, entry.index)
        if entry.kind == .configuration, entry.index > membershipIndex,
            let changed = Membership(encoded: entry.payload[...])
        {
            (membership, membershipIndex) = (changed, entry.index)
            trial.trace(
                "entry \(entry.index.rawValue)/\(entry.term.rawValue): voters "
                    + "\(changed.incoming.map(\.rawValue)) and "
                    + "\(changed.outgoing.map(\.rawValue)), learners "
                    + "\(changed.learners.map(\.rawValue))"
            )
        }
    }

    private func hash(_ entry: Entry) -> UInt64 {
        XXH64.combine(XXH64.hash(entry.payload, seed: entry.term.rawValue), entry.index.rawValue)
    }

    /// The newest committed entry is on the disks of a majority, now and for ever.
    func checkCopies() {
        guard let mark = committed[newestCommitted] else { return }
        let index = newestCommitted
        let isHeld = { (node: NodeID) -> Bool in
            let host = self.trial.host(node)
            // It never votes again: a majority of the others needs one that has the entry.
            if host.isLost { return true }
            let log = host.log
            if log.contents.base >= index { return true }
            return log.entry(at: index)?.term == mark.term
        }
        // The old side of a joint membership is out of it as soon as a leader has the next one in
        // its log, committed or not.
        if !isMajority(membership.incoming, isHeld) {
            fail(
                "entry \(index.rawValue)/\(mark.term.rawValue) is committed, and no majority has "
                    + "it: \(held(index))"
            )
        }
    }

    private func held(_ index: LogIndex) -> String {
        let voters = (membership.incoming + membership.outgoing).map { "\($0.rawValue)" }
        let logs = trial.hosts.map { host in
            let term = host.log.entry(at: index).map { "\($0.term.rawValue)" } ?? "-"
            return "\(host.id.rawValue):\(term)"
        }
        return "voters \(voters.joined(separator: " ")), terms \(logs.joined(separator: " "))"
    }

    private func isMajority(_ voters: [NodeID], _ condition: (NodeID) -> Bool) -> Bool {
        voters.isEmpty || voters.count(where: condition) * 2 > voters.count
    }

    /// Logs that agree on an entry agree on all before it.
    func checkLogs() {
        let hosts = trial.hosts
        for (number, left) in hosts.enumerated() {
            for right in hosts.dropFirst(number + 1) { checkMatch(left, right) }
        }
    }

    private func checkMatch(_ left: Host, _ right: Host) {
        var index = min(left.log.contents.last, right.log.contents.last)
        var agreed: LogIndex?
        var steps = 0
        while steps < 400, let one = left.log.entry(at: index), let two = right.log.entry(at: index)
        {
            let isSame = one.term == two.term
            if isSame, agreed == nil { agreed = index }
            if let agreed, one != two {
                return fail(
                    "the logs of nodes \(left.id.rawValue) and \(right.id.rawValue) agree at "
                        + "\(agreed.rawValue) and differ at \(index.rawValue)"
                )
            }
            index = index.previous
            steps += 1
        }
    }

    // MARK: States

    /// A process opened its state.
    func opened(_ host: Host, applied: LogIndex) {
        let contents = host.log.contents
        guard applied.next > contents.base, applied <= contents.last else {
            return fail(
                "node \(host.id.rawValue) starts with its state at \(applied.rawValue), and its "
                    + "log from \(contents.base.next.rawValue) to \(contents.last.rawValue)"
            )
        }
    }

    /// A node was told that its state is wrong, which it must be.
    func diverged(_ host: Host, _ divergence: Divergence) {
        trial.trace("node \(host.id.rawValue): \(divergence.text)")
        guard trial.refillsNodes else {
            return fail("\(Self.divergenceMark) \(host.id.rawValue): \(divergence.text)")
        }
        trial.tally.diverged += 1
        trial.refill(host)
    }

    static let divergenceMark = "found by comparing states: node"

    func mended(_ host: Host) {
        trial.trace("node \(host.id.rawValue) is refilled")
        trial.tally.refilled += 1
    }

    func applied(_ summary: StateSummary, on host: Host) {
        // It is for the nodes themselves to find these.
        if let mutant = trial.mutant, mutant.isForNodesToFind { return }
        let index = summary.appliedIndex
        guard let known = digests[index] else {
            digests[index] = summary.digest
            return
        }
        if known != summary.digest {
            fail("node \(host.id.rawValue) has another state at entry \(index) than the others")
        }
    }
}
