/// Every bound of the replica.
package struct ReplicaLimits: Sendable {
    /// The longest command: ZooKeeper's largest frame (1 MiB) and Consul's largest request
    /// (512 KiB), with room for what the log adds.
    package var commandBytesMax = 2 << 20
    /// Proposals of one event loop that wait to be handed over.
    package var outgoingProposalsMax = 65_536
    /// How often the leader looks for empty containers: znode.container.checkIntervalMs.
    package var containerCheckMilliseconds: Int64 = 60_000
    /// Empty containers removed in one look: znode.container.maxPerMinute.
    package var containersPerCheckMax = 10_000
    /// How long a deleted key is remembered, so that its prefix's index does not go back: Consul's
    /// TombstoneTTL and TombstoneTTLGranularity.
    package var tombstoneMilliseconds: Int64 = 15 * 60_000
    package var tombstoneGranularityMilliseconds: Int64 = 30_000
    /// How often an event loop hands its heartbeats over.
    package var heartbeatFlushMilliseconds: Int64 = 100

    /// Batches that gather for an event loop which none of them concerns, before it is woken.
    package static let quietNoticesMax = 16
    /// How long a leader's word that it leads is taken without asking its peers: less than the
    /// shortest election timeout, which followers begin anew with each of its messages.
    package static let leaderWordMilliseconds: Int64 = 400
    /// How long a request waits for a leader before it is refused: Consul's rpc_hold_timeout.
    package var leaderWaitMilliseconds: Int64 = 7_000
    /// How long a request that was sent to the leader or is in the log waits for its outcome.
    package var requestMilliseconds: Int64 = 15_000
    /// How long a node that led until now, and was heard lately, may take to say whether it took
    /// what it was sent.
    package var strayMilliseconds: Int64 = 300
    package var expiryCheckMilliseconds: Int64 = 500
    /// Requests that wait for a leader, and the bytes of their payloads.
    package var heldMax = 65_536
    package var heldBytesMax = 64 << 20
    /// Of payloads that are sent to the leader at once; one that is longer goes alone.
    package var forwardBytesMax = 8 << 20
    /// Requests that were sent to the leader and are not answered yet.
    package var forwardedMax = 65_536
    /// Of their payloads, which are kept until the answers come.
    package var forwardedBytesMax = 64 << 20

    /// Entries that stay in the log after a snapshot: Consul's raft_trailing_logs.
    package var trailingEntries: UInt64 = 10_240
    /// Snapshots that the log keeps on record.
    package static let snapshotsOnRecord = 2

    /// How often a node tells the leader of its state's digests, and the leader judges them.
    static let comparisonMilliseconds: Int64 = 1_000
    /// How long the leader waits for a majority's word when a state differs from its own.
    static let disputeMilliseconds: Int64 = 10_000
    /// Digests that a node keeps: at checkpoints (of a million entries), and at ends of batches.
    static let checkpointsMax = 4_096
    static let batchEndsMax = 512
    /// Digests in one report.
    package static let reportedMarksMax = 256

    package init() {}
}
