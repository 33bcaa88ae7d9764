/// Every bound and timing of the assembly; the modules below have their own.
enum ServerLimits {
    /// Event loops that are started if nothing is said, on however many processors: every loop is
    /// told of every applied batch, and more than two have not been measured.
    static let eventLoopsByDefaultMax = 4
    /// Raft's tick.
    static let tickMilliseconds: Int64 = 50
    /// Entries that one state transaction applies at most.
    static let appliedEntriesMax = 8_192
    /// Entries, and bytes of each, that the log's thread applies by itself.
    static let appliedAtOnceMax = 4
    static let appliedAtOnceBytesMax = 4_096
    /// What an entry may add to the state beside its payload.
    static let entryStateBytes = 512
    /// Room that is allocated ahead, so that what is in the log already can be applied after the
    /// disk has become full.
    static let stateReserveBytes = 1 << 20
    /// How long to wait before a batch that found no room is tried again.
    static let roomRetryMilliseconds: Int64 = 200
    /// How often the keeper looks whether something is due.
    static let keeperMilliseconds: Int64 = 100
    /// How fast a snapshot is written, so that the log's flushes are not delayed for long.
    static let snapshotBytesPerSecond = 100 << 20
    /// What a snapshot leaves free on the disk: what log and state take while it is copied.
    static let snapshotLeftFreeBytes = 32 << 20
    /// How often it is looked whether readers of other processes are gone.
    static let readerCheckMilliseconds: Int64 = 1_000
    /// Until a snapshot that failed is tried again.
    static let snapshotRetryMilliseconds: Int64 = 5_000
    /// Copies of the state that may lie on the disk at once for those outside, and what must be
    /// free beside one.
    static let exportsMax = 2
    static let exportLeftFreeBytes = 32 << 20
    /// Until a backup that failed is tried again, if it is not due before.
    static let backupRetrySeconds = 60
    /// Connections that wait to be accepted (net.core.somaxconn cuts it).
    static let listenBacklog: Int32 = 4_096
    /// Reads of one connection before its loop turns to the others.
    static let readsPerTurnMax: UInt = 4
    /// Between two rounds of a first voter that waits for the others.
    static let foundingPauseMilliseconds = 200
    /// A free port that is asked for must be free for two kinds of socket.
    static let freePortAttemptsMax = 16
    /// How long a membership change or a transfer may take before an operator is told that it did
    /// not end, and how often it is looked at.
    static let operationMilliseconds: Int64 = 10_000
    /// How long the node itself waits for an entry of its own, or until it has caught up.
    static let errandMilliseconds: Int64 = 60_000
    static let operationPollMilliseconds = 20
    /// Over how long the JSON of /v1/agent/metrics adds up, as in Consul.
    static let metricsIntervalSeconds: Int64 = 10
    /// Rows of values that libraries and rare events may have.
    static let metricSeriesMax = 1_000
    /// Between two times that a node that joined asks for its vote.
    static let candidacyPauseMilliseconds = 500
    /// How long a leader that is to stop tries to hand over, how long clients may take to get their
    /// last answers then, and how often it is looked whether they have.
    static let handOverMilliseconds: Int64 = 2_000
    static let retirementMilliseconds: Int64 = 2_000
    static let retirementPollMilliseconds = 5
    /// How often the leader looks who is alive, and after which silence it says that a member is
    /// not: about as long as Consul's gossip takes to be sure.
    static let rollCallMilliseconds: Int64 = 500
    static let memberSilenceMilliseconds: Int64 = 5_000
    /// Between two messages of one kind that any client can cause: that its address has too many
    /// connections, that a file which it has read is of no use.
    static let noticeMilliseconds: Int64 = 10_000
    /// Clients' sockets that say nothing are asked whether they are still there, as Go's servers
    /// ask: after this, and then as often until the kernel gives the connection up.
    static let keepAliveSeconds = 15
    /// Without a turn of its threads for so long a node is not ready, and not alive.
    static let unreadyMilliseconds: Int64 = 5_000
    static let lifelessMilliseconds: Int64 = 30_000
    /// A node that has to apply more than this first is not ready.
    static let unreadyEntries: UInt64 = 10_000
    /// How long another log level than the configured one may be asked for.
    static let logLevelMillisecondsMax: Int64 = 86_400_000
    /// Batches whose times are kept for slow and traced requests: a second's of a busy node.
    static let stageBatchesMax = 4_096
    /// Lines about slow requests, and how much of a path or key they show.
    static let slowLinesPerSecond = 10
    static let slowSubjectBytesMax = 256
    /// Spans that wait to be written, the events and links of one, and how large their file gets.
    static let traceSpansMax = 20_000
    static let spanEventsMax = 32
    static let traceFileBytesMax = 256 << 20
    /// Until a cluster of one must serve after its start.
    static let startSeconds: Int64 = 60
}
