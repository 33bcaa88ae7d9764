import Bytes
import Commands
import Raft
import RaftStore
import SeededRandom
import Testing
import Watches

@testable import Replica
@testable import Simulation

/// What a node makes of what its peers send, step by step.
@Suite struct PeeringTests {
    private final class Node {
        let id: NodeID
        let log = SimulatedLog(
            membership: Membership(voters: [NodeID(1), NodeID(2), NodeID(3)]),
            mutant: nil
        )
        var consensus: Consensus
        var effects: [ConsensusEffect] = []
        private var now: Int64 = 0

        init(_ id: UInt64) throws {
            self.id = NodeID(id)
            consensus = try Consensus(
                id: self.id,
                restored: log.restoredState(applied: .zero),
                log: log,
                limits: ReplicaLimits(),
                raftLimits: RaftLimits(),
                random: SeededGenerator(seed: id),
                divergence: nil
            )
        }

        func advance() throws {
            while let write = try consensus.advance(&effects) {
                try consensus.store(write, &effects)
            }
        }

        func tick() throws {
            now += 100
            try consensus.tick(now: now, wall: now, &effects)
        }

        func take(_ input: ReplicaInput) throws {
            try consensus.take(input, now: now, wall: now, &effects)
        }

        var isLeader: Bool { consensus.leadership?.role == .leader }

        /// What it has to say, taken from it.
        func messages() -> [Message] {
            defer { effects = [] }
            return effects.flatMap { effect -> [Message] in
                if case .send(let messages) = effect { messages } else { [] }
            }
        }

        func forwarded() -> [ForwardedRequests] {
            effects.compactMap { if case .forward(_, let requests) = $0 { requests } else { nil } }
        }
    }

    /// Nodes 1 and 2, of which 1 leads; 3 is silent.
    private struct Pair {
        let leader: Node
        let follower: Node

        init() throws {
            (leader, follower) = (try Node(1), try Node(2))
            for _ in 0..<200 where !leader.isLeader {
                try leader.tick()
                try settle()
            }
            #expect(leader.isLeader)
            try leader.tick()
            try settle()
        }

        func settle() throws {
            for _ in 0..<100 {
                var isQuiet = true
                for (node, other) in [(leader, follower), (follower, leader)] {
                    try node.advance()
                    for message in node.messages() where message.to == other.id {
                        isQuiet = false
                        try other.take(.messages([message]))
                    }
                }
                if isQuiet { return }
            }
            Issue.record("they talk for ever")
        }
    }

    private func proposal(_ bytes: Int, _ tag: UInt32) -> PendingProposal {
        PendingProposal(
            payload: [UInt8](repeating: 0, count: bytes),
            origin: Origin(loop: 0, slot: ClientSlot(rawValue: 0), generation: 0, tag: tag)
        )
    }

    /// Its word that it leads was trusted for 400 ms more, in which the other one led already.
    @Test func `a leader that hands over says so before it asks`() throws {
        let pair = try Pair()
        try pair.leader.consensus.transferLeadership(to: NodeID(2))
        try pair.leader.advance()
        let steps = pair.leader.effects.compactMap { effect -> String? in
            switch effect {
            case .handingOver: "told"
            case .send(let messages) where messages.contains { $0.body == .timeoutNow }: "asked"
            default: nil
            }
        }
        #expect(steps == ["told", "asked"])
        try pair.settle()
        #expect(pair.follower.isLeader && !pair.leader.isLeader)
    }

    /// It was placed unread: the next start of every node ended there again.
    @Test func `what nobody can apply gets no place in the log`() throws {
        let pair = try Pair()
        let good = Command.deleteContainer(path: "/a").encode(CommandHeader())
        let payloads = [[1, 2, 3], Array(good.dropLast()), good + [0], good]
        let sent = ForwardedRequests(
            proposals: payloads.enumerated().map { number, payload in
                ForwardedProposal(id: ForwardID(UInt64(number)), payload: payload)
            }
        )
        for node in [pair.leader, pair.follower] {
            node.effects = []
            try node.take(.forwarded(sent, from: NodeID(3)))
            let verdicts = node.effects.flatMap { effect -> [ForwardAnswer.Verdict] in
                if case .answer(_, let answers) = effect { answers.map(\.verdict) } else { [] }
            }
            #expect(verdicts.prefix(3).allSatisfy { $0 == .refused(.unknownCommand) })
            #expect(verdicts.count == 4)
            if node.isLeader {
                guard case .placed = verdicts[3] else { Issue.record("\(verdicts)"); continue }
            } else {
                #expect(verdicts[3] == .notLeader)
            }
        }
    }

    /// All that had waited for a leader went to it as one frame, which it took for no frame.
    @Test func `what waited for a leader goes to it in pieces, and is bounded in bytes`() throws {
        let limits = ReplicaLimits()
        let bytes = limits.commandBytesMax
        let follower = try Node(2)
        var requests = LoopRequests()
        let most = limits.heldBytesMax / bytes
        requests.proposals = (0..<(most + 3)).map { proposal(bytes, UInt32($0)) }
        try follower.take(.requests(requests))
        let refused = follower.effects.compactMap { effect -> [UInt32]? in
            if case .refuse(let origins, .noLeader) = effect { origins.map(\.tag) } else { nil }
        }
        #expect(refused.flatMap { $0 } == (most..<(most + 3)).map(UInt32.init))

        follower.effects = []
        let heartbeat = Message(
            from: NodeID(1),
            to: NodeID(2),
            term: Term(1),
            body: .heartbeat(Message.Heartbeat(commit: .zero, round: 0))
        )
        try follower.take(.messages([heartbeat]))
        try follower.advance()
        let sent = follower.forwarded().map { $0.proposals.map(\.payload.count).reduce(0, +) }
        #expect(sent.reduce(0, +) == most * bytes)
        #expect(sent.allSatisfy { $0 <= limits.forwardBytesMax } && sent.count >= most / 4)
    }

    /// The later one had the first forgotten, whose write came next.
    @Test func `a snapshot that is due is kept when an older one comes`() throws {
        let follower = try Node(2)
        let membership = follower.log.contents.memberships[0]
        let manifests = [20, 10].map { index in
            SnapshotManifest(
                index: LogIndex(index),
                term: Term(1),
                membership: membership,
                byteCount: 0,
                sha256: [UInt8](repeating: 0, count: 32)
            )
        }
        for manifest in manifests {
            try follower.take(.snapshotReceived(manifest, from: NodeID(1), term: Term(1)))
        }
        try follower.advance()
        let installed = follower.effects.compactMap { effect -> SnapshotManifest? in
            if case .order(.install(let manifest)) = effect { manifest } else { nil }
        }
        #expect(installed == [manifests[0]])
        #expect(follower.log.manifests == [manifests[0]])
    }

    /// The end of all safety, which was passed over in silence.
    @Test func `a second leader of a term is told of`() throws {
        let pair = try Pair()
        let rival = Message(
            from: NodeID(3),
            to: NodeID(1),
            term: pair.leader.consensus.status.term,
            body: .heartbeat(Message.Heartbeat(commit: .zero, round: 0))
        )
        try pair.leader.take(.messages([rival]))
        let told = pair.leader.effects.compactMap { effect -> String? in
            if case .offended(let error) = effect { "\(error)" } else { nil }
        }
        #expect(told.count == 1 && told[0].contains("claims to lead in term"))
    }
}
