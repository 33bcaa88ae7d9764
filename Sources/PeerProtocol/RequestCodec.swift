import Bytes
import Commands
import Raft
import Replica

/// Requests that a follower sends to the leader, and what it answers.
///
///     requests: | count | (id, payload: length, bytes) * count
///               | count | (ZooKeeper session 8) * count
///               | count | (Consul session: length, bytes) * count
///               | count | (node: length, bytes; check: length, bytes) * count |
///     answers:  | count | (id, verdict 1, body) * count |
///               0 placed | index | term |    1 not leader    2 refused | reason 1 | body |
///     reasons:  0 no leader   1 disk full: text   2 overloaded   3 too large: bytes, bound
///               4 timed out   5 stopping   6 unknown command
///
/// Numbers without a width are varints.
enum RequestCodec {
    static func write(_ requests: ForwardedRequests, to writer: inout ByteWriter) {
        writer.varint(UInt64(requests.proposals.count))
        for proposal in requests.proposals {
            writer.varint(proposal.id.rawValue)
            writer.varBytes(proposal.payload)
        }
        let beats = requests.heartbeats
        writer.varint(UInt64(beats.zooKeeper.count))
        for session in beats.zooKeeper { writer.integer(session.value) }
        writer.varint(UInt64(beats.consul.count))
        for session in beats.consul { writer.varBytes(session.bytes) }
        writer.varint(UInt64(beats.checks.count))
        for check in beats.checks {
            writer.varBytes(check.node.bytes)
            writer.varBytes(check.check.bytes)
        }
    }

    @_lifetime(reader: copy reader)
    static func requests(_ reader: inout SpanReader) throws(BytesError) -> ForwardedRequests {
        var requests = ForwardedRequests()
        for _ in 0..<(try reader.count(bytesMin: 2)) {
            let id = ForwardID(try reader.varint())
            let payload = try reader.varBytes().copiedBytes()
            requests.proposals.append(ForwardedProposal(id: id, payload: payload))
        }
        for _ in 0..<(try reader.count(bytesMin: 8)) {
            requests.heartbeats.zooKeeper.insert(SessionID(try reader.integer()))
        }
        for _ in 0..<(try reader.count(bytesMin: 1)) {
            requests.heartbeats.consul.insert(ByteString(try reader.varBytes().copiedBytes()))
        }
        for _ in 0..<(try reader.count(bytesMin: 2)) {
            let node = ByteString(try reader.varBytes().copiedBytes())
            let check = ByteString(try reader.varBytes().copiedBytes())
            requests.heartbeats.checks.insert(CheckKey(node: node, check: check))
        }
        return requests
    }

    static func write(_ answers: [ForwardAnswer], to writer: inout ByteWriter) {
        writer.varint(UInt64(answers.count))
        for answer in answers {
            writer.varint(answer.id.rawValue)
            switch answer.verdict {
            case .placed(let index, let term):
                writer.integer(UInt8(0))
                writer.varint(index.rawValue)
                writer.varint(term.rawValue)
            case .notLeader: writer.integer(UInt8(1))
            case .refused(let refusal):
                writer.integer(UInt8(2))
                write(refusal, to: &writer)
            }
        }
    }

    private static func write(_ refusal: Refusal, to writer: inout ByteWriter) {
        switch refusal {
        case .noLeader: writer.integer(UInt8(0))
        case .diskFull(let reason):
            writer.integer(UInt8(1))
            writer.varText(reason)
        case .overloaded: writer.integer(UInt8(2))
        case .tooLarge(let bytes, let bound):
            writer.integer(UInt8(3))
            writer.varint(UInt64(bytes))
            writer.varint(UInt64(bound))
        case .timedOut: writer.integer(UInt8(4))
        case .stopping: writer.integer(UInt8(5))
        case .unknownCommand: writer.integer(UInt8(6))
        }
    }

    @_lifetime(reader: copy reader)
    static func answers(_ reader: inout SpanReader) throws(BytesError) -> [ForwardAnswer] {
        var answers: [ForwardAnswer] = []
        for _ in 0..<(try reader.count(bytesMin: 2)) {
            let id = ForwardID(try reader.varint())
            answers.append(ForwardAnswer(id: id, verdict: try verdict(&reader)))
        }
        return answers
    }

    @_lifetime(reader: copy reader)
    private static func verdict(
        _ reader: inout SpanReader
    ) throws(BytesError) -> ForwardAnswer.Verdict {
        let tag: UInt8 = try reader.integer()
        switch tag {
        case 0:
            let index = LogIndex(try reader.varint())
            return .placed(index: index, term: Term(try reader.varint()))
        case 1: return .notLeader
        case 2: return .refused(try refusal(&reader))
        default: throw .badTag(offset: reader.offset, tag: UInt64(tag))
        }
    }

    @_lifetime(reader: copy reader)
    private static func refusal(_ reader: inout SpanReader) throws(BytesError) -> Refusal {
        let tag: UInt8 = try reader.integer()
        switch tag {
        case 0: return .noLeader
        case 1: return .diskFull(try reader.text())
        case 2: return .overloaded
        case 3:
            let bytes = Int(clamping: try reader.varint())
            return .tooLarge(bytes: bytes, bound: Int(clamping: try reader.varint()))
        case 4: return .timedOut
        case 5: return .stopping
        case 6: return .unknownCommand
        default: throw .badTag(offset: reader.offset, tag: UInt64(tag))
        }
    }
}
