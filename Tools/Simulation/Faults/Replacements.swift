import Raft
import RaftStore
import Replica

/// Machines whose disk is lost for good, and the operator who puts new ones in their place: the old
/// member is removed, a node with an empty disk and a new id joins as a learner and is promoted, as
/// with `roost raft remove` and `--join`.
///
/// One at a time, and only while the others are a majority: more no cluster survives. Meanwhile
/// nobody else changes the membership.
final class Replacements {
    private unowned let trial: Trial
    /// Whose disk is lost.
    private var lost: Host?
    /// Whose log has a record that will not verify; it may be compacted before anybody reads it.
    private var spoilt: Host?
    private var successor: Host?

    init(trial: Trial) { self.trial = trial }

    /// So many disks may be lost in a run.
    private static let lossesMax = 2

    /// Whether a machine that is lost has no successor yet.
    var isUnderWay: Bool { lost != nil }

    /// Whether a disk is lost, or will be as soon as somebody reads what is damaged.
    var isDue: Bool { lost != nil || spoilt?.log.isDamaged == true }

    /// False: the cluster could not do without it.
    func lose(_ host: Host) -> Bool {
        guard isDispensable(host) else { return false }
        replace(host)
        return true
    }

    /// A bit of an entry's record flips. False: there is none, or the cluster could not do without
    /// the node.
    func spoilRecord(of host: Host) -> Bool {
        guard isDispensable(host), host.log.damageEntry(trial.dice) else { return false }
        spoilt = host
        return true
    }

    /// A node came upon a record that does not verify; it ends. False: it has none.
    func found(_ host: Host) -> Bool {
        guard host.log.isDamaged else { return false }
        host.meets(.flippedBit, in: trial)
        replace(host)
        return true
    }

    /// An operator looks through the logs: damage that nobody came upon is found.
    func scrub() {
        guard let spoilt, spoilt.log.isDamaged else { return }
        _ = found(spoilt)
    }

    private func isDispensable(_ host: Host) -> Bool {
        guard !isDue, !trial.isCalm,
            trial.hosts.count < trial.settings.nodeCount + Self.lossesMax
        else { return false }
        let settled = trial.oracle.membership
        guard !settled.isJoint, settled.incoming.count > 2 else { return false }
        // A change that is under way could leave a majority that needs the lost one.
        return settled.members.allSatisfy { id in
            let host = trial.host(id)
            let stored = host.log.contents.memberships.last?.membership
            return stored == settled
                && (host.process.map { $0.status.membership == settled } ?? true)
        }
    }

    private func replace(_ host: Host) {
        trial.trace("the disk of node \(host.id.rawValue) is lost")
        spoilt = nil
        lost = host
        host.isLost = true
        host.stop(.powerCut, in: trial)
        if trial.mutant == .votesEmptied { return comeBackEmpty(host) }
        planStep(after: trial.dice.skewed(100_000...15_000_000))
    }

    /// Of the bug: nobody asks whether it is the node that it says it is.
    private func comeBackEmpty(_ host: Host) {
        lost = nil
        host.isLost = false
        host.log.empty(membership: trial.oracle.membership)
        host.home.loseAll()
        host.start(in: trial)
    }

    private func planStep(after microseconds: Int64) {
        trial.plan(at: trial.now + microseconds, kind: 24) { [unowned self] in
            if let lost { step(lost) }
        }
    }

    /// One step, if there is a leader and it agrees; else it is tried again.
    private func step(_ lost: Host) {
        let membership = trial.oracle.membership
        if membership.contains(lost.id) {
            ask(.remove(lost.id))
        } else if let successor {
            advance(successor, membership)
        } else {
            successor = trial.addHost()
        }
        if isUnderWay { planStep(after: 1_000_000) }
    }

    private func advance(_ successor: Host, _ membership: Membership) {
        if membership.isVoter(successor.id) {
            trial.trace("node \(successor.id.rawValue) has the place of the lost one")
            trial.tally.joined += 1
            (lost, self.successor) = (nil, nil)
        } else if membership.isLearner(successor.id) {
            guard successor.hasEverRun else { return successor.start(in: trial) }
            ask(.promote(successor.id))
        } else {
            ask(.addLearner(successor.id))
        }
    }

    private func ask(_ change: MembershipChange) {
        guard let leader = trial.hosts.first(where: \.isLeader)?.process else { return }
        _ = leader.operate { consensus throws(RaftError) in _ = try consensus.change([change]) }
    }
}
