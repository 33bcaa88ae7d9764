import Commands
import Logging
import NIOCore
import Replica
import Watches
import ZooKeeperProtocol

/// Ties a `ZooKeeperConnection` to its channel: what happens to the socket, told on.
///
/// It is the last handler of its pipeline; TLS goes in front of it.
extension ZooKeeperConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { opened() }
    }

    func channelActive(context: ChannelHandlerContext) {
        opened()
        context.fireChannelActive()
    }

    private func opened() {
        guard slot.rawValue == .max else { return }
        slot = port.attach(self)
        header.client = .init(context?.remoteAddress)
        loop.add(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        phase = .closed
        release()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        release()
        self.context = nil
    }

    private func release() {
        guard slot.rawValue != .max else { return }
        port.unbind(session: session, from: slot)
        port.detach(slot)
        slot = .init(rawValue: .max)
        loop.remove(self)
        unparsed = ByteBuffer()
        outstanding.removeAll()
        outstandingBytes = 0
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        loop.traffic.bytesReceived += UInt64(buffer.readableBytes)
        receive(&buffer)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if slot.rawValue != .max, !out.isEmpty || phase == .closing || hasInputEnded {
            port.wantsTurnEnd(slot)
        }
        context.fireChannelReadComplete()
    }

    /// The channel asks for the next read; it has to wait while too much is under way.
    func read(context: ChannelHandlerContext) {
        if isReadPaused {
            wantsRead = true
        } else {
            context.read()
        }
    }

    /// The client says no more, and may still read. What it asked is done and answered, then the
    /// connection closes; the real server hangs up at once, and leaves it unknown what was done.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed {
            hasInputEnded = true
            sendOut()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            unwritableSince = 0
            if isStalled { resumeOutsideBurst() }
        } else {
            unwritableSince = loop.now
        }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        loop.logger.debug("connection failed", metadata: ["error": "\(error)"])
        close()
    }
}
