import Raft
import SeededRandom

/// A cluster under random faults, and the promises that must hold after every step
/// (thesis figure 3.2): election safety, log matching, leader completeness, state-machine safety,
/// linearizable reads.
final class Chaos {
    /// Deliberate wrong-doings, which the checks must find; else the checks are worth nothing.
    enum Canary: String, CaseIterable, Sendable {
        /// Reports a write as durable that a power cut still takes away.
        case skipsSync
        /// Forgets over a restart whom it voted for.
        case forgetsVote
        /// Takes every refused vote for a grant.
        case countsRefusals
        /// Acknowledges one entry more than it has.
        case acknowledgesTooMuch
        /// Loses the last stored entry over a restart.
        case losesTail
        /// Comes back with an empty disk and votes as before.
        case votesAfterWipe
        /// Serves reads by a lease while the leader's clock stands still.
        case leasesWithStoppedClock
    }

    private let canary: Canary?
    private var random: SeededGenerator
    private let cluster: Cluster
    private var committed: [LogIndex: Entry] = [:]
    private var newestCommitted = LogIndex.zero
    private var leaders: [Term: NodeID] = [:]
    private var askedReads: [ReadID: LogIndex] = [:]
    private var lastRead: UInt64 = 0
    private var lastPayload: UInt64 = 0
    private(set) var appliedCount = 0
    private(set) var readCount = 0
    private(set) var changeCount = 0

    init(seed: UInt64, canary: Canary? = nil) throws {
        random = SeededGenerator(seed: seed)
        self.canary = canary
        var limits = RaftLimits()
        limits.tailBytesMax = Bool.random(using: &random) ? 0 : 2_000
        limits.appendBytesMax = 200
        limits.inflightCountMax = 3
        limits.committedBytesMax = 300
        limits.isPreVoteEnabled = Int.random(in: 0..<4, using: &random) > 0
        if canary == .leasesWithStoppedClock { limits.leaseTicks = 5 }
        if canary == .forgetsVote { limits.isPreVoteEnabled = false }
        cluster = Cluster(limits: limits)
        let voters = (1...(Bool.random(using: &random) ? 3 : 5)).map { NodeID(UInt64($0)) }
        for voter in voters { try cluster.add(voter, membership: Membership(voters: voters)) }
        for extra in voters.count + 1...7 {
            try cluster.add(NodeID(UInt64(extra)), membership: Membership())
        }
        cluster.onCommitted = { [unowned self] in try self.check(applied: $1, on: $0) }
        cluster.onLeadership = { [unowned self] in try self.check($1, of: $0) }
        cluster.onRead = { [unowned self] in try self.check($1, on: $0) }
    }

    // MARK: Steps

    func run(steps: Int) throws {
        for _ in 0..<steps { try step() }
    }

    /// Without faults the cluster must come to life again, and all of it must agree.
    func recover() throws {
        cluster.cuts.removeAll()
        for member in cluster.members {
            member.isDiskHeld = false
            if member.isDown { try member.restart() }
        }
        let before = newestCommitted
        for round in 0..<120 {
            for member in cluster.members {
                try member.change { node throws(RaftError) in node.tick() }
            }
            try cluster.settle()
            if round == 60, let leader { _ = try? propose(on: leader) }
        }
        guard newestCommitted > before, let leader else {
            throw ClusterError.unsafe("nothing is committed without faults")
        }
        let status = leader.look { $0.status() }
        for peer in status.peers where peer.lagCount > 0 {
            throw ClusterError.unsafe("lags though nothing is broken: \(status.text)")
        }
    }

    private var leader: Member? {
        cluster.members.first { !$0.isDown && $0.look { $0.status().role } == .leader }
    }

    private func step() throws {
        let member = cluster.members[Int.random(in: cluster.members.indices, using: &random)]
        switch Int.random(in: 0..<1_000, using: &random) {
        case 0..<400: try deliverOne()
        case 400..<600: _ = try cluster.process(member)
        case 600..<750: store(member)
        case 750..<880:
            try tick(member)
        case 880..<930: try? propose(on: leader ?? member)
        case 930..<950: try read(on: member)
        case 950..<956: try crashOrRestart(member)
        case 956..<964: try compact(member)
        case 964..<985: try? change(on: leader ?? member)
        case 985..<988: try? transfer(from: leader ?? member)
        case 988..<991: cutOrHeal(member)
        default: member.isDiskHeld = Int.random(in: 0..<4, using: &random) == 0
        }
    }

    private func tick(_ member: Member) throws {
        let isLeader = member.look { $0.leadership.role == .leader }
        if canary == .leasesWithStoppedClock, isLeader { return }
        if !member.isDown { try member.change { node throws(RaftError) in node.tick() } }
    }

    /// Any message on the wire may come next, twice, or never.
    private func deliverOne() throws {
        guard !cluster.wire.isEmpty else { return }
        // Slow messages let elections meet.
        if canary == .forgetsVote, Int.random(in: 0..<6, using: &random) > 0 { return }
        let position = Int.random(in: cluster.wire.indices, using: &random)
        let fate = Int.random(in: 0..<100, using: &random)
        let message = fate < 5 ? cluster.wire[position] : cluster.wire.remove(at: position)
        if case .snapshot = message.body, fate < 10 {
            // The shell that streams a snapshot always says how it ended.
            if fate >= 5 { try cluster.breakOff(message) }
        } else if fate >= 10 {
            try cluster.deliver(spoiled(message))
        }
    }

    private func store(_ member: Member) {
        guard !member.isDown, !member.isDiskHeld else { return }
        if canary == .skipsSync {
            for write in member.pending {
                try? member.change { node throws(RaftError) in node.persisted(write.id) }
            }
            // The reports are out; what is stored lags behind by what is in `pending`.
            if member.pending.count < 3 { return }
            let write = member.pending.removeFirst()
            return member.disk.store(write)
        }
        let vote = member.disk.restored.hardState.vote
        _ = cluster.store(member)
        let newVote = member.disk.restored.hardState.vote
        if canary == .forgetsVote, newVote != vote, newVote != member.id {
            _ = try? cluster.process(member)
            member.crash()
            member.disk.forgetVote()
            try? member.restart()
        }
    }

    private func propose(on member: Member) throws {
        lastPayload += 1
        let payload = Array("\(lastPayload)".utf8)
        _ = try member.change { node throws(RaftError) in try node.propose([payload]) }
    }

    private func read(on member: Member) throws {
        guard !member.isDown else { return }
        lastRead += 1
        let id = ReadID(lastRead)
        askedReads[id] = newestCommitted
        try member.change { node throws(RaftError) in try node.read(id) }
    }

    private func crashOrRestart(_ member: Member) throws {
        if member.isDown {
            if canary == .losesTail, member.disk.restored.hardState.commit < lastStored(member) {
                member.disk.loseTail()
            }
            try member.restart()
        } else if cluster.members.count(where: \.isDown) < 2 {
            member.crash()
            if canary == .votesAfterWipe, member.id.rawValue <= 5 { try wipeAndVote(member) }
        }
    }

    private func lastStored(_ member: Member) -> LogIndex {
        (try? member.disk.lastIndex()) ?? .zero
    }

    private func wipeAndVote(_ member: Member) throws {
        let first = member.disk.restored.memberships.first?.membership ?? Membership()
        try cluster.replace(member.id, by: RestoredState.bootstrap(first))
    }

    private func compact(_ member: Member) throws {
        let (index, first) = (member.disk.restored.applied, try member.disk.firstIndex())
        guard !member.isDown, index >= first, index <= lastStored(member),
            !member.look({ $0.membership(at: index).isEmpty })
        else { return }
        try member.disk.compact(
            upTo: index,
            membership: member.look { $0.membership(at: index) }
        )
        try member.change { node throws(RaftError) in node.compacted(upTo: index) }
    }

    private func change(on member: Member) throws {
        let node = NodeID(UInt64.random(in: 1...7, using: &random))
        let current = member.look { $0.status().membership }
        let isVoter = current.isVoter(node)
        let removal: MembershipChange =
            Bool.random(using: &random) ? .remove(node) : .demote(node)
        let addition: MembershipChange =
            current.isLearner(node) ? .promote(node) : .addLearner(node)
        if isVoter, current.incoming.count <= 3 { return }
        let picked = isVoter ? removal : addition
        _ = try member.change { core throws(RaftError) in try core.propose([picked]) }
        changeCount += 1
    }

    private func transfer(from member: Member) throws {
        if canary == .leasesWithStoppedClock { return }
        let target = NodeID(UInt64.random(in: 1...7, using: &random))
        try member.change { node throws(RaftError) in
            try node.transferLeadership(to: target)
        }
    }

    private func cutOrHeal(_ member: Member) {
        guard cluster.cuts.isEmpty else {
            // Most cuts outlast an election.
            if Int.random(in: 0..<6, using: &random) == 0 { cluster.cuts.removeAll() }
            return
        }
        for other in cluster.members where other.id != member.id {
            if Int.random(in: 0..<3, using: &random) > 0 { cluster.cut(member.id, other.id) }
        }
    }

    private func spoiled(_ message: Message) -> Message {
        var message = message
        switch (canary, message.body) {
        case (.countsRefusals, .voteResponse(var response)):
            response.vote = .granted
            message.body = .voteResponse(response)
        case (.acknowledgesTooMuch, .appendResponse(.accepted(let match))):
            message.body = .appendResponse(.accepted(match: match.next))
        default: break
        }
        return message
    }

    // MARK: Promises

    private func check(_ leadership: Leadership, of member: Member) throws {
        guard leadership.role == .leader else { return }
        if let other = leaders[leadership.term], other != member.id {
            throw ClusterError.unsafe("two leaders in term \(leadership.term.rawValue)")
        }
        leaders[leadership.term] = member.id
        // Leader completeness: whatever is committed is in the log of every later leader.
        let status = member.look { $0.status() }
        let isNewest = leaders.keys.allSatisfy { $0 <= leadership.term }
        if isNewest, status.last < newestCommitted {
            throw ClusterError.unsafe(
                "leader of term \(leadership.term.rawValue) ends at \(status.last.rawValue),"
                    + " committed is \(newestCommitted.rawValue)"
            )
        }
    }

    private func check(applied entries: [Entry], on member: Member) throws {
        let stored = member.disk.all
        for entry in entries {
            if let other = committed[entry.index], other != entry {
                throw ClusterError.unsafe("\(member.id.rawValue): \(entry.text), not \(other.text)")
            }
            // Nothing is ever applied that a power cut could take from this node's log.
            if canary == nil, let first = stored.first, entry.index >= first.index,
                !stored.contains(entry)
            {
                throw ClusterError.unsafe("\(member.id.rawValue) applies unstored \(entry.text)")
            }
            committed[entry.index] = entry
            newestCommitted = max(newestCommitted, entry.index)
            appliedCount += 1
            if appliedCount % 25 == 0 { try checkLogs() }
        }
    }

    /// Log matching: two stored logs that share an entry's index and term share what precedes it.
    private func checkLogs() throws {
        for (left, right) in zip(cluster.members, cluster.members.dropFirst()) {
            let (one, two) = (left.disk.all, right.disk.all)
            guard let first = one.first, let second = two.first else { continue }
            let start = max(first.index, second.index)
            let tail = zip(one.filter { $0.index >= start }, two.filter { $0.index >= start })
            var isSame = true
            for (mine, other) in tail {
                if mine.term == other.term, !isSame || mine != other {
                    throw ClusterError.unsafe("logs part before \(mine.text) and \(other.text)")
                }
                isSame = mine == other
            }
        }
    }

    private func check(_ read: ReadState, on member: Member) throws {
        guard let asked = askedReads.removeValue(forKey: read.id) else { return }
        guard let index = read.index else { return }
        readCount += 1
        if index < asked {
            throw ClusterError.unsafe(
                "read at \(index.rawValue), but \(asked.rawValue) was applied before it was asked"
            )
        }
    }
}
