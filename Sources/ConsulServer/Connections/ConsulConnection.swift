import Commands
import ConsulProtocol
import DequeModule
import Measures
import NIOCore
import NIOHTTP1
import Replica
import Watches

/// One client's connection: requests in their order, one at a time; what comes in meanwhile waits,
/// and when much waits the socket is not read. Nor is a request begun while the client leaves the
/// answers to earlier ones untaken.
///
/// Answers to commands come by `completed` and are written in `flush`; a blocked question is
/// answered by `Questions`. No buffer is kept between requests, so that a parked client costs
/// little more than its channel.
final class ConsulConnection: ChannelDuplexHandler, LoopClient {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// Kept as long as the connection: a server that stops lets go of the loop before its sockets.
    let loop: ConsulLoop
    /// Where the loop's table has it.
    var place = 0
    /// Where it waits for news, if it does.
    var waiting: Questions.Place?
    private var slot: ClientSlot?
    private var context: ChannelHandlerContext?
    private var phase = ConnectionPhase.idle
    /// The request that is coming in.
    private var exchange: Exchange?
    /// What the answer to the request in work must look like.
    private var shape = AnswerShape()
    /// Parts of later requests.
    private var later: Deque<HTTPServerRequestPart>?
    private var outgoing: ByteBuffer?
    private var tag: UInt32 = 0
    private var asked = Asked()
    private var trail = RequestTrail()
    private var readIsHeld = false
    /// As the channel said last.
    private var isWritable = true
    private var isFlushDue = false
    /// The client has closed its side.
    private var hasInputEnded = false
    private var isReading = false
    /// Whether this turn's bytes made parts of requests.
    private var hasParts = false
    private var clientAddress = ClientAddress.none
    /// Since when a request is awaited whose head is not there: the first one, or one whose first
    /// bytes have come; 0: none.
    private var headSince: Int64 = 0
    /// When the current request began to come in, or the current answer stopped going out.
    private var requestSince: Int64 = 0
    private var stall = WriteStall()

    init(loop: ConsulLoop) {
        self.loop = loop
    }

    // MARK: The channel

    func channelActive(context: ChannelHandlerContext) {
        activate(context)
        context.fireChannelActive()
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { activate(context) }
    }

    private func activate(_ context: ChannelHandlerContext) {
        guard slot == nil else { return }
        guard loop.connections.all.count < loop.limits.connectionsMax else {
            context.close(promise: nil)
            return
        }
        self.context = context
        clientAddress = context.channel.remoteAddress.map(ClientAddress.init(socket:)) ?? .none
        headSince = loop.port.clock.monotonic()
        slot = loop.port.attach(self)
        loop.connections.insert(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        deactivate()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deactivate()
    }

    private func deactivate() {
        guard let slot else { return }
        self.slot = nil
        endReading()
        loop.questions.leave(self, on: loop)
        loop.port.detach(slot)
        loop.connections.remove(self)
        context = nil
        phase = .closing
        exchange = nil
        later = nil
        outgoing = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        hasParts = true
        let part = unwrapInboundIn(data)
        if isBusy {
            later = later ?? Deque()
            later?.append(part)
        } else {
            receive(part)
        }
    }

    /// Whether a part that comes now must wait its turn.
    private var isBusy: Bool { later?.isEmpty == false || !takesParts }

    /// Whether the next part can be looked at. Between two requests that needs room for an answer;
    /// the rest of a request that has begun makes none.
    private var takesParts: Bool {
        switch phase {
        case .idle: hasRoomForAnswers
        case .receiving, .closing: true
        case .working: false
        }
    }

    private var hasRoomForAnswers: Bool {
        isWritable && (outgoing?.readableBytes ?? 0) < loop.limits.unsentBytesMax
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Bytes that are no part yet are the beginning of a head.
        if !hasParts, headSince == 0, later == nil, case .idle = phase {
            headSince = loop.port.clock.monotonic()
        }
        hasParts = false
        endReading()
        writeSoon()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if let later, later.count > loop.limits.pipelinedPartsMax {
            readIsHeld = true
        } else {
            context.read()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if later != nil, takesParts { flushSoon() }
        context.fireChannelWritabilityChanged()
    }

    /// The client says no more, and may still read: what it asked is answered. One that waits for
    /// news is let go, since this is also how a client that went away looks.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed {
            hasInputEnded = true
            closeIfAnswered()
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func closeIfAnswered() {
        guard hasInputEnded, later == nil else { return }
        switch phase {
        case .working(.news), .idle, .receiving: close()
        case .working, .closing: return
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A closed connection's half request is no news.
        if case .closing = phase { return }
        guard let error = error as? HTTPParserError else {
            context.close(promise: nil)
            return
        }
        refuseMalformed(error)
    }

    /// Begins reading the state, anew for each request: one that was sent ahead may have been sent
    /// after an answer that the snapshot of the one before it does not show.
    private func beginReading() -> Bool {
        endReading()
        isReading = loop.beginReading()
        return isReading
    }

    private func endReading() {
        guard isReading else { return }
        isReading = false
        loop.measureAnswered()
        loop.port.end()
    }

    // MARK: Requests

    private func receive(_ part: HTTPServerRequestPart) {
        switch part {
        case .head(let head):
            guard case .idle = phase else { return }
            begin(head)
        case .body(let bytes):
            guard case .receiving = phase else { return }
            if let refusal = exchange?.append(bytes) { refuse(refusal) }
        case .end:
            guard case .receiving = phase else { return }
            requestSince = 0
            phase = .idle
            if let complete = exchange.take() { dispatch(complete) }
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        loop.counts.requests += 1
        asked = Asked(began: loop.port.clock.microseconds())
        requestSince = asked.began / 1_000
        headSince = 0
        if loop.watch.isTracing { trail.begin(head.headers, &asked, on: loop) }
        switch Exchange.begin(head, limits: loop.limits) {
        case .proceed(let begun):
            phase = .receiving
            shape = begun.shape
            exchange = begun
            if begun.wantsContinue {
                append(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
                writeOut()
            }
        case .refuse(let answer):
            phase = .receiving
            refuse(answer)
        case .bare(let text):
            append(ByteBuffer(string: text))
            close(whileSending: true)
        }
    }

    /// Answers at once and closes: the rest of the request is not read.
    private func refuse(_ answer: Answer) {
        var answer = answer
        answer.head.connection = .close
        loop.counts.errors += 1
        write(answer)
        close(whileSending: true)
    }

    private func refuseMalformed(_ error: HTTPParserError) {
        if case .working = phase { return close() }
        if later != nil { return close() }
        if case .receiving = phase, exchange?.isChunked == true {
            return refuse(.text(500, "invalid byte in chunk length"))
        }
        append(ByteBuffer(string: Exchange.bareAnswer(to: error)))
        close(whileSending: true)
    }

    private func dispatch(_ exchange: Exchange) {
        guard beginReading() else { return finish(.text(500, "state is not readable")) }
        guard var request = exchange.request else { return finish(exchange.answer) }
        request.body = exchange.body
        request.client = clientAddress
        asked.note(request)
        if loop.watch.isOn { trail.note(request) }
        perform(Dispatch.step(request, on: loop))
    }

    private func perform(_ step: Step) {
        switch step {
        case .answer(let answer):
            asked.kind = .read
            finish(answer)
        case .propose(let payloads, let continuation):
            guard let slot else { return }
            asked.kind = .write
            tag &+= 1
            phase = .working(.commands(left: payloads.count, continuation))
            for payload in payloads { loop.port.propose(payload, from: slot, tag: tag) }
        case .ask(let question, let options):
            loop.counts.queries += 1
            asked.kind = .read
            let wait = loop.wait(for: options.consistency)
            if case .nothing = wait { return ask(question, options) }
            passBarrier(wait, .question(question, options))
        case .wait(let request, let consistency):
            asked.kind = .read
            passBarrier(loop.wait(for: consistency), .request(request, consistency))
        case .operate(let request): operate(.json) { $0.operate(request, $1) }
        case .export(let isStale): export(isStale)
        case .collect(let format):
            operate(format == .json ? .json : .prometheus) { $0.collect(format, $1) }
        }
    }

    /// Has somebody else answer, on another thread.
    private func operate(
        _ content: AnswerHead.Content,
        _ work: (ConsulSettings, @escaping @Sendable (OperatorAnswer) -> Void) -> Void
    ) {
        guard let context else { return }
        tag &+= 1
        phase = .working(.operation(content))
        let current = tag
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let limit = TimeAmount.milliseconds(loop.limits.operationMillisecondsMax)
        let timeout = context.eventLoop.scheduleTask(in: limit) {
            bound.value.operated(.failure(500, "the leader does not answer"), tag: current)
        }
        work(loop.settings) { answer in
            timeout.cancel()
            bound.eventLoop.execute { bound.value.operated(answer, tag: current) }
        }
    }

    private func operated(_ result: OperatorAnswer, tag: UInt32) {
        guard tag == self.tag, case .working(.operation(let content)) = phase else {
            return
        }
        var answer = Answer.text(result.status, String(decoding: result.body, as: UTF8.self))
        if result.status == 200 { answer.head.content = content }
        // How long others took is not this loop's to tell.
        asked = Asked()
        answerNow(answer)
    }

    private func export(_ isStale: Bool) {
        guard let context else { return }
        phase = .working(.export)
        ExportPump(context.channel, loop) { [weak self] step in
            guard let self, case .working(.export) = phase else { return }
            switch step {
            case .refused(let answer): answerNow(answer)
            case .begins(var head):
                shape.apply(to: &head)
                write(head)
                writeOut()
            case .ended:
                phase = .idle
                if loop.isRetiring || shape.connection == .close { close() } else { flush() }
            }
        }.start(isStale: isStale)
    }

    private func passBarrier(_ wait: ConsulLoop.Wait, _ inquiry: Inquiry) {
        guard let slot else { return }
        tag &+= 1
        let ledTerm = loop.status.isLeader ? loop.status.term : nil
        phase = .working(.barrier(inquiry, ledTerm: ledTerm))
        requestSince = loop.port.clock.monotonic()
        switch wait {
        case .catchUp: loop.port.catchUp(from: slot, tag: tag)
        case .barrier, .nothing: loop.port.barrier(from: slot, tag: tag)
        }
    }

    private func ask(_ question: Question, _ options: ReadOptions) {
        let evaluation = Evaluator.evaluate(question, on: loop)
        let isNew = options.index == 0 || max(1, evaluation.index) > options.index
        if isNew || evaluation.answer.head.status >= 500 {
            return finish(evaluation.answer)
        }
        let jitterMax = UInt64(max(1, options.waitMilliseconds / loop.limits.waitJitterDivisor))
        let wait = options.waitMilliseconds + Int64(loop.random() % jitterMax)
        phase = .working(.news)
        asked.kind = .waiting
        if !asked.isTraced { trail = RequestTrail() }
        let isWaiting = loop.questions.wait(
            self,
            for: question,
            above: options.index,
            milliseconds: wait,
            latest: evaluation,
            on: loop
        )
        if !isWaiting { finish(evaluation.answer) }
    }

    /// What is known of this request, if the connection has not turned to another one.
    func trail(of asked: Asked) -> RequestTrail? {
        self.asked.began == asked.began ? trail : nil
    }

    // MARK: Answers

    /// - Parameter time: when it was there, in microseconds; nil: in this burst.
    private func finish(_ answer: Answer, at time: Int64? = nil) {
        var answer = answer
        if loop.isRetiring { shape.connection = .close }
        shape.apply(to: &answer)
        if answer.head.status >= 500 { loop.counts.errors += 1 }
        asked.connection = place
        let end = time ?? (asked.isTraced ? loop.port.clock.microseconds() : nil)
        if let end { loop.measure(asked, trail, at: end) } else { loop.unmeasured.append(asked) }
        phase = .idle
        write(answer)
        if answer.head.connection == .close { close() }
    }

    /// Answers a client that waited for news, which came at `time` (microseconds).
    func answerWaiting(_ shared: SharedAnswer, at time: Int64) {
        guard case .working(.news) = phase else { return }
        if shape.takesPlain, !loop.isRetiring {
            phase = .idle
            loop.measure(asked, trail, at: time)
            append(shared.plain)
        } else {
            finish(shared.answer, at: time)
        }
        writeSoon()
        if later != nil { flushSoon() }
    }

    /// Not from here: others may be waiting for the same answer, or for their bytes to be written.
    private func flushSoon() {
        guard !isFlushDue, let context else { return }
        isFlushDue = true
        context.eventLoop.assumeIsolated().execute {
            self.isFlushDue = false
            self.flush()
        }
    }

    /// Ends what is in work with an answer that is not the replica's.
    private func answerNow(_ answer: Answer) {
        phase = .working(.answered(answer, at: loop.port.clock.microseconds()))
        flush()
    }

    private func write(_ answer: Answer) {
        var buffer = outgoing ?? context?.channel.allocator.buffer(capacity: 512) ?? ByteBuffer()
        outgoing = nil
        AnswerEncoder.encode(answer, on: loop, into: &buffer)
        outgoing = buffer
    }

    private func append(_ bytes: ByteBuffer) {
        guard outgoing != nil else {
            outgoing = bytes
            return
        }
        outgoing?.writeImmutableBuffer(bytes)
    }

    private func writeSoon() {
        if outgoing != nil, let slot { loop.port.wantsTurnEnd(slot) }
    }

    func turnEnded() {
        writeOut()
        if later != nil, takesParts { flushSoon() }
    }

    private func writeOut() {
        guard let context, let bytes = outgoing else { return }
        outgoing = nil
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    /// Closes when what was written is out. While a client may still be sending, only our side is
    /// closed at first: a full close would reset the connection, and the answer with it.
    private func close(whileSending: Bool = false) {
        phase = .closing
        exchange = nil
        later = nil
        guard let context else { return }
        let bytes = outgoing ?? ByteBuffer()
        outgoing = nil
        let channel = context.channel
        let written = context.writeAndFlush(wrapOutboundOut(bytes))
        guard whileSending else {
            written.whenComplete { _ in channel.close(promise: nil) }
            return
        }
        written.flatMap { channel.close(mode: .output) }.whenFailure { _ in
            channel.close(promise: nil)
        }
        let linger = TimeAmount.milliseconds(loop.limits.lingerMilliseconds)
        context.eventLoop.scheduleTask(in: linger) { channel.close(promise: nil) }
    }

    // MARK: The replica

    func completed(tag: UInt32, _ completion: Completion) {
        guard tag == self.tag, case .working(let work) = phase, let slot else {
            return
        }
        switch (work, completion) {
        case (.commands(let left, let continuation), .applied(let index, let outcome)):
            asked.index = index
            let answer = Conclusion.answer(outcome, index: index, continuation, on: loop)
            let isLast = left == 1 || answer.head.status >= 400
            phase = .working(
                isLast
                    ? .answered(answer, at: loop.port.deliveredAt)
                    : .commands(left: left - 1, continuation)
            )
            guard isLast else { return }
        case (.barrier(let inquiry, let ledTerm), .barrier):
            phase = .working(.passed(inquiry, ledTerm: ledTerm))
        case (_, .refused(let refusal)):
            let answer = Conclusion.answer(refusal)
            phase = .working(.answered(answer, at: loop.port.deliveredAt))
        default: return
        }
        loop.port.wantsFlush(slot)
    }

    func watchFired(_ event: ZnodeWatchEvent) {}

    func sessionEnded(_ reason: SessionEnd) {}

    func flush() {
        resume()
        while takesParts, let part = later?.popFirst() { receive(part) }
        if later?.isEmpty == true { later = nil }
        endReading()
        writeSoon()
        if readIsHeld, later == nil {
            readIsHeld = false
            context?.read()
        }
        closeIfAnswered()
    }

    /// Goes on with what an answer of the replica has made possible.
    private func resume() {
        guard case .working(let work) = phase else { return }
        switch work {
        case .answered(let answer, let time): finish(answer, at: time)
        case .passed(let inquiry, let ledTerm): passed(inquiry, ledTerm)
        case .commands, .barrier, .news, .operation, .export: return
        }
    }

    private func passed(_ inquiry: Inquiry, _ ledTerm: UInt64?) {
        if inquiry.consistency == .consistent {
            let waited = loop.port.deliveredAt - asked.began
            loop.counts.consistentTimes.add(UInt64(max(0, waited)))
        }
        guard beginReading() else { return finish(.text(500, "state is not readable")) }
        // A leader's own barrier shows that its term's first entry is applied; one that it
        // asked for as somebody's follower shows nothing of its term.
        if loop.status.isLeader, let ledTerm, ledTerm == loop.status.term {
            loop.servingTerm = ledTerm
        }
        switch inquiry {
        case .question(let question, let options): ask(question, options)
        case .request(var request, _):
            request.hasWaited = true
            perform(Dispatch.step(request, on: loop))
        }
    }

    // MARK: Bounds in time

    /// Closes a connection whose client sends too slowly or takes nothing of its answer.
    func checkProgress(now: Int64) {
        guard let context else { return }
        if case .receiving = phase, requestSince > 0,
            now - requestSince > loop.limits.requestMillisecondsMax
        {
            return context.close(promise: nil)
        }
        if case .idle = phase, headSince > 0, now - headSince > loop.limits.requestMillisecondsMax {
            return context.close(promise: nil)
        }
        if case .working(.barrier) = phase, let reason = loop.port.status.whyUnserving {
            tag &+= 1
            return answerNow(.text(500, reason))
        }
        if case .working(.barrier) = phase, now - requestSince > loop.limits.barrierMillisecondsMax
        {
            tag &+= 1
            asked = Asked()
            return answerNow(.text(500, "rpc error: the leader did not answer in time"))
        }
        let stalled = stall.duration(of: context.channel, now: now)
        if stalled > loop.limits.stalledWriteMillisecondsMax { context.close(promise: nil) }
    }

    /// One that owes nothing is closed; the others close with their answer.
    func retire() {
        guard case .idle = phase, later == nil else { return }
        close()
    }

    func closeForShutdown() {
        context?.close(promise: nil)
    }
}
