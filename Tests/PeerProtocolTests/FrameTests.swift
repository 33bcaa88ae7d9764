import Bytes
import Commands
import PeerProtocol
import Raft
import Replica
import StateMachine
import Testing

/// What leaves one node arrives at the other, and nothing else does.
@Suite struct FrameTests {
    private static let incarnation = [UInt8](repeating: 7, count: 16)
    private static let clusterID = [UInt8](0..<16)

    private static func message(_ body: Message.Body) -> Message {
        Message(from: NodeID(1), to: NodeID(2), term: Term(300), body: body)
    }

    private static let entries = [
        Entry(index: LogIndex(10), term: Term(3), kind: .empty),
        Entry(index: LogIndex(11), term: Term(3), payload: [1, 2, 3]),
        Entry(index: LogIndex(12), term: Term(4), kind: .configuration, payload: [9]),
    ]

    private static let messages: [Message] = [
        message(
            .voteRequest(
                .init(isPreVote: true, isTransfer: false, lastIndex: LogIndex(9), lastTerm: Term(2))
            )
        ),
        message(.voteResponse(.init(isPreVote: false, vote: .notMember))),
        message(
            .append(
                .init(
                    previousIndex: LogIndex(9),
                    previousTerm: Term(2),
                    commit: LogIndex(8),
                    entries: entries
                )
            )
        ),
        message(.appendResponse(.accepted(match: LogIndex(1 << 40)))),
        message(
            .appendResponse(
                .rejected(
                    previousIndex: LogIndex(9),
                    hintIndex: LogIndex(4),
                    hintTerm: Term(1)
                )
            )
        ),
        message(.heartbeat(.init(commit: LogIndex(5), round: 77))),
        message(.heartbeatResponse(round: 77)),
        message(.timeoutNow),
        message(.readRequest(ReadID(rawValue: 4))),
        message(.readResponse(ReadID(rawValue: 4), index: LogIndex(6))),
        message(.readResponse(ReadID(rawValue: 5), index: nil)),
        message(.staleTerm),
    ]

    private static let answers = [
        ForwardAnswer(id: ForwardID(1), verdict: .placed(index: LogIndex(5), term: Term(2))),
        ForwardAnswer(id: ForwardID(2), verdict: .notLeader),
        ForwardAnswer(id: ForwardID(3), verdict: .refused(.diskFull("no room"))),
        ForwardAnswer(id: ForwardID(4), verdict: .refused(.tooLarge(bytes: 9, bound: 8))),
        ForwardAnswer(id: ForwardID(5), verdict: .refused(.overloaded)),
    ]

    private static func requests() -> ForwardedRequests {
        var beats = Heartbeats()
        beats.zooKeeper = [SessionID(-5)]
        beats.consul = ["a-session"]
        beats.checks = [CheckKey(node: "n1", check: "service:web")]
        return ForwardedRequests(
            proposals: [ForwardedProposal(id: ForwardID(8), payload: [4, 5, 6])],
            heartbeats: beats
        )
    }

    private static let marks = [
        StateMark(index: 256, digest: .max), StateMark(index: 300, digest: 5),
    ]
    private static let divergence = Divergence(
        equalAt: LogIndex(256),
        differsAt: LogIndex(512)
    )

    /// What a node of an older version says: it must not be sent what it does not know.
    @Test func `a welcome of an older version understands nothing of states`() throws {
        let old = PeerWelcome(
            incarnation: Self.incarnation,
            isNew: false,
            knowsFounder: true,
            comparesStates: false
        )
        let bytes = PeerFrame.welcome(old).encoded()
        #expect(bytes.last == 2)
        guard case .welcome(let read) = try Self.decode(bytes) else {
            Issue.record("it is read as something else")
            return
        }
        #expect(read == old)
    }

    static let frames: [PeerFrame] = [
        .hello(
            PeerHello(
                clusterID: clusterID,
                from: NodeID(1),
                to: NodeID(2),
                incarnation: incarnation,
                name: "n1",
                address: "h1:8300",
                purpose: .snapshot
            )
        ),
        .welcome(PeerWelcome(incarnation: incarnation, isNew: true, knowsFounder: false)),
        .refusal(PeerRefusal(.otherDirectory, "another disk")),
        .messages(messages),
        .requests(requests()),
        .answers(answers),
        .snapshotOffer(SnapshotOffer(term: Term(3), manifest: [1, 2])),
        .snapshotResume(offset: 1 << 33),
        .snapshotChunk(offset: 4096, bytes: [0, 1, 2]),
        .snapshotEnd(failure: nil),
        .snapshotEnd(failure: "checksum differs"),
        .join(JoinRequest(name: "n4", address: "h4:8300", incarnation: incarnation)),
        .joined(
            JoinGrant(
                clusterID: clusterID,
                node: NodeID(4),
                members: [.init(node: NodeID(1), name: "n1", address: "h1:8300")]
            )
        ),
        .operate(OperatorRequest(.remove, member: "n3")),
        .operated(OperatorAnswer(status: 404, body: [1, 2])),
        .stateReport(StateReport(since: 0, equalAt: LogIndex(7), marks: marks)),
        .stateReport(
            StateReport(since: 300, equalAt: .zero, marks: [], divergence: divergence)
        ),
        .stateVerdict(StateVerdict(equalAt: LogIndex(1 << 40))),
        .stateVerdict(
            StateVerdict(
                equalAt: LogIndex(9),
                difference: .init(first: LogIndex(256), evidence: marks[1])
            )
        ),
    ]

    private static func decode(_ bytes: [UInt8]) throws(PeerError) -> PeerFrame {
        let head = try FrameHead(bytes.rawSpan, bodyBytesMax: 1 << 20)
        return try PeerFrame(
            head,
            body: bytes.rawSpan.extracting(FrameHead.bytes..<bytes.count)
        )
    }

    @Test(arguments: frames.indices)
    func `a frame is read back as it was written`(_ place: Int) throws {
        let bytes = Self.frames[place].encoded()
        let read = try Self.decode(bytes)
        #expect("\(read)" == "\(Self.frames[place])")
        #expect(read.encoded() == bytes)
    }

    @Test(arguments: frames.indices)
    func `a flipped bit anywhere is noticed`(_ place: Int) {
        let bytes = Self.frames[place].encoded()
        for offset in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[offset] ^= 1 << bit
                #expect(throws: PeerError.self) { try Self.decode(damaged) }
            }
        }
    }

    @Test(arguments: frames.indices)
    func `a frame cut anywhere is an error`(_ place: Int) {
        let bytes = Self.frames[place].encoded()
        for count in FrameHead.bytes..<bytes.count {
            #expect(throws: PeerError.self) { try Self.decode(Array(bytes.prefix(count))) }
        }
    }

    @Test func `a body beyond the bound is refused before it is read`() {
        let bytes = Self.frames[3].encoded()
        #expect(throws: PeerError.tooLong(bytes: bytes.count - FrameHead.bytes, bytesMax: 10)) {
            try FrameHead(bytes.rawSpan, bodyBytesMax: 10)
        }
    }
}
