/// The writes that the shell has been given and not reported yet, and the messages that wait for
/// them: no vote, term or match is told to anyone before it would survive a power cut.
struct WriteQueue {
    private struct Outstanding {
        var id: WriteID
        /// The last entry that this write makes durable; nil if it has none left.
        var last: LogIndex?
        /// The snapshot that it installs first.
        var snapshot: LogIndex?
        var tick: UInt64
    }

    private struct Held {
        var until: WriteID
        var message: Message
    }

    /// Beyond so many held messages new ones are dropped, as the network might have done. The
    /// first ones are kept: among them is a candidate's vote for itself.
    private static let heldMax = 4_096

    /// What a report of durability brings.
    struct Released {
        var durable: LogIndex?
        var installed: LogIndex?
        var messages: [Message] = []
    }

    private var outstanding: [Outstanding] = []
    private var held: [Held] = []
    private(set) var issued = WriteID.zero
    /// The last write that changed term or vote.
    private var issuedTerm = WriteID.zero
    private(set) var durable = WriteID.zero

    /// The ID that the next write will have.
    var next: WriteID { issued.next }

    mutating func issue(
        last: LogIndex?,
        snapshot: LogIndex?,
        changesTerm: Bool,
        tick: UInt64
    ) -> WriteID {
        issued = issued.next
        if changesTerm { issuedTerm = issued }
        outstanding.append(
            Outstanding(id: issued, last: last, snapshot: snapshot, tick: tick)
        )
        return issued
    }

    /// Which write a message that tells of the term must wait for.
    func barrierOfTerm(isTermUnwritten: Bool) -> WriteID { isTermUnwritten ? next : issuedTerm }

    /// Holds a message until a write is durable; nil if it need not wait.
    mutating func hold(_ message: Message, until barrier: WriteID) -> Message? {
        guard barrier > durable else { return message }
        if let newest = held.last, newest.until == barrier, newest.message.isCovered(by: message) {
            held[held.count - 1].message = message
        } else if held.count < WriteQueue.heldMax {
            held.append(Held(until: barrier, message: message))
        }
        return nil
    }

    /// A write turned out to carry no entries: what tells of entries waits for the next one.
    mutating func postponeMatches(of id: WriteID) {
        for position in held.indices where held[position].until == id {
            guard case .appendResponse = held[position].message.body else { continue }
            held[position].until = id.next
        }
    }

    /// Entries from `index` on were replaced: writes under way no longer vouch for them.
    mutating func truncate(from index: LogIndex) {
        for position in outstanding.indices {
            guard let last = outstanding[position].last, last >= index else { continue }
            outstanding[position].last = index.previous
        }
    }

    /// The log was replaced: nothing under way makes any of its entries durable.
    mutating func forgetEntries() {
        for position in outstanding.indices { outstanding[position].last = nil }
    }

    /// Takes the report that a write and all before it are durable.
    mutating func release(_ id: WriteID) -> Released {
        precondition(id <= issued, "durable without having been issued")
        durable = max(durable, id)
        var released = Released()
        let done = outstanding.prefix { $0.id <= id }
        for write in done {
            released.durable = write.last ?? released.durable
            released.installed = write.snapshot ?? released.installed
        }
        outstanding.removeFirst(done.count)
        released.messages = held.lazy.filter { $0.until <= id }.map(\.message)
        held.removeAll { $0.until <= id }
        return released
    }

    /// How long the oldest write takes already, in ticks; installing a snapshot may take long.
    func stalledTicks(now: UInt64) -> Int {
        guard let oldest = outstanding.first, oldest.snapshot == nil else { return 0 }
        return Int(now - oldest.tick)
    }
}

extension Message {
    /// Whether a later acknowledgment says all that this one says.
    fileprivate func isCovered(by later: Message) -> Bool {
        guard to == later.to, term == later.term else { return false }
        switch (body, later.body) {
        case (.appendResponse(.accepted(let match)), .appendResponse(.accepted(let laterMatch))):
            return match <= laterMatch
        case (.heartbeatResponse(let round), .heartbeatResponse(let laterRound)):
            return round <= laterRound
        default: return false
        }
    }
}
