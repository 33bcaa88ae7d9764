/// The reads that a leader confirms, many with one round of heartbeats (thesis §6.4).
///
///     waiting for the term's first commit -> waiting for a round -> in a round -> confirmed
///
/// A read joins the next round, never one that was sent before the read came: an answer to that
/// one would not show that this node still led when the read was asked.
struct ReadQueue {
    struct Read {
        var id: ReadID
        var from: NodeID
        /// The commit mark when the read came; the state must be at least as new.
        var index: LogIndex
    }

    private struct Round {
        var number: UInt64
        var tick: UInt64
        var reads: [Read]
    }

    private var uncommittedTerm: [Read] = []
    private var unsent: [Read] = []
    private var rounds: [Round] = []
    /// The newest round that was begun.
    private(set) var round: UInt64 = 0
    /// The tick up to which a lease holds; it is exclusive.
    private var leaseEnd: UInt64 = 0
    private var isLeaseForgone = false

    var count: Int {
        uncommittedTerm.count + unsent.count + rounds.reduce(0) { $0 + $1.reads.count }
    }

    /// Whether a read waits that no round under way will confirm.
    var wantsRound: Bool { !unsent.isEmpty }
    var isRoundUnderWay: Bool { !rounds.isEmpty }

    func holdsLease(at tick: UInt64) -> Bool { tick < leaseEnd }

    /// For the rest of this leadership: a transfer's `timeoutNow` may arrive at any later time,
    /// and an election that it starts asks nobody to be silent.
    mutating func forgoLease() {
        leaseEnd = 0
        isLeaseForgone = true
    }

    /// Holds a read until an entry of the leader's own term is committed: only then does the
    /// leader know how far its predecessors' commits went (thesis §6.4, step 1).
    mutating func waitForTerm(_ read: Read) { uncommittedTerm.append(read) }

    mutating func waitForRound(_ read: Read) { unsent.append(read) }

    /// The term's first entry is committed: the early reads may be confirmed now.
    mutating func termCommitted(at index: LogIndex) {
        for var read in uncommittedTerm {
            read.index = index
            unsent.append(read)
        }
        uncommittedTerm.removeAll()
    }

    /// Begins a round, which heartbeats must now carry out.
    mutating func beginRound(tick: UInt64) {
        round += 1
        rounds.append(Round(number: round, tick: tick, reads: unsent))
        unsent.removeAll()
    }

    /// A quorum has answered a round: it is confirmed with all before it.
    mutating func confirm(_ number: UInt64, leaseTicks: Int?) -> [Read] {
        let done = rounds.prefix { $0.number <= number }
        guard let newest = done.last else { return [] }
        if let leaseTicks, !isLeaseForgone {
            leaseEnd = max(leaseEnd, newest.tick + UInt64(leaseTicks))
        }
        let reads = done.flatMap(\.reads)
        rounds.removeFirst(done.count)
        return reads
    }

    /// Leadership is lost: nothing can be confirmed any more.
    mutating func removeAll() -> [Read] {
        let reads = uncommittedTerm + unsent + rounds.flatMap(\.reads)
        self = ReadQueue()
        return reads
    }
}

/// The reads that a follower has asked its leader for.
struct ForwardedReads {
    private struct Read {
        var id: ReadID
        var tick: UInt64
    }

    private var reads: [Read] = []

    var count: Int { reads.count }

    mutating func add(_ id: ReadID, tick: UInt64) { reads.append(Read(id: id, tick: tick)) }

    /// Whether the read was asked for and not answered yet.
    mutating func take(_ id: ReadID) -> Bool {
        guard let position = reads.firstIndex(where: { $0.id == id }) else { return false }
        reads.remove(at: position)
        return true
    }

    /// The reads asked before a tick: their messages are taken as lost.
    mutating func takeAll(before tick: UInt64) -> [ReadID] {
        let late = reads.prefix { $0.tick < tick }.map(\.id)
        reads.removeFirst(late.count)
        return late
    }

    mutating func takeAll() -> [ReadID] {
        defer { reads.removeAll() }
        return reads.map(\.id)
    }
}
