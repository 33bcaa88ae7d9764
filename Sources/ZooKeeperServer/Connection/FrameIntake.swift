import Bytes
import Commands
import LMDB
import Logging
import Measures
import NIOCore
import Replica
import ZooKeeperProtocol

/// From bytes to requests: frames are found and read where they arrived.
extension ZooKeeperConnection {
    /// What became of a frame.
    enum Intake {
        case taken
        /// It must wait for what is outstanding; nothing of it has happened.
        case wait
        /// The connection ends.
        case stop
    }

    /// Takes what the socket gave.
    func receive(_ buffer: inout ByteBuffer) {
        burst {
            if unparsed.readableBytes > 0 {
                var whole = ByteBuffer()
                swap(&whole, &unparsed)
                if whole.readerIndex > whole.capacity / 2 { whole.discardReadBytes() }
                whole.writeBuffer(&buffer)
                buffer = whole
            }
            parse(&buffer, isNew: true)
            keep(buffer)
        }
    }

    /// Goes on with what was left, now that nothing is outstanding. In a burst.
    func resume() {
        var buffer = ByteBuffer()
        swap(&buffer, &unparsed)
        parse(&buffer, isNew: false)
        keep(buffer)
    }

    func resumeOutsideBurst() {
        burst { resume() }
        sendOut()
    }

    /// Runs `body` while a snapshot is open, after everything that led to it was delivered.
    private func burst(_ body: () -> Void) {
        do throws(LMDBError) { try port.begin() } catch {
            loop.logger.error("the state cannot be read", metadata: ["error": "\(error)"])
            return close()
        }
        if phase != .closing, phase != .closed { body() }
        port.end()
    }

    /// Keeps what could not be parsed, and stops reading if that is too much.
    private func keep(_ buffer: ByteBuffer) {
        unparsed = buffer.readableBytes > 0 ? buffer : ByteBuffer()
        let isTooMuch = isStalled && unparsed.readableBytes > limits.unparsedBytesMax
        if isTooMuch {
            isReadPaused = true
        } else if isReadPaused {
            isReadPaused = false
            if wantsRead {
                wantsRead = false
                context?.read()
            }
        }
    }

    private func parse(_ buffer: inout ByteBuffer, isNew: Bool) {
        let now = loop.microseconds
        if isNew { receivedAt = now }
        if !isStalled { arrivedAt = receivedAt }
        isStalled = false
        let consumed = take(buffer.readableBytesSpan)
        if loop.unmeasuredReads > 0 { measureReads(buffer, consumed: consumed) }
        buffer.moveReaderIndex(forwardBy: consumed)
        // What is left came later than what was taken, and not after the last bytes.
        if isStalled, consumed > 0 { arrivedAt = receivedAt }
        // A ping that waits behind a write is a sign of life, too.
        if isNew || consumed > 0, phase == .open { touch(at: now / 1_000) }
    }

    /// Reads that came together are answered together; a read that had to wait for writes counts
    /// from when it came.
    private func measureReads(_ buffer: ByteBuffer, consumed: Int) {
        let count = loop.unmeasuredReads
        loop.unmeasuredReads = 0
        let now = loop.microseconds
        let took = UInt64(max(0, now - arrivedAt))
        if loop.watch.isSlow(now - arrivedAt) {
            reportReads(buffer.readableBytesSpan.extracting(first: consumed), count, at: now)
        }
        let milliseconds = UInt32(clamping: took / 1_000)
        loop.times.reads.add(took, times: count)
        loop.traffic.latency.add(milliseconds, times: count)
        history.latency.add(milliseconds, times: count)
        history.lastLatency = milliseconds
    }

    /// Takes whole frames off the front, as far as that is possible; answers how many bytes.
    private func take(_ span: RawSpan) -> Int {
        var offset = 0
        while !loop.isRetiring, span.byteCount - offset >= 4,
            phase == .open || phase == .greeting
        {
            let length = Self.length(span, offset)
            if phase == .greeting, let taken = fourLetterWord(length, in: span) { return taken }
            guard length > 0, length <= limits.frameBytesMax else {
                loop.traffic.largeRequestsRejected += 1
                closeAfterReplies()
                return offset
            }
            let end = offset + 4 + Int(length)
            guard end <= span.byteCount else { return offset }
            switch accept(span.extracting((offset + 4)..<end)) {
            case .taken: offset = end
            case .wait:
                isStalled = true
                return offset
            case .stop:
                closeAfterReplies()
                return end
            }
        }
        if phase == .attaching { isStalled = true }
        return offset
    }

    private static func length(_ span: RawSpan, _ offset: Int) -> Int32 {
        var reader = SpanReader(span.extracting(offset..<(offset + 4)))
        return (try? reader.integer(as: Int32.self)) ?? -1
    }

    private func accept(_ frame: RawSpan) -> Intake {
        if phase == .greeting { return greet(frame) }
        guard hasRoomForAnswers else { return .wait }
        var reader = JuteReader(frame)
        let request: RequestHeader
        do throws(JuteError) { request = try RequestHeader(&reader) } catch { return .stop }
        let opcode = Opcode(rawValue: request.opcode)
        let isWrite = opcode?.isLogged ?? false
        guard hasTurn(isWrite) else { return .wait }
        let body = reader.unread()
        let result =
            isWrite
            ? write(request.xid, opcode, body)
            : answer(request.xid, opcode, body)
        if result != .wait { note(request.xid, opcode) }
        return result
    }

    /// A read waits for all that is outstanding. A write waits for a sync: it could be in the log
    /// before the point that the sync waits for, and be answered with a lower zxid than the sync.
    private func hasTurn(_ isWrite: Bool) -> Bool {
        guard let last = outstanding.last else { return true }
        return isWrite && last.opcode != .sync
            && outstanding.count < limits.outstandingRequestsMax
            && outstandingBytes < limits.outstandingBytesMax
    }

    private func note(_ xid: Int32, _ opcode: Opcode?) {
        loop.traffic.packetsReceived += 1
        history.received += 1
        if xid >= 0 { history.lastXID = xid }
        history.lastOpcode = opcode
    }

    /// A client that asks for more than it reads is not read from.
    private var hasRoomForAnswers: Bool {
        if out.count >= limits.unsentBytesMax { sendSome() }
        return context?.channel.isWritable ?? false
    }

    /// Lets the leader know that the client lives; not with every packet.
    private func touch(at time: Int64) {
        guard time - lastTouch >= limits.touchMilliseconds else { return }
        lastTouch = time
        port.touch(session)
    }
}

extension Opcode {
    /// Whether it waits for the log: writes, and sync.
    fileprivate var isLogged: Bool {
        switch self {
        case .create, .create2, .createContainer, .createTTL, .delete, .setData, .setACL, .multi,
            .sync, .closeSession:
            true
        default: false
        }
    }
}
