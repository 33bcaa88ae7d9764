import DequeModule
import Raft

/// The requests of this node's clients that are under way. Each is in one of three places: held
/// until there is a leader, sent to the leader and not placed in its log yet, or placed in the log
/// and not committed yet.
///
/// A held request has not happened and may be sent later. Of a sent one nobody knows when the
/// leader is lost: its client is told so, and must not be told anything else. One that was sent to
/// a leader that handed over is a stray: that node still says whether it took it. A placed one is
/// answered by the entry of its index: with its outcome if the terms agree, and as lost if not.
struct RequestsUnderWay {
    private struct Placed {
        var index: LogIndex
        var term: Term
        var origin: Origin
        var deadline: Int64
    }

    private struct Sent {
        var request: HeldProposal
        var leader: NodeID
        /// Until when it may wait for an outcome.
        var deadline: Int64
        var isStray = false
    }

    private var placed = Deque<Placed>()
    private var sent: [ForwardID: Sent] = [:]
    /// Of their payloads.
    private(set) var sentBytes = 0
    private var strayCount = 0
    /// In the order in which they came.
    private var held = Deque<HeldProposal>()
    /// Of their payloads.
    private(set) var heldBytes = 0
    private var heldBarriers: [(origin: Origin, deadline: Int64)] = []
    private var lastForward: ForwardID
    private var lastArrival: UInt64 = 0
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
    var hasStrays: Bool { strayCount > 0 }

    /// Whether what is held may be sent again. Something that came after it may still be with a
    /// leader that refused it, and be taken there before it: that answer must be known first.
    var mayRetry: Bool {
        guard let first = held.first else { return !heldBarriers.isEmpty && !hasStrays }
        return !hasStrays && !sent.values.contains { $0.request.arrival > first.arrival }
    }

    // MARK: Held

    /// One that came back from a leader that is none any more goes before what came after it.
    mutating func hold(_ request: HeldProposal) {
        let request = numbered(request)
        var position = held.count
        while position > 0, held[position - 1].arrival > request.arrival { position -= 1 }
        held.insert(request, at: position)
        heldBytes += request.proposal.payload.count
    }

    private mutating func removeHeld(where isGone: (HeldProposal) -> Bool) -> [Origin] {
        let gone = held.filter(isGone)
        guard !gone.isEmpty else { return [] }
        for request in gone { heldBytes -= request.proposal.payload.count }
        held.removeAll(where: isGone)
        return gone.map(\.proposal.origin)
    }

    private mutating func numbered(_ request: HeldProposal) -> HeldProposal {
        guard request.arrival == 0 else { return request }
        lastArrival += 1
        var request = request
        request.arrival = lastArrival
        return request
    }

    mutating func hold(_ barrier: Origin, until deadline: Int64) {
        heldBarriers.append((barrier, deadline))
    }

    /// Forgets what is held of the same connection and came before this.
    mutating func dropHeld(before later: HeldProposal) -> [Origin] {
        removeHeld { request in
            request.arrival < later.arrival
                && request.proposal.origin.isOfSameConnection(as: later.proposal.origin)
        }
    }

    /// What is to be tried again now, with the times until which it may be.
    mutating func takeHeld() -> (proposals: [HeldProposal], barriers: [HeldBarrier]) {
        let proposals = Array(held)
        let barriers = heldBarriers.map { HeldBarrier(origin: $0.origin, deadline: $0.deadline) }
        held.removeAll()
        heldBytes = 0
        heldBarriers.removeAll()
        return (proposals, barriers)
    }

    // MARK: Sent

    mutating func send(
        _ request: HeldProposal,
        to leader: NodeID,
        until deadline: Int64
    ) -> ForwardedProposal {
        lastForward = ForwardID(lastForward.rawValue &+ 1)
        sentBytes += request.proposal.payload.count
        sent[lastForward] = Sent(request: numbered(request), leader: leader, deadline: deadline)
        return ForwardedProposal(id: lastForward, payload: request.proposal.payload)
    }

    /// The leader has answered; nil if that is too late.
    mutating func answered(_ id: ForwardID) -> HeldProposal? {
        remove(id)?.request
    }

    private mutating func remove(_ id: ForwardID) -> Sent? {
        guard let one = sent.removeValue(forKey: id) else { return nil }
        sentBytes -= one.request.proposal.payload.count
        if one.isStray { strayCount -= 1 }
        return one
    }

    /// Another leader, or none: what others than it were sent is waited for no longer than this.
    mutating func stray(from leader: NodeID?, until deadline: Int64) {
        for id in sent.keys.sorted() {
            guard var one = sent[id], one.leader != leader else { continue }
            one.deadline = min(one.deadline, deadline)
            if !one.isStray { strayCount += 1 }
            one.isStray = true
            sent[id] = one
        }
    }

    /// A leader, or the way to it, is gone.
    mutating func loseSent(where isLost: (NodeID) -> Bool) -> [Origin] {
        sent.keys.sorted().compactMap { id in
            guard let one = sent[id], isLost(one.leader) else { return nil }
            return remove(id)?.request.proposal.origin
        }
    }

    /// Strays that were not answered in time.
    mutating func loseLateStrays(now: Int64) -> [Origin] {
        guard hasStrays else { return [] }
        return sent.keys.sorted().compactMap { id in
            guard let one = sent[id], one.isStray, one.deadline <= now else { return nil }
            return remove(id)?.request.proposal.origin
        }
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
        var unled = removeHeld { $0.deadline <= now }
        unled += heldBarriers.filter { $0.deadline <= now }.map(\.origin)
        heldBarriers.removeAll { $0.deadline <= now }
        var unknown: [Origin] = []
        for id in sent.keys.sorted() {
            guard let one = sent[id], one.deadline <= now else { continue }
            unknown.append(one.request.proposal.origin)
            _ = remove(id)
        }
        if placed.contains(where: { $0.deadline <= now }) {
            unknown += placed.filter { $0.deadline <= now }.map(\.origin)
            placed.removeAll { $0.deadline <= now }
        }
        return (unled, unknown)
    }
}

/// A proposal that waits for a leader, or may have to.
struct HeldProposal {
    var proposal: PendingProposal
    var deadline: Int64
    /// The how manieth it is; 0 until it first had to wait.
    var arrival: UInt64 = 0
}

/// A barrier that waits for a leader.
struct HeldBarrier {
    var origin: Origin
    var deadline: Int64
}
