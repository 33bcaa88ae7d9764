import Raft

/// Carries out the commands of a transcript on a cluster and tells what happened.
final class Script {
    private var cluster = Cluster(limits: RaftLimits())
    private var output: [String] = []
    private var isSilent = false

    /// One command line; returns all that happened meanwhile.
    func run(_ line: String) -> String {
        output.removeAll()
        let words = line.split(separator: " ").map(String.init)
        do {
            try dispatch(words[0], Array(words.dropFirst()))
        } catch let error as RaftError {
            output.append("refused: \(error.text)")
        } catch {
            output.append("failed: \(error)")
        }
        return output.isEmpty ? "ok" : output.joined(separator: "\n")
    }

    private func dispatch(_ command: String, _ words: [String]) throws {
        switch command {
        case "cluster": try makeCluster(words)
        case "join": try join(words)
        case "quiet": isSilent = true
        case "loud": isSilent = false
        case "status": try status(words)
        case "settle": try cluster.settle()
        case "tick": try tick(words)
        case "campaign": try on(words) { node throws(RaftError) in node.campaign() }
        case "elect": try elect(words)
        case "step-down": try on(words) { node throws(RaftError) in node.stepDown() }
        case "died":
            let leader = try id(words, 1)
            try on(words) { node throws(RaftError) in node.leaderDied(leader) }
        case "propose": try propose(words)
        case "change": try change(words)
        case "transfer": try transfer(words)
        case "read": try read(words)
        case "ready": try ready(words)
        case "store": try storeOne(words)
        case "hold-disk": try member(words).isDiskHeld = true
        case "free-disk": try member(words).isDiskHeld = false
        case "storage-failed": try on(words) { node throws(RaftError) in node.storageFailed() }
        case "storage-recovered":
            try on(words) { node throws(RaftError) in node.storageRecovered() }
        case "unfit": try on(words) { node throws(RaftError) in node.setUnfitToLead(true) }
        case "fit": try on(words) { node throws(RaftError) in node.setUnfitToLead(false) }
        case "replaced":
            let index = LogIndex(try id(words, 1).rawValue)
            try on(words) { node throws(RaftError) in node.replaced(appliedUpTo: index) }
        case "crash": try member(words).crash()
        case "restart": try member(words).restart()
        case "wipe": try cluster.wipe(try id(words, 0))
        case "cut": cluster.cut(try id(words, 0), try id(words, 1))
        case "heal": cluster.cuts.removeAll()
        case "deliver": try deliver(words)
        case "drop": try drop(words)
        case "wire": output += cluster.wire.map(\.text)
        case "compact": try compact(words)
        case "log": output.append(try member(words).disk.all.text)
        case "step": try step(words)
        default: throw ClusterError.badCommand(command)
        }
    }

    // MARK: Commands

    /// cluster 1 2 3 [learners=4] [election=10] [lease=5] [window=2] ...
    private func makeCluster(_ words: [String]) throws {
        var limits = RaftLimits()
        var learners: [NodeID] = []
        for word in words where word.contains("=") {
            let parts = word.split(separator: "=").map(String.init)
            guard let value = Int(parts[1]) else { throw ClusterError.badCommand(word) }
            switch parts[0] {
            case "learner": learners.append(NodeID(UInt64(value)))
            case "election": limits.electionTicks = value
            case "lease": limits.leaseTicks = value
            case "window": limits.inflightCountMax = value
            case "tail-bytes": limits.tailBytesMax = value
            case "append-bytes": limits.appendBytesMax = value
            case "uncommitted-bytes": limits.uncommittedBytesMax = value
            case "lag": limits.promotionLagMax = value
            case "pre-vote": limits.isPreVoteEnabled = value == 1
            default: throw ClusterError.badCommand(word)
            }
        }
        let voters = words.compactMap { UInt64($0).map { NodeID($0) } }
        cluster = Cluster(limits: limits)
        cluster.trace = { [unowned self] line in if !self.isSilent { self.output.append(line) } }
        let membership = Membership(voters: voters, learners: learners)
        for node in membership.members { try cluster.add(node, membership: membership) }
    }

    private func join(_ words: [String]) throws {
        try cluster.add(try id(words, 0), membership: Membership())
    }

    private func status(_ words: [String]) throws {
        let asked = words.compactMap { UInt64($0).map { NodeID($0) } }
        for member in cluster.members where asked.isEmpty || asked.contains(member.id) {
            let isDown = member.isDown
            output.append(isDown ? "\(member.id.rawValue): down" : member.look { $0.status().text })
        }
    }

    /// tick NODE|all [TIMES]: with more than one tick everything settles in between.
    private func tick(_ words: [String]) throws {
        let times = words.count > 1 ? Int(words[1]) ?? 1 : 1
        let only = words[0] == "all" ? nil : try id(words, 0)
        for _ in 0..<times {
            for member in cluster.members
            where !member.isDown && (only == nil || member.id == only) {
                try member.change { node throws(RaftError) in node.tick() }
            }
            if times > 1 { try cluster.settle() }
        }
    }

    /// elect NODE: the others have not heard from their leader for long when it campaigns.
    private func elect(_ words: [String]) throws {
        let candidate = try member(words)
        for member in cluster.members where !member.isDown && member.id != candidate.id {
            for _ in 0..<cluster.limits.electionTicks {
                try member.change { node throws(RaftError) in node.tick() }
            }
            while try cluster.process(member) {}
        }
        cluster.wire.removeAll()
        try candidate.change { node throws(RaftError) in node.campaign() }
        try cluster.settle()
    }

    private func propose(_ words: [String]) throws {
        let payloads = words.dropFirst().map { Array($0.utf8) }
        let proposal = try member(words).change { node throws(RaftError) in
            try node.propose(payloads)
        }
        output.append(
            "proposed \(proposal.first.rawValue)-\(proposal.last.rawValue)"
                + " term=\(proposal.term.rawValue)"
        )
    }

    private func change(_ words: [String]) throws {
        var changes: [MembershipChange] = []
        for word in words.dropFirst() {
            let parts = word.split(separator: "=").map(String.init)
            guard let raw = UInt64(parts[1]) else { throw ClusterError.badCommand(word) }
            let node = NodeID(raw)
            switch parts[0] {
            case "learner": changes.append(.addLearner(node))
            case "promote": changes.append(.promote(node))
            case "demote": changes.append(.demote(node))
            case "remove": changes.append(.remove(node))
            default: throw ClusterError.badCommand(word)
            }
        }
        let proposal = try member(words).change { node throws(RaftError) in
            try node.propose(changes)
        }
        output.append("proposed \(proposal.first.rawValue)")
    }

    private func transfer(_ words: [String]) throws {
        let target = try id(words, 1)
        try on(words) { node throws(RaftError) in try node.transferLeadership(to: target) }
    }

    private func read(_ words: [String]) throws {
        let read = ReadID(try id(words, 1).rawValue)
        try on(words) { node throws(RaftError) in try node.read(read) }
    }

    private func ready(_ words: [String]) throws {
        let member = try member(words)
        let before = cluster.wire.count
        while try cluster.process(member) {}
        output += cluster.wire[before...].map { "sends " + $0.text }
        output += member.pending.map { "is to store " + $0.text }
    }

    private func storeOne(_ words: [String]) throws {
        if !cluster.store(try member(words)) { output.append("nothing to store") }
    }

    /// deliver FROM TO: everything on the wire between two nodes, and nothing more.
    private func deliver(_ words: [String]) throws {
        for message in try take(words) { try cluster.deliver(message) }
    }

    private func drop(_ words: [String]) throws {
        for message in try take(words) { output.append(message.text + " LOST") }
    }

    private func take(_ words: [String]) throws -> [Message] {
        let (from, to) = (try id(words, 0), try id(words, 1))
        let taken = cluster.wire.filter { $0.from == from && $0.to == to }
        cluster.wire.removeAll { $0.from == from && $0.to == to }
        return taken
    }

    private func compact(_ words: [String]) throws {
        let member = try member(words)
        let index = LogIndex(try id(words, 1).rawValue)
        try member.disk.compact(
            upTo: index,
            membership: member.look { $0.membership(at: index) }
        )
        try member.change { node throws(RaftError) in node.compacted(upTo: index) }
    }

    /// step heartbeat FROM TO TERM: a message that nobody sent.
    private func step(_ words: [String]) throws {
        let numbers = words.dropFirst().compactMap { UInt64($0) }
        guard numbers.count == 3 else { throw ClusterError.badCommand("step") }
        let bodies: [String: Message.Body] = [
            "heartbeat": .heartbeat(Message.Heartbeat(commit: .zero, round: 0)),
            "accepted-2": .appendResponse(.accepted(match: LogIndex(2))),
            "accepted": .appendResponse(.accepted(match: LogIndex(1_000))),
            "pre-vote": .voteRequest(
                Message.VoteRequest(
                    isPreVote: true,
                    isTransfer: false,
                    lastIndex: LogIndex(1_000),
                    lastTerm: Term(numbers[2])
                )
            ),
            "vote": .voteRequest(
                Message.VoteRequest(
                    isPreVote: false,
                    isTransfer: false,
                    lastIndex: LogIndex(1_000),
                    lastTerm: Term(numbers[2])
                )
            ),
            "refusal": .voteResponse(Message.VoteResponse(isPreVote: true, vote: .refused)),
            "gap": .append(
                Message.Append(
                    previousIndex: .zero,
                    previousTerm: .zero,
                    commit: .zero,
                    entries: [Entry(index: LogIndex(7), term: Term(1))]
                )
            ),
        ]
        guard let body = bodies[words[0]] else { throw ClusterError.badCommand(words[0]) }
        try cluster.deliver(
            Message(
                from: NodeID(numbers[0]),
                to: NodeID(numbers[1]),
                term: Term(numbers[2]),
                body: body
            )
        )
    }

    // MARK: Words

    private func on(
        _ words: [String],
        _ body: (inout RaftNode) throws(RaftError) -> Void
    ) throws {
        try member(words).change(body)
    }

    private func id(_ words: [String], _ position: Int) throws -> NodeID {
        guard position < words.count, let raw = UInt64(words[position]) else {
            throw ClusterError.badCommand(words.joined(separator: " "))
        }
        return NodeID(raw)
    }

    private func member(_ words: [String]) throws -> Member {
        guard let member = cluster.member(try id(words, 0)) else {
            throw ClusterError.badCommand("no node \(words[0])")
        }
        return member
    }
}

extension RaftError {
    fileprivate var text: String {
        switch self {
        case .notLeader(let leader):
            return "not leader, leader=" + (leader.map { "\($0.rawValue)" } ?? "none")
        case .transferring(let target): return "transferring to \(target.rawValue)"
        case .overloaded(let bytes): return "overloaded, \(bytes) bytes uncommitted"
        case .payloadTooLong(let bytes, let max): return "payload of \(bytes) bytes > \(max)"
        case .membershipChangePending(let index): return "change pending at \(index.rawValue)"
        case .termNotCommitted(let term): return "term \(term.rawValue) has committed nothing"
        case .membershipChangeInvalid: return "change invalid"
        case .learnerBehind(let node, let match, let last):
            return "learner \(node.rawValue) behind: \(match.rawValue) of \(last.rawValue)"
        case .transferTargetInvalid(let node): return "cannot transfer to \(node.rawValue)"
        case .tooManyReads(let count): return "\(count) reads wait"
        case .restoredStateInvalid(let text): return "restored state: \(text)"
        case .messageInvalid(let node, let text): return "message of \(node.rawValue) \(text)"
        case .storage(let error): return "storage: \(error)"
        }
    }
}
