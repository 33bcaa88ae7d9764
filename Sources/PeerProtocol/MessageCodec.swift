import Bytes
import Raft

/// Raft's messages.
///
///     | count varint | message * count |
///     message: | kind 1 | from varint | to varint | term varint | body |
///
///     1 vote request       | flags 1: bit 0 pre-vote, bit 1 transfer | last index | last term |
///     2 vote response      | flags 1: bit 0 pre-vote | vote 1 |
///     3 append             | previous index | previous term | commit | count | entry * count |
///     4 accepted           | match |
///     5 rejected           | previous index | hint index | hint term |
///     6 heartbeat          | commit | round |
///     7 heartbeat response | round |
///     8 timeout now        | |
///     9 read request       | read id |
///     10 read response     | read id | 0, or 1 and index |
///     11 stale term        | |
///     entry: | kind 1 | term | payload: length varint, bytes |, indices go on from the previous
///
/// Numbers without a width are varints. That a snapshot has arrived is no message on the wire:
/// the receiving side makes it.
enum MessageCodec {
    static func write(_ messages: [Message], to writer: inout ByteWriter) {
        let sent = messages.filter { message in
            if case .snapshot = message.body { return false }
            return true
        }
        writer.varint(UInt64(sent.count))
        for message in sent { write(message, to: &writer) }
    }

    private static func write(_ message: Message, to writer: inout ByteWriter) {
        func head(_ kind: UInt8) {
            writer.integer(kind)
            writer.varint(message.from.rawValue)
            writer.varint(message.to.rawValue)
            writer.varint(message.term.rawValue)
        }
        switch message.body {
        case .voteRequest(let request):
            head(1)
            writer.integer(UInt8((request.isPreVote ? 1 : 0) | (request.isTransfer ? 2 : 0)))
            writer.varint(request.lastIndex.rawValue)
            writer.varint(request.lastTerm.rawValue)
        case .voteResponse(let response):
            head(2)
            writer.integer(UInt8(response.isPreVote ? 1 : 0))
            writer.integer(response.vote.rawValue)
        case .append(let append):
            head(3)
            write(append, to: &writer)
        case .appendResponse(.accepted(let match)):
            head(4)
            writer.varint(match.rawValue)
        case .appendResponse(.rejected(let previousIndex, let hintIndex, let hintTerm)):
            head(5)
            writer.varint(previousIndex.rawValue)
            writer.varint(hintIndex.rawValue)
            writer.varint(hintTerm.rawValue)
        case .heartbeat(let heartbeat):
            head(6)
            writer.varint(heartbeat.commit.rawValue)
            writer.varint(heartbeat.round)
        case .heartbeatResponse(let round):
            head(7)
            writer.varint(round)
        case .snapshot: preconditionFailure("a snapshot's arrival is not sent")
        case .timeoutNow: head(8)
        case .readRequest(let id):
            head(9)
            writer.varint(id.rawValue)
        case .readResponse(let id, let index):
            head(10)
            writer.varint(id.rawValue)
            writer.integer(UInt8(index == nil ? 0 : 1))
            if let index { writer.varint(index.rawValue) }
        case .staleTerm: head(11)
        }
    }

    private static func write(_ append: Message.Append, to writer: inout ByteWriter) {
        writer.varint(append.previousIndex.rawValue)
        writer.varint(append.previousTerm.rawValue)
        writer.varint(append.commit.rawValue)
        writer.varint(UInt64(append.entries.count))
        for entry in append.entries {
            writer.integer(entry.kind.rawValue)
            writer.varint(entry.term.rawValue)
            writer.varBytes(entry.payload)
        }
    }

    // MARK: Reading

    @_lifetime(reader: copy reader)
    static func messages(_ reader: inout SpanReader) throws(BytesError) -> [Message] {
        var messages: [Message] = []
        for _ in 0..<(try reader.count(bytesMin: 4)) {
            let kind: UInt8 = try reader.integer()
            let from = NodeID(try reader.varint())
            let to = NodeID(try reader.varint())
            let term = Term(try reader.varint())
            let body = try body(kind, &reader)
            messages.append(Message(from: from, to: to, term: term, body: body))
        }
        return messages
    }

    @_lifetime(reader: copy reader)
    private static func body(
        _ kind: UInt8,
        _ reader: inout SpanReader
    ) throws(BytesError) -> Message.Body {
        switch kind {
        case 1: return .voteRequest(try voteRequest(&reader))
        case 2: return .voteResponse(try voteResponse(&reader))
        case 3: return .append(try append(&reader))
        case 4: return .appendResponse(.accepted(match: LogIndex(try reader.varint())))
        case 5:
            return .appendResponse(
                .rejected(
                    previousIndex: LogIndex(try reader.varint()),
                    hintIndex: LogIndex(try reader.varint()),
                    hintTerm: Term(try reader.varint())
                )
            )
        case 6:
            let commit = LogIndex(try reader.varint())
            return .heartbeat(Message.Heartbeat(commit: commit, round: try reader.varint()))
        case 7: return .heartbeatResponse(round: try reader.varint())
        case 8: return .timeoutNow
        case 9: return .readRequest(ReadID(rawValue: try reader.varint()))
        case 10: return try readResponse(&reader)
        case 11: return .staleTerm
        default: throw .badTag(offset: reader.offset, tag: UInt64(kind))
        }
    }

    @_lifetime(reader: copy reader)
    private static func voteRequest(
        _ reader: inout SpanReader
    ) throws(BytesError) -> Message.VoteRequest {
        let flags: UInt8 = try reader.integer()
        let lastIndex = LogIndex(try reader.varint())
        return Message.VoteRequest(
            isPreVote: flags & 1 != 0,
            isTransfer: flags & 2 != 0,
            lastIndex: lastIndex,
            lastTerm: Term(try reader.varint())
        )
    }

    @_lifetime(reader: copy reader)
    private static func voteResponse(
        _ reader: inout SpanReader
    ) throws(BytesError) -> Message.VoteResponse {
        let flags: UInt8 = try reader.integer()
        let tag: UInt8 = try reader.integer()
        guard let vote = Message.Vote(rawValue: tag) else {
            throw .badTag(offset: reader.offset, tag: UInt64(tag))
        }
        return Message.VoteResponse(isPreVote: flags & 1 != 0, vote: vote)
    }

    @_lifetime(reader: copy reader)
    private static func append(_ reader: inout SpanReader) throws(BytesError) -> Message.Append {
        let previousIndex = LogIndex(try reader.varint())
        let previousTerm = Term(try reader.varint())
        let commit = LogIndex(try reader.varint())
        let count = try reader.count(bytesMin: 3)
        guard previousIndex.rawValue <= UInt64.max - UInt64(count) - 1 else {
            throw .badLength(offset: reader.offset, length: count, bound: 0)
        }
        var entries: [Entry] = []
        entries.reserveCapacity(count)
        for offset in 0..<count {
            let tag: UInt8 = try reader.integer()
            guard let kind = Entry.Kind(rawValue: tag) else {
                throw .badTag(offset: reader.offset, tag: UInt64(tag))
            }
            let term = Term(try reader.varint())
            entries.append(
                Entry(
                    index: previousIndex.advanced(by: offset + 1),
                    term: term,
                    kind: kind,
                    payload: try reader.varBytes().copiedBytes()
                )
            )
        }
        return Message.Append(
            previousIndex: previousIndex,
            previousTerm: previousTerm,
            commit: commit,
            entries: entries
        )
    }

    @_lifetime(reader: copy reader)
    private static func readResponse(
        _ reader: inout SpanReader
    ) throws(BytesError) -> Message.Body {
        let id = ReadID(rawValue: try reader.varint())
        let tag: UInt8 = try reader.integer()
        switch tag {
        case 0: return .readResponse(id, index: nil)
        case 1: return .readResponse(id, index: LogIndex(try reader.varint()))
        default: throw .badTag(offset: reader.offset, tag: UInt64(tag))
        }
    }
}
