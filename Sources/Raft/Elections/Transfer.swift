// Handing leadership over (thesis §3.10).

/// A transfer under way: proposals wait until it is done or given up.
struct Transfer {
    var target: NodeID
    var elapsedTicks: Int
}

extension RaftNode {
    /// Lets the target stand for election if it has all of the log.
    mutating func pushTransfer() {
        guard let transfer, let peer = tracker.progress(of: transfer.target),
            peer.match == log.last
        else { return }
        send(to: transfer.target, .timeoutNow)
    }

    /// Gives up what takes too long: the flag must never stick, or writes would stop for ever.
    mutating func tickTransfer() {
        guard var current = transfer else { return }
        current.elapsedTicks += 1
        let isPossible = memberships.current.isVoter(current.target)
        transfer = current.elapsedTicks < limits.transferTicks && isPossible ? current : nil
    }

    mutating func receiveTimeoutNow() {
        guard role == .follower else { return }
        startElection(isTransfer: true)
    }

    /// Gives up leadership for a reason of this node's own. The voter that has most of the log is
    /// asked to take over at once; whether it may lead is for the others to say.
    mutating func abdicate() {
        let voters = tracker.peers.filter { memberships.current.isVoter($0.id) }
        let heir = voters.max { ($0.match, $1.id) < ($1.match, $0.id) }
        if let heir, heir.match > .zero { send(to: heir.id, .timeoutNow) }
        becomeFollower(term: term, leader: nil)
    }
}
