import NIOCore
import NIOPosix
import PeerProtocol
import Raft
import Replica
import Testing

@testable import PeerTransport

/// Real sockets on loopback: what one node sends arrives at the other, from peers only, and a
/// lost connection is told and dialled again.
@Suite(.timeLimit(.minutes(1))) struct LinkTests {
    @Test func `messages, requests and answers arrive, and a peer speaks only for itself`()
        async throws
    {
        let pair = try await Pair()
        try await pair.meet()
        let other = Message(
            from: NodeID(9),
            to: NodeID(2),
            term: Term(1),
            body: .timeoutNow
        )
        pair.first.links.send([other])
        let proposal = ForwardedProposal(id: ForwardID(4), payload: [1, 2, 3])
        pair.first.links.send(ForwardedRequests(proposals: [proposal]), to: NodeID(2))
        let requests = try await pair.second.next { delivery -> [ForwardedProposal]? in
            if case .messages = delivery { Issue.record("a message in another node's name") }
            guard case .requests(let requests, from: NodeID(1)) = delivery else { return nil }
            return requests.proposals
        }
        #expect(requests == [proposal])
        let answer = ForwardAnswer(id: ForwardID(4), verdict: .notLeader)
        pair.second.links.send([answer], to: NodeID(1))
        let answers = try await pair.first.next { delivery -> [ForwardAnswer]? in
            guard case .answers(let answers) = delivery else { return nil }
            return answers
        }
        #expect(answers == [answer])
        try await pair.stop()
    }

    /// Why `second` does not take messages of `first`; nil if it does.
    private func refusal(of first: Peer, by second: Peer) async throws -> PeerRefusal.Reason? {
        do {
            _ = try await PeerLinks.greet(second.address, first.gate, plain, for: .messages)
            return nil
        } catch DialProblem.refused(let refusal) { return refusal.reason }
    }

    /// It may have lost what was on the way by an earlier connection, and only its own side saw
    /// that: who had asked it waited for 15 s.
    @Test func `whoever dials is told of as one whose words may be lost`() async throws {
        let pair = try await Pair()
        try await pair.meet()
        #expect(try await pair.second.nextLost() == NodeID(1))
        #expect(try await pair.first.nextLost() == NodeID(2))
        try await pair.stop()
    }

    private func append(_ index: UInt64, bytes: Int) -> Message {
        let entry = Entry(
            index: LogIndex(index),
            term: Term(1),
            payload: [UInt8](repeating: 1, count: bytes)
        )
        let append = Message.Append(
            previousIndex: LogIndex(index - 1),
            previousTerm: Term(1),
            commit: .zero,
            entries: [entry]
        )
        return Message(from: NodeID(1), to: NodeID(2), term: Term(1), body: .append(append))
    }

    /// All in one frame were a silence of seconds on a slow line, and cost a leader its office.
    @Test func `large appends are frames of their own, and small messages share one`() {
        let beat = Message(
            from: NodeID(1),
            to: NodeID(2),
            term: Term(1),
            body: .heartbeat(Message.Heartbeat(commit: .zero, round: 1))
        )
        let messages = [
            beat, append(1, bytes: 100), append(2, bytes: 60_000), append(3, bytes: 200_000),
            append(4, bytes: 300_000), beat, append(5, bytes: 10),
        ]
        let frames = PeerLinks.frames(messages, bytesMax: 64 << 10)
        #expect(frames.flatMap { $0 } == messages, "in their order")
        #expect(frames.map(\.count) == [3, 1, 1, 2])
        #expect(PeerLinks.frames([], bytesMax: 1).isEmpty)
    }

    @Test func `a node of another cluster is refused`() async throws {
        let pair = try await Pair(secondCluster: 8)
        #expect(try await refusal(of: pair.first, by: pair.second) == .otherCluster)
        #expect(try await refusal(of: pair.second, by: pair.first) == .otherCluster)
        try await pair.stop()
    }

    @Test func `a node that is called by another one's name refuses`() async throws {
        let pair = try await Pair()
        var wrong = pair.second.address
        wrong.node = NodeID(3)
        await #expect(throws: DialProblem.self) {
            try await PeerLinks.greet(wrong, pair.first.gate, plain, for: .messages)
        }
        try await pair.stop()
    }

    @Test func `a first voter that comes back with another directory is refused`() async throws {
        let pair = try await Pair()
        #expect(try await refusal(of: pair.first, by: pair.second) == nil)
        pair.second.gate.found(with: [NodeID(1): pair.first.gate.incarnation])
        #expect(try await refusal(of: pair.first, by: pair.second) == nil)
        pair.second.gate.found(with: [NodeID(1): [UInt8](repeating: 99, count: 16)])
        #expect(try await refusal(of: pair.first, by: pair.second) == .otherDirectory)
        try await pair.stop()
    }

    /// It kept its connection, and asked for votes for ever.
    @Test func `a node that was removed is told so as soon as it speaks`() async throws {
        let pair = try await Pair()
        try await pair.meet()
        let own = [NodeID(2): pair.second.gate.incarnation]
        pair.second.gate.found(with: own, without: [NodeID(1)])
        let beat = Message(from: NodeID(1), to: NodeID(2), term: Term(1), body: .timeoutNow)
        pair.first.links.send([beat])
        let teller = try await pair.first.next { delivery -> NodeID? in
            guard case .dismissed(by: let peer) = delivery else { return nil }
            return peer
        }
        #expect(teller == NodeID(2))
        let told = try await pair.second.next { delivery -> NodeID? in
            if case .messages([beat]) = delivery { Issue.record("it was listened to") }
            guard case .lost(let node) = delivery else { return nil }
            return node
        }
        #expect(told == NodeID(1))
        try await pair.stop()
    }

    @Test func `a lost connection is told, and dialled again`() async throws {
        let pair = try await Pair()
        try await pair.meet()
        try await pair.second.links.stop()
        #expect(try await pair.first.nextLost() == NodeID(2))
        let again = try await Peer(2, cluster: 7, port: pair.second.port)
        try await pair.first.reach(again)
        try await pair.first.links.stop()
        try await again.links.stop()
    }

    /// What its dial found out late was taken for the word of the link that has its place.
    @Test func `a link that was ended says nothing later`() async throws {
        var limits = PeerLimits()
        limits.greetingMilliseconds = 300
        let first = try await Peer(1, cluster: 7, limits: limits)
        let second = try await Peer(2, cluster: 7)
        let (told, tell) = AsyncStream.makeStream(of: String.self)
        let silent = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                tell.yield("came")
                channel.closeFuture.whenComplete { _ in tell.yield("went") }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        var events = told.makeAsyncIterator()
        var wrong = second.address
        wrong.port = try #require(silent.localAddress?.port)
        first.links.connect(to: [wrong])
        #expect(await events.next() == "came")
        first.links.connect(to: [])
        first.links.connect(to: [second.address])
        try await first.reach(second)
        #expect(await events.next() == "went")
        second.links.connect(to: [first.address])
        try await second.reach(first)
        let isUnreached = first.hasPassed { delivery in
            if case .unreached = delivery { true } else { false }
        }
        #expect(!isUnreached)
        try await silent.close()
        try await first.links.stop()
        try await second.links.stop()
    }

    @Test func `first voters learn whether the others are new`() async throws {
        let pair = try await Pair()
        let address = pair.second.address
        let new = try await PeerLinks.greet(address, pair.first.gate, plain)
        #expect(new.isNew && !new.knowsFounder)
        pair.second.gate.found(with: [NodeID(1): pair.first.gate.incarnation])
        let begun = try await PeerLinks.greet(address, pair.first.gate, plain)
        #expect(!begun.isNew && begun.knowsFounder)
        pair.second.gate.found(with: [NodeID(1): [UInt8](repeating: 99, count: 16)])
        let stranger = try await PeerLinks.greet(address, pair.first.gate, plain)
        #expect(!stranger.isNew && !stranger.knowsFounder)
        try await pair.stop()
    }
}
