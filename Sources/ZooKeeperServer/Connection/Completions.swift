import Bytes
import Commands
import DequeModule
import Measures
import Replica
import Watches
import ZooKeeperProtocol

/// Answers to what was sent to the log, in the order in which it was asked.
extension ZooKeeperConnection {
    func settle(_ tag: UInt32, _ completion: Completion) {
        guard tag == firstTag else {
            early[tag] = completion
            return
        }
        finish(completion)
        while !early.isEmpty, let next = early.removeValue(forKey: firstTag) { finish(next) }
    }

    /// Events that need a look at the state before they are sent, and what came after them.
    func sendDeferred() {
        guard !deferred.isEmpty else { return }
        let waiting = deferred
        deferred = []
        for item in waiting {
            switch item {
            case .event(let event): if mayRead(event.acl) { send(event) }
            case .completion(let tag, let completion): settle(tag, completion)
            case .ended: if phase == .open || phase == .attaching { phase = .closing }
            }
        }
    }

    private func finish(_ completion: Completion) {
        guard let request = outstanding.popFirst() else { return }
        firstTag &+= 1
        outstandingBytes -= request.commandBytes
        if loop.watch.isOn { report(request, completion) }
        guard phase == .open || phase == .attaching else { return }
        prepareOut()
        let before = out.count
        switch completion {
        case .applied(let index, let outcome):
            answer(request, outcome, zxid: Int64(bitPattern: index))
        case .barrier(let index): synced(request, zxid: Int64(bitPattern: index))
        case .refused(let refusal): answer(request, refusal)
        }
        if out.count > before { finished(request, replyBytes: out.count - before) }
    }

    private func finished(_ request: Outstanding, replyBytes: Int) {
        let time = port.deliveredAt
        let took = UInt64(max(0, time - request.startMicroseconds))
        let latency = UInt32(clamping: took / 1_000)
        loop.note(deliveredAt: time)
        loop.times.writes.add(took)
        history.latency.add(latency)
        history.lastLatency = latency
        history.lastReplyAt = time / 1_000
        loop.traffic.latency.add(latency)
        if request.opcode != .createSession { countSent(replyBytes) }
    }

    private func answer(_ request: Outstanding, _ outcome: Outcome, zxid: Int64) {
        guard case .znode(let outcome) = outcome else { return drop() }
        let header = ReplyHeader(xid: request.xid, zxid: zxid)
        history.lastZxid = zxid
        switch outcome {
        case .failed(let error): failed(request, error, zxid: zxid)
        case .created(let path, let stat) where request.opcode == .create:
            _ = stat
            out.path(header, path.bytes.rawSpan)
        case .created(let path, let stat): out.pathAndStat(header, path.bytes.rawSpan, stat)
        case .deleted, .checked: out.plain(header)
        case .stat(let stat): out.stat(header, stat)
        case .multi(let results): multiAnswer(request, results, header)
        case .sessionCreated(let timeout), .sessionAttached(let timeout):
            sessionBegan(timeoutMilliseconds: timeout)
        case .sessionRefused: sessionRefused()
        case .sessionClosed, .expiryOutdated:
            out.plain(header)
            closeAfterReplies()
        }
    }

    private func failed(_ request: Outstanding, _ error: ZnodeError, zxid: Int64) {
        if request.opcode == .createSession { return sessionRefused() }
        out.plain(ReplyHeader(xid: request.xid, zxid: zxid, error: ErrorCode(error).rawValue))
    }

    /// Not from before what the client has been answered or told already.
    private func synced(_ request: Outstanding, zxid: Int64) {
        guard case .path(let path) = request.detail else { return drop() }
        let zxid = max(zxid, history.lastZxid)
        history.lastZxid = zxid
        out.path(ReplyHeader(xid: request.xid, zxid: zxid), path.rawSpan)
    }

    /// Where it is not known whether the request will still happen, the connection is closed:
    /// that is how ZooKeeper says so, and clients go to another server.
    private func answer(_ request: Outstanding, _ refusal: Refusal) {
        let code: ErrorCode
        switch refusal {
        case .noLeader, .timedOut, .stopping: return closeAfterReplies()
        case .diskFull: code = .systemError
        case .overloaded: code = .throttledOperation
        case .tooLarge: code = .badArguments
        case .unknownCommand: code = .unimplemented
        }
        if request.opcode == .createSession { return closeAfterReplies() }
        let zxid = Int64(bitPattern: port.deliveredIndex)
        out.plain(ReplyHeader(xid: request.xid, zxid: zxid, error: code.rawValue))
    }

    // MARK: Multi

    private func multiAnswer(
        _ request: Outstanding,
        _ results: [ZnodeOutcome],
        _ header: ReplyHeader
    ) {
        guard case .steps(let opcodes) = request.detail, opcodes.count == results.count else {
            return drop()
        }
        let hasFailed = results.contains { $0.error != nil }
        let mark = out.begin(header)
        for (opcode, result) in zip(opcodes, results) {
            if hasFailed {
                out.multiError(result.error?.code ?? 0)
            } else {
                step(opcode, result)
            }
        }
        out.multiHeader(.end)
        out.end(mark)
    }

    private func step(_ opcode: Opcode, _ result: ZnodeOutcome) {
        // The real server answers every create but the plain one as a create2.
        let shown: Opcode
        switch opcode {
        case .createContainer, .createTTL: shown = .create2
        default: shown = opcode
        }
        out.multiHeader(MultiHeader(opcode: shown.rawValue, isDone: false, error: 0))
        switch result {
        case .created(let path, let stat):
            out.juteBytes(path.bytes.rawSpan)
            if shown != .create { out.stat(stat) }
        case .stat(let stat): out.stat(stat)
        default: return
        }
    }
}

extension Completion {
    /// A barrier that was passed later than it stands counts from where it was passed: events up
    /// to there have been sent.
    func seen(at index: UInt64) -> Completion {
        guard case .barrier(let passed) = self else { return self }
        return .barrier(index: max(passed, index))
    }
}
