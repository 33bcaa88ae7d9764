import Bytes
import Commands
import DequeModule
import NIOCore
import Replica
import Watches
import ZooKeeperProtocol

/// One client's connection: bytes in, requests in order, answers and events out.
///
/// Frames are parsed in place. A request that changes something goes to the log and is
/// `outstanding`; one that reads is answered at once if nothing is outstanding, and otherwise
/// stays unparsed, with all that follows it, until the writes before it are answered. So a client's
/// requests take effect and are answered in the order in which it sent them.
///
/// The extensions of this type: `FrameIntake` (from bytes to requests), `Handshake`, `Writes` and
/// `Completions`, `Reads`, `WatchRequests`, `Authentication`, `FourLetterAnswers`.
final class ZooKeeperConnection: LoopClient {
    let loop: ZooKeeperLoop
    let frontEnd: ZooKeeperFrontEnd
    var context: ChannelHandlerContext?
    var slot = ClientSlot(rawValue: .max)
    var phase = Phase.greeting

    /// Received and not yet parsed; empty (and without memory) when the client is idle.
    var unparsed = ByteBuffer()
    /// Whether the first frame in `unparsed` waits for `outstanding`.
    var isStalled = false
    /// When what is being parsed came, or the first of what waits; and when bytes last came.
    var arrivedAt: Int64 = 0
    var receivedAt: Int64 = 0
    var isReadPaused = false
    var wantsRead = false
    /// The client has closed its side.
    var hasInputEnded = false
    var out = ReplyBuffer()
    var outstanding = Deque<Outstanding>()
    /// Of their commands.
    var outstandingBytes = 0
    /// The tag of the first of `outstanding`; the others' follow it.
    var firstTag: UInt32 = 0
    /// What came while an event before it waits for a look at the state; see `flush`.
    var deferred: [Deferred] = []
    /// Answers that came before those of earlier requests.
    var early: [UInt32: Completion] = [:]

    var header = CommandHeader()
    var password: [UInt8] = []
    var identities = IdentityList.none
    var timeoutMilliseconds: Int32 = 0
    var sendsReadOnly: Bool? = false
    var history: History
    var lastTouch: Int64 = 0
    /// Whether the channel closes as soon as it is written.
    var isLastWritten = false
    /// Since when the client has not taken what was sent; 0: it has.
    var unwritableSince: Int64 = 0

    enum Phase {
        /// Nothing was received: a connect request or a four-letter word is expected.
        case greeting
        /// The session is being created or attached.
        case attaching
        case open
        /// A four-letter word was asked, and is being answered.
        case reporting
        /// Nothing more is read; what is written is still sent.
        case closing
        case closed
    }

    /// A request that the log has.
    struct Outstanding {
        var xid: Int32
        var opcode: Opcode
        /// When it came.
        var startMicroseconds: Int64
        var detail: Detail
        /// The command's length; 0 for a sync.
        var commandBytes = 0
        /// The command, where somebody may want to be told of it; else empty.
        var payload: [UInt8] = []
        var isTraced = false

        enum Detail {
            case none
            /// sync's path, which it answers.
            case path([UInt8])
            /// What each step of a multi was.
            case steps([Opcode])
        }
    }

    enum Deferred {
        case event(ZnodeWatchEvent)
        case completion(UInt32, Completion)
        /// The session has ended.
        case ended
    }

    /// What `cons` shows.
    struct History {
        var received: UInt64 = 0
        var sent: UInt64 = 0
        var establishedMilliseconds: Int64
        var connectedAt: Int64
        var lastOpcode: Opcode?
        var lastXID: Int32 = 0
        var lastZxid: Int64 = 0
        var lastReplyAt: Int64 = 0
        var lastLatency: UInt32 = 0
        var latency = LatencyCounts()
    }

    init(loop: ZooKeeperLoop, frontEnd: ZooKeeperFrontEnd) {
        self.loop = loop
        self.frontEnd = frontEnd
        let wall = loop.port.clock.wall()
        history = History(establishedMilliseconds: wall, connectedAt: loop.now)
    }

    var port: LoopPort { loop.port }
    var limits: ZooKeeperLimits { loop.settings.limits }
    var session: SessionID { header.session }

    // MARK: LoopClient

    func completed(tag: UInt32, _ completion: Completion) {
        port.wantsFlush(slot)
        let completion = completion.seen(at: port.deliveredIndex)
        if deferred.isEmpty {
            settle(tag, completion)
        } else {
            deferred.append(.completion(tag, completion))
        }
    }

    func watchFired(_ event: ZnodeWatchEvent) {
        port.wantsFlush(slot)
        if deferred.isEmpty, event.acl.isWorldReadable {
            send(event)
        } else {
            deferred.append(.event(event))
        }
    }

    func sessionEnded(_ reason: SessionEnd) {
        guard phase == .open || phase == .attaching else { return }
        port.wantsFlush(slot)
        if deferred.isEmpty { phase = .closing } else { deferred.append(.ended) }
    }

    func flush() {
        sendDeferred()
        if phase != .closing, phase != .closed, isStalled { resume() }
        if slot.rawValue != .max { port.wantsTurnEnd(slot) }
    }

    func turnEnded() { sendOut() }

    // MARK: Out

    /// Makes sure that there is memory to write into.
    func prepareOut() {
        if !out.isLent { out.lend(loop.takeBuffer()) }
    }

    func send(_ event: ZnodeWatchEvent) {
        prepareOut()
        let before = out.count
        let zxid = Int64(bitPattern: event.zxid)
        out.event(kind: event.kind.rawValue, path: event.path.bytes.rawSpan, zxid: zxid)
        loop.traffic.eventBytesSent &+= UInt64(out.count - before)
        countSent(out.count - before)
    }

    func countSent(_ bytes: Int) {
        history.sent += 1
        loop.traffic.sent(replyBytes: bytes)
    }

    /// Hands to the socket what has been written since the last time, and closes if it is time.
    func sendOut() {
        guard let context, phase != .closed, !isLastWritten else { return }
        if hasInputEnded, hasAnsweredAll { closeAfterReplies() }
        if phase == .closing { return sendLast(context) }
        sendSome()
        watchBacklog(context.channel)
    }

    /// Hands over what has been written so far, between two requests.
    func sendSome() {
        guard let context, !out.isEmpty else { return }
        var bytes = out.take()
        context.writeAndFlush(NIOAny(bytes), promise: nil)
        loop.giveBack(&bytes)
    }

    private var hasAnsweredAll: Bool {
        outstanding.isEmpty && !isStalled && (phase == .open || phase == .greeting)
    }

    /// Closes when the socket has taken what was written; closing at once would drop the rest.
    private func sendLast(_ context: ChannelHandlerContext) {
        isLastWritten = true
        let written = context.writeAndFlush(NIOAny(out.take()))
        written.assumeIsolated().whenComplete { _ in self.close() }
    }

    // MARK: A client that does not read

    private func watchBacklog(_ channel: any Channel) {
        if channel.isWritable {
            unwritableSince = 0
            return
        }
        if unwritableSince == 0 { unwritableSince = loop.now }
        let waiting = try? channel.syncOptions?.getOption(.bufferedWritableBytes)
        if (waiting ?? 0) > limits.unsentBytesMax * 2, !canStillDrain { drop() }
    }

    /// A single answer may be larger than the bound (a node with many children); it is given its
    /// time. Events that pile up are not.
    private var canStillDrain: Bool {
        loop.now - unwritableSince < limits.unsentMilliseconds / 10
    }

    func checkPatience(at time: Int64) {
        if phase == .greeting || phase == .attaching {
            guard time - history.connectedAt >= limits.sessionlessMilliseconds else { return }
            loop.traffic.sessionlessExpired += 1
            return close()
        }
        if unwritableSince > 0, time - unwritableSince >= limits.unsentMilliseconds { drop() }
    }

    /// Closes without waiting for what is unsent.
    func drop() {
        loop.traffic.connectionsDropped += 1
        close()
    }

    func close() {
        guard phase != .closed else { return }
        phase = .closed
        context?.close(promise: nil)
    }

    /// As if the client had said that it asks no more.
    func retire() {
        hasInputEnded = true
        isStalled = false
        sendOut()
    }

    /// Closes after what has been written so far.
    func closeAfterReplies() {
        guard phase != .closed else { return }
        phase = .closing
    }
}
