/// What the leader knows of one other member, and what it may send to it.
///
///             +---- rejected, unreachable ----+
///             v                               |
///         +-------+    match found      +-----------+
///         | probe | ------------------> | replicate |
///         +-------+                     +-----------+
///           |   ^                             |
///           |   | sent or failed              | entry compacted
///           |   +-----------+                 |
///           | compacted     |                 |
///           +--------> +----------+ <---------+
///                      | snapshot |
///                      +----------+
struct Progress {
    enum State: Hashable {
        /// One message at a time; `isPaused` until it is answered or a heartbeat is.
        case probe(isPaused: Bool)
        case replicate
        /// Streaming, or sent and waiting to be confirmed by an append.
        case snapshot(LogIndex)
    }

    let id: NodeID
    /// Durable and equal to the leader's log up to here.
    private(set) var match = LogIndex.zero
    /// The next entry to send.
    private(set) var next: LogIndex
    private(set) var state = State.probe(isPaused: false)
    private(set) var inflights = Inflights()
    /// The commit mark that the follower was told of.
    private(set) var toldCommit = LogIndex.zero
    /// Something may have been lost: the follower is to be asked even if nothing is new.
    private(set) var isDoubted = false
    /// When the follower was last heard from.
    var contactTick: UInt64
    /// The newest read round that the follower has confirmed.
    private(set) var confirmedRound: UInt64 = 0

    init(id: NodeID, next: LogIndex, tick: UInt64) {
        self.id = id
        self.next = next
        self.contactTick = tick
    }

    // MARK: Sending

    func mayProbe() -> Bool { state == .probe(isPaused: false) }

    func mayStream(last: LogIndex, limits: RaftLimits) -> Bool {
        state == .replicate && next <= last
            && !inflights.isFull(
                countMax: limits.inflightCountMax,
                bytesMax: limits.inflightBytesMax
            )
    }

    /// Whether an append without entries has something to say.
    func wantsNews(commit: LogIndex) -> Bool {
        state == .replicate && (isDoubted || toldCommit < min(commit, next.previous))
    }

    mutating func sent(_ append: Message.Append, bytes: Int) {
        toldCommit = max(
            toldCommit,
            min(append.commit, append.previousIndex.advanced(by: append.entries.count))
        )
        isDoubted = false
        if case .probe = state {
            state = .probe(isPaused: true)
        } else if let last = append.entries.last {
            next = last.index.next
            inflights.add(last: last.index, bytes: bytes)
        }
    }

    mutating func beginSnapshot(_ index: LogIndex) {
        inflights.removeAll()
        state = .snapshot(index)
    }

    // MARK: Answers

    /// The follower's log is durable up to `index`. Returns whether that is news.
    mutating func accepted(_ index: LogIndex) -> Bool {
        let isNews = index > match
        match = max(match, index)
        next = max(next, match.next)
        switch state {
        case .probe:
            if index >= match { becomeReplicate() }
        case .replicate:
            inflights.free(upTo: match)
        case .snapshot(let pending):
            if match >= pending { becomeReplicate() }
        }
        return isNews
    }

    /// The follower has no entry `previous` like the leader's; `resume` is where the logs may
    /// agree. Returns whether this is not merely an old answer.
    mutating func rejected(previous: LogIndex, resume: LogIndex) -> Bool {
        switch state {
        case .snapshot: return false
        case .replicate:
            guard previous > match else { return false }
            becomeProbe(after: max(match, min(resume, previous.previous)))
        case .probe:
            guard previous.next == next, previous > match else { return false }
            becomeProbe(after: max(match, min(resume, previous.previous)))
        }
        return true
    }

    mutating func heartbeatAnswered(round: UInt64, last: LogIndex) {
        confirmedRound = max(confirmedRound, round)
        if case .probe = state { state = .probe(isPaused: false) }
        if match < last { isDoubted = true }
    }

    /// The streaming of a snapshot ended. Whether it worked out is asked with the next append,
    /// after a heartbeat was answered: the follower may be installing it still.
    mutating func snapshotEnded(succeeded: Bool) {
        guard case .snapshot(let pending) = state else { return }
        becomeProbe(after: succeeded ? max(pending, match) : match)
        state = .probe(isPaused: true)
    }

    mutating func becameUnreachable() {
        if state == .replicate { becomeProbe(after: match) }
    }

    private mutating func becomeProbe(after index: LogIndex) {
        inflights.removeAll()
        next = index.next
        state = .probe(isPaused: false)
        isDoubted = false
    }

    private mutating func becomeReplicate() {
        inflights.removeAll()
        next = match.next
        state = .replicate
    }
}
