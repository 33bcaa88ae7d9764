import ConsulServer
import DNSServer
import Disk
import LMDB
import Measures
import RaftStore
import Replica
import StateMachine
import Synchronization
import ZooKeeperServer

/// All that a node knows of itself at one time, from which its metrics are made.
struct NodeFigures: Sendable {
    var node: ThreadFigures
    var status: ReplicaStatus
    /// How Raft stood at its last tick.
    var raft: RaftPicture?
    /// Monotonic milliseconds.
    var now: Int64
    /// When the server began; the process may be older, where others ran in it before.
    var startedAt: Int64
    var loops: LoopFigures
    var zooKeeper: ZooKeeperFigures
    var state: StateFigures?
    var storage: StorageFigures
    var process: ProcessResources
    /// By swift-metrics.
    var rare: [Metric]
    /// The names of members, for labels.
    var names: @Sendable (UInt64) -> String

    /// The state's own word, where it can be read.
    var applied: UInt64 { max(status.applied, state?.summary.appliedIndex ?? 0) }
}

/// What the node's own threads have counted.
struct ThreadFigures: Sendable {
    var flushes: Distribution
    var dispatches: Distribution
    var stores: Distribution
    var commitEntries: Distribution
    var commitBytes: Distribution
    var agreements: Distribution
    var proposalBytes: Distribution
    var lastProposalBytes: Int
    var lastDispatchEntries: Int
    var receivedEntries: UInt64
    var committedReceived: UInt64
    var followerSilences: Distribution
    var leaderless: Distribution
    var leaderlessCount: UInt64
    var leaderChanges: UInt64
    var roleTerms: [(role: String, count: UInt64)]
    var applies: Distribution
    var appliedEntries: Distribution

    init(_ measures: NodeMeasures, beginsInterval: Bool) {
        func collect(_ shared: SharedDistribution) -> Distribution {
            shared.collect(beginsInterval: beginsInterval)
        }
        flushes = collect(measures.flushes)
        dispatches = collect(measures.dispatches)
        stores = collect(measures.stores)
        commitEntries = collect(measures.commitEntries)
        commitBytes = collect(measures.commitBytes)
        agreements = collect(measures.agreements)
        proposalBytes = collect(measures.proposalBytes)
        lastProposalBytes = measures.lastProposalBytes.load(ordering: .relaxed)
        lastDispatchEntries = measures.lastDispatchEntries.load(ordering: .relaxed)
        receivedEntries = measures.receivedEntries.current
        committedReceived = measures.committedReceived.current
        followerSilences = collect(measures.followerSilences)
        leaderless = collect(measures.leaderless)
        leaderlessCount = measures.leaderlessCount.current
        leaderChanges = measures.leaderChanges.current
        roleTerms = [
            ("follower", measures.followerTerms.current),
            ("pre_candidate", measures.preCandidateTerms.current),
            ("candidate", measures.candidateTerms.current),
            ("leader", measures.leaderTerms.current),
        ]
        applies = collect(measures.applies)
        appliedEntries = collect(measures.appliedEntries)
    }
}

/// What the event loops have counted.
struct LoopFigures: Sendable {
    var port = PortCounts()
    var watchCount = 0
    var consul = ConsulCounts()
    var consulConnections = 0
    var blockedQueries = 0
    var questions = 0
    var names = DNSCounts()

    mutating func merge(_ other: LoopFigures) {
        port.merge(other.port)
        watchCount += other.watchCount
        consul.merge(other.consul)
        consulConnections += other.consulConnections
        blockedQueries += other.blockedQueries
        questions += other.questions
        names.merge(other.names)
    }
}

/// What the state holds.
struct StateFigures: Sendable {
    var summary: StateSummary
    var catalog: CatalogCounts
}

/// What the node's files take.
struct StorageFigures: Sendable {
    var log: FileGrowth.Sizes
    /// Written since the last snapshot.
    var bytesSinceSnapshot: Int
    var lastSnapshot: SnapshotManifest?
    /// nil: it cannot be told.
    var stateBytes: Int?
    var space: FileSystemSpace?
}
