import NIOCore

/// One connection of a load: keeps its requests in order, hands every answer to its lane, and
/// writes all that one burst of answers gave rise to in one flush.
final class ClientConnection<D: Dialect>: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase { case opening, open, closing, dead }

    private(set) var phase = Phase.opening
    /// The newest X-Consul-Index.
    var index: UInt64 = 0
    var isArmed = false
    var isNotified = false
    private(set) var lastSentAt: UInt64 = 0

    private let lane: Lane<D>
    private var dialect: D
    private var context: ChannelHandlerContext?
    private var pending = CircularBuffer<Pending>(initialCapacity: 1)
    private var inbox = ByteBuffer()
    private var outbox = ByteBuffer()

    init(lane: Lane<D>, dialect: D) {
        self.lane = lane
        self.dialect = dialect
    }

    var pendingCount: Int { pending.count }

    /// `operation` is what the answer counts as, where that is not what the request is.
    func send(_ request: Request, as operation: Operation? = nil, at now: UInt64) {
        guard phase == .open else { return }
        dialect.write(request, into: &outbox)
        var sent = request.pending(tag: dialect.newestTag, at: now)
        sent.operation = operation ?? sent.operation
        expect(sent)
    }

    func sendParent(_ path: String, at now: UInt64) {
        dialect.writeParent(path, into: &outbox)
        expect(Pending(operation: .parent, tag: dialect.newestTag, key: 0, sentAt: now))
    }

    func ping(at now: UInt64) {
        dialect.writePing(into: &outbox)
        lastSentAt = now
        flush()
    }

    /// Ends the session where there is one, and the connection.
    func close(at now: UInt64) {
        guard phase == .open || phase == .opening else { return }
        let mayPart = phase == .open
        phase = .closing
        if mayPart, dialect.writeFarewell(into: &outbox) {
            expect(Pending(operation: .farewell, tag: dialect.newestTag, key: 0, sentAt: now))
            flush()
        } else {
            drop()
        }
    }

    func drop() { context?.close(promise: nil) }

    func flush() {
        guard outbox.readableBytes > 0, let context else { return }
        context.writeAndFlush(wrapOutboundOut(outbox), promise: nil)
        outbox.clear()
    }

    private func expect(_ request: Pending) {
        pending.append(request)
        lastSentAt = request.sentAt
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        lastSentAt = now()
        if D.hasHandshake {
            dialect.writeHello(into: &outbox)
            flush()
        } else {
            phase = .open
            lane.opened(self)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var burst = unwrapInboundIn(data)
        if inbox.readableBytes == 0 { inbox = burst } else { inbox.writeBuffer(&burst) }
        let arrived = now()
        while takeReply(at: arrived) {}
        if inbox.readableBytes == 0 { inbox = ByteBuffer() }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush()
        lane.progressed()
    }

    func channelInactive(context: ChannelHandlerContext) { ended(nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        ended("connection lost: \(error)")
        context.close(promise: nil)
    }

    /// False when the buffer holds no further whole answer.
    private func takeReply(at now: UInt64) -> Bool {
        switch dialect.nextReply(from: &inbox, pending: pending.first) {
        case .incomplete: return false
        case .handshake:
            phase = .open
            lane.opened(self)
        case .pong: lane.pongs += 1
        case .fired: lane.fired(self, at: now)
        case .broken(let what):
            lane.tally.faults.protocolErrors += 1
            lane.tally.faults.note(what)
            drop()
            return false
        case .answer(let verdict, let index, let closes):
            let request = pending.removeFirst()
            if request.operation == .farewell { drop() }
            lane.answered(self, request, verdict, index: index, at: now)
            if closes { drop() }
        }
        return true
    }

    private func ended(_ reason: String?) {
        guard phase != .dead else { return }
        let wasOpen = phase == .open
        let wasWelcome = phase == .closing
        phase = .dead
        if !wasWelcome {
            lane.tally.faults.connection += 1
            lane.tally.faults.lost += pending.count
            lane.tally.faults.note(reason ?? "the server closed a connection")
        }
        pending.removeAll()
        lane.lost(wasOpen: wasOpen)
    }

    private func now() -> UInt64 { NIODeadline.now().uptimeNanoseconds }
}
