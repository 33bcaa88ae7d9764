import DNSProtocol
package import NIOCore

/// One client over TCP: messages with two bytes of length before each (RFC 1035, 4.2.2), answered
/// in their order.
///
/// ```
/// | bytes 2 | message |
/// ```
package final class StreamConnection: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private let loop: DNSLoop
    private var context: ChannelHandlerContext?
    private var intake = ByteBuffer()
    private var queryCount = 0
    /// When it began, or the last query came.
    private var heardAt: NIODeadline
    private var patience: Scheduled<Void>?
    private var isReading = true
    /// The client will send no more.
    private var isEnded = false
    private var isWaiting = false
    private var isClosing = false

    package init(loop: DNSLoop) {
        self.loop = loop
        heardAt = loop.eventLoop.now
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.insert(self)
        wait(loop.settings.limits.firstQueryMilliseconds)
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        patience?.cancel()
        self.context = nil
        loop.remove(self)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isClosing { return }
        var more = unwrapInboundIn(data)
        intake.writeBuffer(&more)
        if loop.hasWaiting { waitForTurn() } else { takeTurn() }
    }

    /// Answers that a client does not take are not made: its queries wait.
    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { waitForTurn() }
    }

    private func waitForTurn() {
        guard !isWaiting, !isClosing else { return }
        isWaiting = true
        loop.enqueue(self)
    }

    /// Answers some of the queries that are there.
    func takeTurn() {
        isWaiting = false
        guard let context, !isClosing else { return }
        answerSome(context)
        context.flush()
        guard !isClosing else { return }
        if intake.readerIndex > Self.consumedBytesMax { intake.discardReadBytes() }
        if hasQuery {
            // Until then no more are read.
            read(false, context)
            if context.channel.isWritable { waitForTurn() }
        } else if isEnded {
            close(.all)
        } else {
            read(context.channel.isWritable, context)
        }
    }

    private func answerSome(_ context: ChannelHandlerContext) {
        let limits = loop.settings.limits
        let end = loop.now + limits.turnMicroseconds
        for _ in 0..<limits.queriesPerTurnMax {
            guard context.channel.isWritable, let query = nextQuery() else { return }
            heardAt = loop.eventLoop.now
            if let answer = loop.answer(query.readableBytesSpan, by: .stream) {
                var buffer = context.channel.allocator.buffer(capacity: 2 + answer.count)
                buffer.writeInteger(UInt16(answer.count))
                buffer.writeBytes(answer)
                context.write(wrapOutboundOut(buffer), promise: nil)
            }
            queryCount += 1
            if queryCount >= limits.queriesPerConnectionMax { return close() }
            if loop.now >= end { return }
        }
    }

    /// Of the intake, before they are given back.
    private static let consumedBytesMax = 65_536

    private var hasQuery: Bool {
        guard let count: UInt16 = intake.getInteger(at: intake.readerIndex) else { return false }
        return intake.readableBytes >= 2 + Int(count)
    }

    private func nextQuery() -> ByteBuffer? {
        guard hasQuery, let count: UInt16 = intake.readInteger() else { return nil }
        let query = intake.readSlice(length: Int(count))
        if intake.readableBytes == 0 { intake.clear() }
        return query
    }

    private func read(_ wanted: Bool, _ context: ChannelHandlerContext) {
        guard wanted != isReading else { return }
        isReading = wanted
        do { try context.channel.syncOptions?.setOption(.autoRead, value: wanted) } catch {
            loop.note(error)
        }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else {
            return context.fireUserInboundEventTriggered(event)
        }
        isEnded = true
        // One that is closing ends with its last answer.
        if !isClosing { waitForTurn() }
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        loop.note(error)
        context.close(promise: nil)
    }

    // MARK: Its end

    /// Looks after this time whether a query has come meanwhile.
    private func wait(_ milliseconds: Int64) {
        let eventLoop = loop.eventLoop.assumeIsolated()
        patience = eventLoop.scheduleTask(in: .milliseconds(milliseconds)) { [weak self] in
            self?.lookWhetherIdle()
        }
    }

    private func lookWhetherIdle() {
        if isClosing {
            context?.close(promise: nil)
            return
        }
        let limits = loop.settings.limits
        let idle = (loop.eventLoop.now - heardAt).nanoseconds / 1_000_000
        let patience =
            queryCount == 0 ? limits.firstQueryMilliseconds : limits.idleMilliseconds
        if isWaiting {
            wait(limits.idleMilliseconds)
        } else if idle >= patience {
            close()
        } else {
            wait(patience - idle)
        }
    }

    /// Ends it when what was answered has gone out, or nobody takes it.
    /// - Parameter mode: `output`: what the client still sends is read and passed over, since a
    ///   socket that is closed over it would be reset, and answers be lost.
    func close(_ mode: CloseMode = .output) {
        guard !isClosing, let context else { return }
        isClosing = true
        intake.clear()
        patience?.cancel()
        wait(loop.settings.limits.idleMilliseconds)
        read(true, context)
        let channel = context.channel
        let nothing = wrapOutboundOut(channel.allocator.buffer(capacity: 0))
        context.writeAndFlush(nothing).whenComplete { _ in
            channel.close(mode: mode, promise: nil)
        }
    }
}
