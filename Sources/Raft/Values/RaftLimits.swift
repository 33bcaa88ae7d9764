/// Every bound and every timing of the core.
package struct RaftLimits: Hashable, Sendable {
    /// A follower stands for election after at least this many ticks without a leader, and less
    /// than twice as many: chosen at random each time (thesis §3.4). The leader steps down when
    /// it has not heard from a quorum for as long.
    package var electionTicks = 10
    /// When the leader's process is known to be gone, a voter stands so many ticks after the one
    /// before it in the membership.
    package var successionTicks = 2
    /// Ticks between heartbeats.
    package var heartbeatTicks = 1
    /// A leader that has voters to leave to steps down when a write takes this many ticks, and a
    /// node whose writes stall does not campaign.
    package var storageStallTicks = 10
    /// Asking before campaigning (thesis §9.6).
    package var isPreVoteEnabled = true

    /// The longest payload of one entry.
    package var payloadBytesMax = 8 << 20
    /// The most bytes of entries in one append message (one entry always fits).
    package var appendBytesMax = 1 << 20
    /// The most append messages to one follower that are not answered yet.
    package var inflightCountMax = 256
    /// The most bytes of entries to one follower that are not answered yet.
    package var inflightBytesMax = 4 << 20
    /// The most bytes proposed and not yet committed before proposals are refused.
    package var uncommittedBytesMax = 256 << 20
    /// The most bytes of committed entries in one Ready.
    package var committedBytesMax = 16 << 20
    /// The most bytes of committed entries handed out and not reported applied.
    package var applyingBytesMax = 64 << 20
    /// Stored entries that are kept in memory for followers that are a little behind.
    package var tailBytesMax = 32 << 20
    /// The most reads that wait for a round, on the leader or to be forwarded.
    package var waitingReadsMax = 65_536

    /// A learner may be promoted when it lacks at most this many entries.
    package var promotionLagMax = 1_000
    /// How long a leadership transfer may take before it is given up, in ticks.
    package var transferTicks = 10

    /// Nil: every read is confirmed by a round of heartbeats (thesis §6.4), which is always
    /// right. A number: within so many ticks after the sending of a round that a quorum answered,
    /// reads are served without one (thesis §6.4.1). That is right only if
    /// - it is less than `electionTicks` by more than clocks of two nodes drift apart meanwhile,
    /// - the shell ticks by a clock that runs on while the process or machine sleeps
    ///   (CLOCK_BOOTTIME), and delivers the ticks it missed before it hands in reads, and
    /// - no follower restarts and votes within the lease: it forgets when it heard its leader.
    ///   Hence a follower waits a full election timeout after a restart before it grants votes.
    package var leaseTicks: Int?

    package init() {}
}
