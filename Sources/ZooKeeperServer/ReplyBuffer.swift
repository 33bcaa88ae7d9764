import Bytes
import Commands
import NIOCore
import ZooKeeperProtocol

/// Answers and events on their way out. Each is written once, straight into the memory that the
/// socket is written from.
struct ReplyBuffer {
    private(set) var bytes = ByteBuffer()

    var isEmpty: Bool { bytes.readableBytes == 0 }
    var count: Int { bytes.readableBytes }
    /// Whether it has memory of its own to write into.
    var isLent: Bool { bytes.capacity > 0 }

    /// Gives it memory from the loop's pool.
    mutating func lend(_ buffer: ByteBuffer) {
        bytes = buffer
    }

    /// Takes what is written, and leaves it without memory.
    mutating func take() -> ByteBuffer {
        let taken = bytes
        bytes = ByteBuffer()
        return taken
    }

    /// A reply without a record: a success that says no more, or an error.
    mutating func plain(_ header: ReplyHeader) {
        bytes.writeWithOutputRawSpan(minimumWritableBytes: ReplyHeader.frameBytes) { output in
            header.write(bodyBytes: 0, into: &output)
        }
    }

    mutating func stat(_ header: ReplyHeader, _ stat: Stat) {
        let size = ReplyHeader.frameBytes + Stat.byteCount
        bytes.writeWithOutputRawSpan(minimumWritableBytes: size) { output in
            header.write(bodyBytes: Stat.byteCount, into: &output)
            stat.write(into: &output)
        }
    }

    /// getData's reply, when the data stands in one place.
    mutating func data(_ header: ReplyHeader, _ data: RawSpan, isNull: Bool, _ stat: Stat) {
        let bodyBytes = 4 + data.byteCount + Stat.byteCount
        let size = ReplyHeader.frameBytes + bodyBytes
        bytes.writeWithOutputRawSpan(minimumWritableBytes: size) { output in
            header.write(bodyBytes: bodyBytes, into: &output)
            output.integer(isNull ? -1 : Int32(truncatingIfNeeded: data.byteCount))
            output.copy(data)
            stat.write(into: &output)
        }
    }

    /// A path alone: create, sync.
    mutating func path(_ header: ReplyHeader, _ path: RawSpan) {
        let bodyBytes = 4 + path.byteCount
        let size = ReplyHeader.frameBytes + bodyBytes
        bytes.writeWithOutputRawSpan(minimumWritableBytes: size) { output in
            header.write(bodyBytes: bodyBytes, into: &output)
            output.juteBytes(path)
        }
    }

    /// create2 and its kin.
    mutating func pathAndStat(_ header: ReplyHeader, _ path: RawSpan, _ stat: Stat) {
        let bodyBytes = 4 + path.byteCount + Stat.byteCount
        let size = ReplyHeader.frameBytes + bodyBytes
        bytes.writeWithOutputRawSpan(minimumWritableBytes: size) { output in
            header.write(bodyBytes: bodyBytes, into: &output)
            output.juteBytes(path)
            stat.write(into: &output)
        }
    }

    mutating func number(_ header: ReplyHeader, _ number: Int32) {
        let size = ReplyHeader.frameBytes + 4
        bytes.writeWithOutputRawSpan(minimumWritableBytes: size) { output in
            header.write(bodyBytes: 4, into: &output)
            output.integer(number)
        }
    }

    mutating func event(kind: Int32, path: RawSpan, zxid: Int64) {
        let bodyBytes = JuteSize.watchEvent(path: path)
        let size = ReplyHeader.frameBytes + bodyBytes
        let header = ReplyHeader(xid: SpecialXID.watchEvent, zxid: zxid)
        bytes.writeWithOutputRawSpan(minimumWritableBytes: size) { output in
            header.write(bodyBytes: bodyBytes, into: &output)
            output.juteWatchEvent(kind: kind, path: path)
        }
    }

    /// A four-letter word's answer, which is no frame.
    mutating func text(_ text: String) {
        bytes.writeString(text)
    }

    mutating func connect(_ reply: ConnectReply) {
        bytes.writeWithOutputRawSpan(minimumWritableBytes: reply.frameBytes) { output in
            reply.write(into: &output)
        }
    }
}

// MARK: - Records whose size is known at their end

extension ReplyBuffer {
    /// Where a frame begins whose length is filled in by `end`.
    struct Mark {
        fileprivate let offset: Int
    }

    /// The present end.
    var mark: Mark { Mark(offset: bytes.writerIndex) }

    mutating func begin(_ header: ReplyHeader) -> Mark {
        let mark = Mark(offset: bytes.writerIndex)
        plain(header)
        return mark
    }

    mutating func end(_ mark: Mark) {
        let length = bytes.writerIndex - mark.offset - 4
        bytes.setInteger(Int32(truncatingIfNeeded: length), at: mark.offset)
    }

    /// Takes a frame back that could not be finished.
    mutating func abandon(_ mark: Mark) {
        bytes.moveWriterIndex(to: mark.offset)
    }

    /// A place for a count that is filled in by `fill`.
    mutating func reserveCount() -> Mark {
        let mark = Mark(offset: bytes.writerIndex)
        bytes.writeInteger(Int32(0))
        return mark
    }

    mutating func fill(_ mark: Mark, _ count: Int32) {
        bytes.setInteger(count, at: mark.offset)
    }

    mutating func integer(_ value: Int32) {
        bytes.writeInteger(value)
    }

    mutating func raw(_ span: RawSpan) {
        bytes.writeBytes(span)
    }

    mutating func juteBytes(_ span: RawSpan) {
        bytes.writeWithOutputRawSpan(minimumWritableBytes: 4 + span.byteCount) { output in
            output.juteBytes(span)
        }
    }

    mutating func stat(_ stat: Stat) {
        bytes.writeWithOutputRawSpan(minimumWritableBytes: Stat.byteCount) { output in
            stat.write(into: &output)
        }
    }

    mutating func accessControl(_ entries: [ACLEntry]) {
        bytes.writeWithOutputRawSpan(minimumWritableBytes: JuteSize.acl(entries)) { output in
            output.juteACL(entries)
        }
    }

    mutating func multiHeader(_ header: MultiHeader) {
        bytes.writeWithOutputRawSpan(minimumWritableBytes: MultiHeader.byteCount) { output in
            header.write(into: &output)
        }
    }

    /// A step's failure: its header and an ErrorResult.
    mutating func multiError(_ code: Int32) {
        multiHeader(MultiHeader(opcode: -1, isDone: false, error: code))
        integer(code)
    }
}
