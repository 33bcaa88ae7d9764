package import Bytes
package import Raft
package import Replica

/// What the nodes of a cluster say to each other on their peer ports: the pure codec of it.
///
/// A connection carries frames one way, but for the answer to its first one. Who dials says hello
/// first; the other side welcomes or refuses. Bytes of any kind give a frame or an error, never a
/// trap: decoding trusts no length, and a frame's checksum is verified before its body is read.
/// The module opens no socket and keeps no state.
///
/// Map: `PeerFrame` is a frame, `FrameHead` its first bytes, `Greeting` who talks to whom,
/// `MessageCodec`, `RequestCodec`, `StateCodec` and `OperatorCodec` the bodies.
package enum PeerFrame: Sendable {
    case hello(PeerHello)
    case welcome(PeerWelcome)
    case refusal(PeerRefusal)
    case messages([Message])
    case requests(ForwardedRequests)
    case answers([ForwardAnswer])
    case snapshotOffer(SnapshotOffer)
    /// From which byte on the receiver wants the snapshot.
    case snapshotResume(offset: UInt64)
    case snapshotChunk(offset: UInt64, bytes: [UInt8])
    /// The receiver has the whole snapshot on its disk, or why it has not.
    case snapshotEnd(failure: String?)
    case join(JoinRequest)
    case joined(JoinGrant)
    /// An operator's request, for the leader.
    case operate(OperatorRequest)
    case operated(OperatorAnswer)
    /// Digests of a member's state, for the leader, and what the leader found.
    case stateReport(StateReport)
    case stateVerdict(StateVerdict)

    enum Kind: UInt8 {
        case hello = 1
        case welcome = 2
        case refusal = 3
        case messages = 4
        case requests = 5
        case answers = 6
        case snapshotOffer = 7
        case snapshotResume = 8
        case snapshotChunk = 9
        case snapshotEnd = 10
        case join = 11
        case joined = 12
        case operate = 13
        case operated = 14
        case stateReport = 15
        case stateVerdict = 16
    }

    /// The whole frame.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: 256)
        for _ in 0..<FrameHead.bytes { writer.integer(UInt8(0)) }
        let kind = write(to: &writer)
        FrameHead.seal(&writer, kind: kind.rawValue)
        return writer.bytes
    }

    private func write(to writer: inout ByteWriter) -> Kind {
        switch self {
        case .hello(let hello): hello.write(to: &writer); return .hello
        case .welcome(let welcome): welcome.write(to: &writer); return .welcome
        case .refusal(let refusal): refusal.write(to: &writer); return .refusal
        case .messages(let messages): MessageCodec.write(messages, to: &writer); return .messages
        case .requests(let requests): RequestCodec.write(requests, to: &writer); return .requests
        case .answers(let answers): RequestCodec.write(answers, to: &writer); return .answers
        case .snapshotOffer(let offer): offer.write(to: &writer); return .snapshotOffer
        case .snapshotResume(let offset): writer.varint(offset); return .snapshotResume
        case .snapshotChunk(let offset, let bytes):
            writer.varint(offset)
            writer.append(bytes)
            return .snapshotChunk
        case .snapshotEnd(let failure):
            writer.varText(failure ?? "")
            return .snapshotEnd
        case .join(let request): request.write(to: &writer); return .join
        case .joined(let grant): grant.write(to: &writer); return .joined
        case .operate(let request): OperatorCodec.write(request, to: &writer); return .operate
        case .operated(let answer): OperatorCodec.write(answer, to: &writer); return .operated
        case .stateReport(let report): StateCodec.write(report, to: &writer); return .stateReport
        case .stateVerdict(let verdict):
            StateCodec.write(verdict, to: &writer)
            return .stateVerdict
        }
    }

    /// Reads a body whose head was read before.
    /// - Throws: `PeerError`.
    package init(_ head: FrameHead, body: RawSpan) throws(PeerError) {
        try head.verify(body)
        try self.init(kind: head.kind, body: body)
    }

    /// Reads a body that is known to be whole.
    package init(kind: UInt8, body: RawSpan) throws(PeerError) {
        guard let kind = Kind(rawValue: kind) else { throw .unknownKind(kind) }
        do throws(BytesError) {
            var reader = SpanReader(body)
            self = try PeerFrame.read(kind, &reader)
            guard reader.isAtEnd else {
                throw BytesError.badLength(
                    offset: reader.offset,
                    length: body.byteCount,
                    bound: reader.offset
                )
            }
        } catch { throw .malformed(error) }
    }

    @_lifetime(reader: copy reader)
    private static func read(
        _ kind: Kind,
        _ reader: inout SpanReader
    ) throws(BytesError) -> PeerFrame {
        switch kind {
        case .hello: .hello(try PeerHello(&reader))
        case .welcome: .welcome(try PeerWelcome(&reader))
        case .refusal: .refusal(try PeerRefusal(&reader))
        case .messages: .messages(try MessageCodec.messages(&reader))
        case .requests: .requests(try RequestCodec.requests(&reader))
        case .answers: .answers(try RequestCodec.answers(&reader))
        case .snapshotOffer: .snapshotOffer(try SnapshotOffer(&reader))
        case .snapshotResume: .snapshotResume(offset: try reader.varint())
        case .snapshotChunk:
            .snapshotChunk(offset: try reader.varint(), bytes: reader.rest().copiedBytes())
        case .snapshotEnd: .snapshotEnd(failure: try PeerFrame.failure(&reader))
        case .join: .join(try JoinRequest(&reader))
        case .joined: .joined(try JoinGrant(&reader))
        case .operate: .operate(try OperatorCodec.request(&reader))
        case .operated: .operated(try OperatorCodec.answer(&reader))
        case .stateReport: .stateReport(try StateCodec.report(&reader))
        case .stateVerdict: .stateVerdict(try StateCodec.verdict(&reader))
        }
    }

    @_lifetime(reader: copy reader)
    private static func failure(_ reader: inout SpanReader) throws(BytesError) -> String? {
        let text = try reader.text()
        return text.isEmpty ? nil : text
    }
}

/// Why bytes from a peer are no frame. The connection is closed; the peer dials again.
package enum PeerError: Error, Equatable, Sendable {
    case versionUnknown(UInt8)
    case tooLong(bytes: Int, bytesMax: Int)
    case checksumDiffers(kind: UInt8, bytes: Int)
    case unknownKind(UInt8)
    case malformed(BytesError)
}

/// The first bytes of a frame.
///
///     0 ..< 4    bytes of the body, UInt32
///     4          version, 1
///     5          kind
///     6 ..< 8    zero
///     8 ..< 16   XXH64 of the body, seeded with the first eight bytes
///     16 ..      body
///
/// Integers are big-endian.
package struct FrameHead: Hashable, Sendable {
    package static let bytes = 16
    package static let version: UInt8 = 1

    package var bodyBytes: Int
    var kind: UInt8
    private var word: UInt64
    private var checksum: UInt64

    /// Reads a head from the first bytes of `span`, which must hold it.
    package init(_ span: RawSpan, bodyBytesMax: Int) throws(PeerError) {
        do throws(BytesError) {
            var reader = SpanReader(span)
            word = try reader.integer()
            checksum = try reader.integer()
        } catch { throw .malformed(error) }
        bodyBytes = Int(word >> 32)
        kind = UInt8(truncatingIfNeeded: word >> 16)
        let version = UInt8(truncatingIfNeeded: word >> 24)
        guard version == FrameHead.version else { throw .versionUnknown(version) }
        guard bodyBytes <= bodyBytesMax else {
            throw .tooLong(bytes: bodyBytes, bytesMax: bodyBytesMax)
        }
    }

    func verify(_ body: RawSpan) throws(PeerError) {
        guard body.byteCount == bodyBytes, XXH64.hash(body, seed: word) == checksum else {
            throw .checksumDiffers(kind: kind, bytes: body.byteCount)
        }
    }

    /// Fills in the head of a frame whose body was written behind room for it.
    static func seal(_ writer: inout ByteWriter, kind: UInt8) {
        let bodyBytes = writer.count - FrameHead.bytes
        precondition(bodyBytes <= Int(UInt32.max), "a frame of \(bodyBytes) bytes")
        let word = UInt64(bodyBytes) << 32 | UInt64(version) << 24 | UInt64(kind) << 16
        let checksum = bodyHash(of: writer, seed: word)
        writer.patch(UInt32(word >> 32), at: 0)
        writer.patch(UInt32(truncatingIfNeeded: word), at: 4)
        writer.patch(UInt32(checksum >> 32), at: 8)
        writer.patch(UInt32(truncatingIfNeeded: checksum), at: 12)
    }

    private static func bodyHash(of writer: borrowing ByteWriter, seed: UInt64) -> UInt64 {
        let frame = writer.bytes.rawSpan
        return XXH64.hash(frame.extracting(bytes..<frame.byteCount), seed: seed)
    }
}

extension SpanReader {
    /// UTF-8 with a varint length before it; what is no UTF-8 is replaced.
    @_lifetime(self: copy self)
    mutating func text() throws(BytesError) -> String {
        String(decoding: try varBytes().copiedBytes(), as: UTF8.self)
    }

    /// How many things follow, each of at least `bytesMin` bytes.
    @_lifetime(self: copy self)
    mutating func count(bytesMin: Int) throws(BytesError) -> Int {
        let start = offset
        let count = try varint()
        guard count <= UInt64(remaining / max(bytesMin, 1)) else {
            throw .badLength(offset: start, length: Int(clamping: count), bound: remaining)
        }
        return Int(count)
    }
}
