import DequeModule
import Raft

/// The requests of this node's clients that are under way. Each is in one of three places: held
/// until there is a leader, sent to the leader and not placed in its log yet, or placed in the log
/// and not committed yet.
///
/// A held request has not happened and may be sent later. Of a sent one nobody knows when the
/// leader is lost: its client is told so, and must not be told anything else. A placed one is
/// answered by the entry of its index: with its outcome if the terms agree, and as lost if not.
struct RequestsUnderWay {
    private struct Placed {
        var index: LogIndex
        var term: Term
        var origin: Origin
        var deadline: Int64
    }

    private struct Timed {
        var proposal: PendingProposal
        var deadline: Int64
    }

    private struct Sent {
        var proposal: PendingProposal
        /// Until when it may wait for an outcome, and for a leader if this one is none.
        var deadline: Int64
        var holdDeadline: Int64
    }

    private var placed = Deque<Placed>()
    private var sent: [ForwardID: Sent] = [:]
    private var held = Deque<Timed>()
    private var heldBarriers: [(origin: Origin, deadline: Int64)] = []
    private var lastForward: ForwardID
    /// The newest entry that was handed out; nothing at or below it can be placed any more.
    private var settled = LogIndex.zero

    /// - Parameter firstForward: a number that an earlier process of this node has not begun with,
    ///   so that answers to its requests are not taken for answers to this one's.
    init(firstForward: UInt64) {
        lastForward = ForwardID(firstForward)
    }

    var holdsProposals: Bool { !held.isEmpty }
    var heldCount: Int { held.count + heldBarriers.count }
    var sentCount: Int { sent.count }

    // MARK: Held

    mutating func hold(_ proposal: PendingProposal, until deadline: Int64) {
        held.append(Timed(proposal: proposal, deadline: deadline))
    }

    mutating func hold(_ barrier: Origin, until deadline: Int64) {
        heldBarriers.append((barrier, deadline))
    }

    /// Forgets what is held of the connection that this is of.
    mutating func dropHeld(of origin: Origin) -> [Origin] {
        guard !held.isEmpty else { return [] }
        let dropped = held.map(\.proposal.origin).filter { $0.isOfSameConnection(as: origin) }
        held.removeAll { $0.proposal.origin.isOfSameConnection(as: origin) }
        return dropped
    }

    /// What is to be tried again now, with the times until which it may be.
    mutating func takeHeld() -> (proposals: [HeldProposal], barriers: [HeldBarrier]) {
        let proposals = held.map { HeldProposal(proposal: $0.proposal, deadline: $0.deadline) }
        let barriers = heldBarriers.map { HeldBarrier(origin: $0.origin, deadline: $0.deadline) }
        held.removeAll()
        heldBarriers.removeAll()
        return (proposals, barriers)
    }

    // MARK: Sent

    mutating func send(_ request: HeldProposal, until deadline: Int64) -> ForwardedProposal {
        lastForward = ForwardID(lastForward.rawValue &+ 1)
        sent[lastForward] = Sent(
            proposal: request.proposal,
            deadline: deadline,
            holdDeadline: request.deadline
        )
        return ForwardedProposal(id: lastForward, payload: request.proposal.payload)
    }

    /// The leader has answered; nil if that is too late.
    mutating func answered(_ id: ForwardID) -> HeldProposal? {
        guard let timed = sent.removeValue(forKey: id) else { return nil }
        return HeldProposal(proposal: timed.proposal, deadline: timed.holdDeadline)
    }

    /// The leader, or the way to it, is gone.
    mutating func loseSent() -> [Origin] {
        let lost = sent.keys.sorted().compactMap { sent[$0]?.proposal.origin }
        sent.removeAll()
        return lost
    }

    // MARK: Placed

    /// False if the entry of this index was handed out before: nobody knows whether it was this
    /// one.
    mutating func place(
        _ origin: Origin,
        at index: LogIndex,
        term: Term,
        until deadline: Int64
    ) -> Bool {
        guard index > settled else { return false }
        let new = Placed(index: index, term: term, origin: origin, deadline: deadline)
        var position = placed.count
        while position > 0, placed[position - 1].index > index { position -= 1 }
        placed.insert(new, at: position)
        return true
    }

    /// An entry is handed out: whom it answers, and who waited for another one in its place.
    mutating func settle(_ entry: Entry, _ lost: inout [Origin]) -> Origin? {
        settled = entry.index
        var answered: Origin?
        while let first = placed.first, first.index <= entry.index {
            placed.removeFirst()
            if first.index == entry.index, first.term == entry.term, answered == nil {
                answered = first.origin
            } else {
                lost.append(first.origin)
            }
        }
        return answered
    }

    /// A snapshot took the place of all entries up to `index`.
    mutating func skip(upTo index: LogIndex) -> [Origin] {
        settled = max(settled, index)
        var lost: [Origin] = []
        while let first = placed.first, first.index <= index {
            placed.removeFirst()
            lost.append(first.origin)
        }
        return lost
    }

    // MARK: Time

    /// Whose time is up: those that found no leader, which have not happened, and those that were
    /// sent or placed, which may still happen.
    mutating func expire(now: Int64) -> (unled: [Origin], unknown: [Origin]) {
        var unled = held.filter { $0.deadline <= now }.map(\.proposal.origin)
        held.removeAll { $0.deadline <= now }
        unled += heldBarriers.filter { $0.deadline <= now }.map(\.origin)
        heldBarriers.removeAll { $0.deadline <= now }
        var unknown: [Origin] = []
        for id in sent.keys.sorted() {
            guard let timed = sent[id], timed.deadline <= now else { continue }
            unknown.append(timed.proposal.origin)
            sent[id] = nil
        }
        if placed.contains(where: { $0.deadline <= now }) {
            unknown += placed.filter { $0.deadline <= now }.map(\.origin)
            placed.removeAll { $0.deadline <= now }
        }
        return (unled, unknown)
    }
}

/// A proposal that waits for a leader.
struct HeldProposal {
    var proposal: PendingProposal
    var deadline: Int64
}

/// A barrier that waits for a leader.
struct HeldBarrier {
    var origin: Origin
    var deadline: Int64
}
