import Measures
import Raft
import Synchronization
import ZooKeeperProtocol

extension NodeReport {
    /// What `mntr` tells of the node's own threads.
    init(_ measures: NodeMeasures) {
        self.init()
        flushes = measures.flushes.collect()
        batches = measures.commitEntries.collect()
        snapshots = measures.registry.distribution(RareFigures.takeTimeName)
        elections = measures.leaderless.collect()
        electionCount = measures.leaderlessCount.current
        proposalBytes = measures.proposalBytes.collect()
        lastProposalBytes = measures.lastProposalBytes.load(ordering: .relaxed)
        agreements = measures.agreements.collect()
        receivedCount = measures.receivedEntries.current
        committedReceivedCount = measures.committedReceived.current
        guard let raft = measures.raft else { return }
        pendingSyncCount = raft.pendingReads
        if let since = raft.leadsSince {
            leaderUptimeMilliseconds = max(0, HostClock.monotonic() - since)
        }
        let heard = raft.status.peers.filter {
            $0.ticksSinceContact < RaftLimits().electionTicks
        }
        learnerCount = heard.count
        let synced = heard.filter { $0.state == .replicate && $0.isCaughtUp }
        syncedFollowerCount = synced.count { $0.isVoter }
        syncedObserverCount = synced.count { !$0.isVoter }
    }
}
