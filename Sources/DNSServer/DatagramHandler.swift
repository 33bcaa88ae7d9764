import DNSProtocol
package import NIOCore

/// The queries that come as datagrams, all by one socket.
package final class DatagramHandler: ChannelInboundHandler {
    package typealias InboundIn = AddressedEnvelope<ByteBuffer>
    package typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    /// Asked for when the first query comes: the socket is bound before its loop is open.
    private lazy var loop = findLoop()
    private let findLoop: () -> DNSLoop
    private let unsentBytes: (any Channel) throws -> Int

    /// - Parameter unsentBytes: what a channel holds that the kernel did not take yet.
    package init(
        unsentBytes: @escaping (any Channel) throws -> Int = DatagramHandler.unsentBytes,
        findLoop: @escaping () -> DNSLoop
    ) {
        self.unsentBytes = unsentBytes
        self.findLoop = findLoop
    }

    package static func unsentBytes(_ channel: any Channel) throws -> Int {
        try channel.syncOptions?.getOption(.bufferedWritableBytes) ?? 0
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        // Nobody can be answered at port 0; the kernel would call it a fault of the socket.
        guard envelope.remoteAddress.port != 0 else { return }
        guard context.channel.isWritable || hasRoom(context) else { return loop.dropped() }
        guard let answer = loop.answer(envelope.data.readableBytesSpan, by: .datagram) else {
            return
        }
        let buffer = context.channel.allocator.buffer(bytes: answer)
        let reply = AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: buffer)
        // A client that is not there any more gets nothing, and needs nothing.
        context.write(wrapOutboundOut(reply), promise: nil)
    }

    /// Whether the kernel has taken enough of what waits. It is asked by bytes, since NIO leaves a
    /// channel unwritable whose last datagrams could not be sent at all.
    private func hasRoom(_ context: ChannelHandlerContext) -> Bool {
        context.flush()
        do {
            return try unsentBytes(context.channel) <= loop.settings.limits.unsentBytesMax
        } catch {
            loop.note(error)
            return false
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }

    /// What the kernel tells of a client that has gone concerns no other one.
    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        loop.note(error)
    }
}
