import Measures
import Raft
import RaftStore
import Synchronization

/// What the threads of a node count; each adds to its own, and everybody may look.
final class NodeMeasures: Sendable {
    /// The log's flushes, and how large its file is.
    let flushes: SharedDistribution
    let growth: FileGrowth
    /// What libraries tell, and this node of what is rare.
    let registry: MetricsRegistry
    /// Snapshots and what else is rare.
    let rare: RareFigures

    // The replica's thread.

    /// Commits of the log, writing and flushing: as the leader, and as anything else.
    let dispatches = SharedDistribution()
    let stores = SharedDistribution()
    let commitEntries = SharedDistribution()
    let commitBytes = SharedDistribution()
    /// A leader's entries, from when their commit began to when a majority had them.
    let agreements = SharedDistribution()
    /// The payloads of commands that were appended as the leader.
    let proposalBytes = SharedDistribution()
    let lastProposalBytes = Atomic<Int>(-1)
    let lastDispatchEntries = Atomic<Int>(0)
    let receivedEntries = SharedCount()
    let committedReceived = SharedCount()
    /// How long ago each voter was heard from, at each tick of a leader.
    let followerSilences = SharedDistribution()
    /// Times without a leader that have ended.
    let leaderless = SharedDistribution()
    let leaderlessCount = SharedCount()
    let leaderChanges = SharedCount()
    let followerTerms = SharedCount()
    let preCandidateTerms = SharedCount()
    let candidateTerms = SharedCount()
    let leaderTerms = SharedCount()
    private let picture = Mutex<RaftPicture?>(nil)

    // Whoever applies: one thread at a time.

    let applies = SharedDistribution()
    let appliedEntries = SharedDistribution()
    /// Whether the state's disk is full, so that writes are refused.
    let isStateFull = Atomic<Bool>(false)
    /// When the last batches went through their stages; also the replica's thread's.
    let stages = StageBook()

    init(_ log: WriteAheadLog, _ registry: MetricsRegistry) {
        flushes = log.flushes
        growth = log.growth
        self.registry = registry
        rare = RareFigures(registry)
    }

    /// A batch begins to be applied; those that it concerns may be told before `applied` is called.
    func applying(_ entries: [Entry], at time: Int64) {
        guard let first = entries.first, let last = entries.last else { return }
        stages.note(
            StageBook.Applied(
                first: first.index.rawValue,
                last: last.index.rawValue,
                began: time
            )
        )
    }

    func applied(_ entries: [Entry], since began: Int64) {
        let now = HostClock.microseconds()
        applies.add(UInt64(max(0, now - began)))
        appliedEntries.add(UInt64(entries.count))
        if !entries.isEmpty { stages.note(appliedAt: now) }
    }

    /// How Raft stood at its last tick; nil before the first.
    var raft: RaftPicture? { picture.withLock { $0 } }

    func note(_ raft: RaftPicture) { picture.withLock { $0 = raft } }
}

/// How Raft stands, as of one of its ticks.
struct RaftPicture: Sendable {
    var status: Status
    /// The first entry that the log holds.
    var first: LogIndex
    /// Sessions and checks that this leader would end by itself, and requests that wait for one.
    var leases: Int
    var held: Int
    /// Reads of this node's clients that wait for the leader's word.
    var pendingReads: Int
    /// Monotonic milliseconds; nil: it does not lead.
    var leadsSince: Int64?
    var asOf: Int64
}
