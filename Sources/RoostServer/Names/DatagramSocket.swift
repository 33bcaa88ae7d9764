import DNSServer
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// The socket for all datagrams: the kernel gives it a whole burst of them in one call.
///
/// NIO closes it at any error of the kernel's about one datagram, such as that there is no route to
/// its sender or that a packet filter forbids it; others would get no answers any more. So it is
/// bound again, until it is closed here.
final class DatagramSocket: Sendable {
    private let host: String
    private let port: Int
    private let loop: any EventLoop
    private let names: NameLoops
    private let logger: Logger
    private let limits: DNSLimits
    private let pace = NoticePace()
    private let state = NIOLockedValueBox(State())

    private struct State {
        var channel: (any Channel)?
        /// Where it was bound; names are looked up once.
        var address: SocketAddress?
        /// Whether queries are taken in yet.
        var isAccepting = false
        var isClosed = false
    }

    init(
        _ host: String,
        _ port: Int,
        on loop: any EventLoop,
        _ names: NameLoops,
        _ limits: DNSLimits,
        _ logger: Logger
    ) {
        self.host = host
        self.port = port
        self.loop = loop
        self.names = names
        self.limits = limits
        self.logger = logger
    }

    /// Binds it; queries wait until `accept`.
    func open() async throws {
        let channel = try await bootstrap().bind(host: host, port: port).get()
        state.withLockedValue { state in
            state.channel = channel
            state.address = channel.localAddress
        }
    }

    func accept() async throws {
        let channel = state.withLockedValue { state in
            state.isAccepting = true
            return state.channel
        }
        try await channel?.setOption(.autoRead, value: true).get()
        channel?.closeFuture.whenComplete { [self] _ in openAgain() }
    }

    func close() async throws {
        let channel = state.withLockedValue { state in
            state.isClosed = true
            return state.channel
        }
        do { try await channel?.close() } catch ChannelError.alreadyClosed {
            logger.debug("the DNS port's socket for datagrams was closed already")
        }
    }

    /// At once: the kernel's error was about one datagram, and others come.
    private func openAgain() {
        let (isClosed, address) = state.withLockedValue { ($0.isClosed, $0.address) }
        guard !isClosed, let address else { return }
        tell("the DNS port's socket for datagrams failed, and is bound again", nil)
        bootstrap().bind(to: address).whenComplete { [self] result in opened(result, address) }
    }

    private func tell(_ text: Logger.Message, _ error: (any Error)?) {
        guard pace.isDue() else { return }
        var facts: Logger.Metadata = ["address": "\(host):\(port)"]
        if let error { facts["error"] = "\(error)" }
        logger.warning(text, metadata: facts)
    }

    private func opened(_ result: Result<any Channel, any Error>, _ address: SocketAddress) {
        switch result {
        case .failure(let error):
            tell("the DNS port's socket for datagrams cannot be bound; it is tried again", error)
            loop.scheduleTask(in: .milliseconds(limits.rebindMilliseconds)) { [self] in
                guard !state.withLockedValue(\.isClosed) else { return }
                bootstrap().bind(to: address).whenComplete { self.opened($0, address) }
            }
        case .success(let channel):
            let isClosed = state.withLockedValue { state in
                state.channel = channel
                return state.isClosed
            }
            guard !isClosed else { return channel.close(promise: nil) }
            channel.closeFuture.whenComplete { [self] _ in openAgain() }
        }
    }

    private func bootstrap() -> DatagramBootstrap {
        let count = limits.datagramsPerRead
        let bytes = count * limits.datagramBytesMax
        let unsent = ChannelOptions.Types.WriteBufferWaterMark(
            low: limits.unsentBytesMax / 2,
            high: limits.unsentBytesMax
        )
        return DatagramBootstrap(group: loop)
            .channelOption(.autoRead, value: state.withLockedValue(\.isAccepting))
            .channelOption(.socketOption(.so_rcvbuf), value: limits.datagramsKeptBytes)
            .channelOption(.writeBufferWaterMark, value: unsent)
            .channelOption(.datagramVectorReadMessageCount, value: count)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: bytes)
            )
            .channelInitializer { [names] channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = DatagramHandler { names.loop(of: channel) }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
    }
}
