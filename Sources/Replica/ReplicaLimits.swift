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

    /// Entries that stay in the log after a snapshot: Consul's raft_trailing_logs.
    package var trailingEntries: UInt64 = 10_240

    package init() {}
}
