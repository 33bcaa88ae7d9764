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
    private var deadline: Scheduled<Void>?
    private var isReading = true
    private var isClosing = false

    package init(loop: DNSLoop) {
        self.loop = loop
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.insert(self)
        wait(loop.settings.limits.firstQueryMilliseconds)
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
        self.context = nil
        loop.remove(self)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isClosing { return }
        var more = unwrapInboundIn(data)
        intake.writeBuffer(&more)
        answerAll(context)
    }

    /// Answers that a client does not take are not made: its queries wait in `intake`, which grows
    /// by one read at most.
    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable, !isClosing else { return }
        answerAll(context)
    }

    private func answerAll(_ context: ChannelHandlerContext) {
        while context.channel.isWritable,
            let count: UInt16 = intake.getInteger(at: intake.readerIndex),
            let query = intake.getSlice(at: intake.readerIndex + 2, length: Int(count))
        {
            intake.moveReaderIndex(forwardBy: 2 + Int(count))
            wait(loop.settings.limits.idleMilliseconds)
            if let answer = loop.answer(query.readableBytesSpan, by: .stream) {
                var buffer = context.channel.allocator.buffer(capacity: 2 + answer.count)
                buffer.writeInteger(UInt16(answer.count))
                buffer.writeBytes(answer)
                context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
            }
            queryCount += 1
            if queryCount == loop.settings.limits.queriesPerConnectionMax { return close() }
        }
        intake.discardReadBytes()
        read(context.channel.isWritable, context)
    }

    private func read(_ wanted: Bool, _ context: ChannelHandlerContext) {
        guard wanted != isReading else { return }
        isReading = wanted
        do { try context.channel.syncOptions?.setOption(.autoRead, value: wanted) } catch {
            loop.note(error)
        }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            return isClosing ? context.close(promise: nil) : close(.all)
        }
        context.fireUserInboundEventTriggered(event)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        loop.note(error)
        context.close(promise: nil)
    }

    private func wait(_ milliseconds: Int64) {
        deadline?.cancel()
        deadline = loop.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
            [weak self] in
            guard let self else { return }
            if isClosing { context?.close(promise: nil) } else { close() }
        }
    }

    /// Ends it when what was answered has gone out, or nobody takes it.
    /// - Parameter mode: `output`: what the client still sends is read and passed over, since a
    ///   socket that is closed over it would be reset, and answers be lost.
    func close(_ mode: CloseMode = .output) {
        guard !isClosing, let context else { return }
        isClosing = true
        let channel = context.channel
        wait(loop.settings.limits.idleMilliseconds)
        read(true, context)
        let nothing = wrapOutboundOut(channel.allocator.buffer(capacity: 0))
        context.writeAndFlush(nothing).whenComplete { _ in
            channel.close(mode: mode, promise: nil)
        }
    }
}
