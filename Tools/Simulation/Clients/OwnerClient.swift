import Bytes
import ZooKeeperProtocol

/// The ephemeral znodes of a run, and when it became known that an owner's session is over.
struct Ephemerals {
    /// What their names begin with.
    static let prefix = "e"

    private(set) var paths: [String] = []
    private var ends: [String: Int64] = [:]

    mutating func add() -> String {
        let path = "/\(Self.prefix)\(paths.count)"
        paths.append(path)
        return path
    }

    mutating func ended(_ path: String, at time: Int64) { ends[path] = time }

    /// Whether the znode must be gone in whatever is asked from this moment on.
    func isOver(_ path: String, at time: Int64) -> Bool { ends[path].map { $0 <= time } ?? false }
}

/// A ZooKeeper client that owns an ephemeral znode as long as its session lives, and looks after
/// those of others. Its own is there whenever its session is answered; another's is gone in every
/// read behind a sync, once its session's end was acknowledged. Now and then it goes away for about
/// its session's timeout: once it was told that the session goes on, it has its whole time again.
final class OwnerClient: LinkOwner {
    private unowned let trial: Trial
    private let clients: Clients
    private var link: ClientLink?
    private var session = ZnodeSession(mutant: nil)
    private var isConnected = false
    private var current: Request?
    private let patience: Patience
    /// Its znode, created for sure or perhaps.
    private var own: (path: String, isCreated: Bool)?
    private var greeted: Int64 = 0
    /// How long its session lives for sure, and since when that is promised; nil: it may be closed.
    private var promise: (since: Int64, until: Int64)?
    private var isStopped = false

    private struct Request {
        enum Purpose { case create, look(String), close }
        var xid: Int32
        var purpose: Purpose
        var called: Int64
    }

    init(_ clients: Clients, trial: Trial) {
        self.clients = clients
        self.trial = trial
        patience = Patience(trial: trial, kind: 53, longest: 12_000_000)
    }

    func begin() { think() }

    /// Its session is left to expire.
    func stop() {
        isStopped = true
        link?.close()
    }

    private func think() {
        act(after: trial.dice.skewed(1_000...trial.settings.thinkMicroseconds))
    }

    private func act(after delay: Int64) {
        guard !isStopped else { return }
        trial.plan(at: trial.now + delay, kind: 52) { [unowned self] in act() }
    }

    // MARK: The connection

    private func act() {
        guard !isStopped, current == nil else { return }
        if link == nil || link?.isClosed == true {
            isConnected = false
            link = ClientLink(
                to: trial.dice.pick(trial.hosts),
                by: .zooKeeper,
                owner: self,
                in: trial
            )
            guard let link else { return think() }
            greeted = trial.now
            link.send(session.greeting())
        }
        isConnected ? ask() : wait()
    }

    private func wait() {
        patience.begin { [unowned self] in
            link?.close()
            disconnect()
        }
    }

    private func disconnect() {
        letGo()
        think()
    }

    private func letGo() {
        patience.end()
        link = nil
        isConnected = false
        current = nil
    }

    /// It comes back when its session is about to end, or has just ended.
    private func goAway() {
        link?.close()
        letGo()
        act(after: trial.dice.number(5_950_000...6_250_000))
    }

    func lost(_ link: ClientLink) {
        if link === self.link { disconnect() }
    }

    /// No node knows its session any more.
    private func sessionRefused() {
        if let promise, trial.now < promise.until, trial.lastClockJump < promise.since {
            let age = (trial.now - promise.since) / 1_000
            trial.oracle.fail("a session has ended, and was to go on \(age) ms before")
        }
        sessionEnded()
    }

    /// Its session is over; what it owned must go.
    private func sessionEnded() {
        promise = nil
        if let own { clients.ephemerals.ended(own.path, at: trial.now) }
        own = nil
        session.forget()
        link?.close()
        disconnect()
    }

    // MARK: Asking

    private func ask() {
        guard let link else { return }
        var writer = ByteWriter()
        current = choose(&writer)
        trial.tally.requests += 1
        link.send(writer.bytes)
        wait()
    }

    private func choose(_ writer: inout ByteWriter) -> Request {
        guard let own else { return create(&writer) }
        let draw = trial.dice.number(0...99)
        if draw < 12 { return close(&writer) }
        if draw < 50 || !own.isCreated { return look(own.path, &writer) }
        return look(trial.dice.pick(clients.ephemerals.paths), &writer)
    }

    private func create(_ writer: inout ByteWriter) -> Request {
        let path = clients.ephemerals.add()
        own = (path, false)
        let xid = session.nextXid()
        ClientRequest.create(xid: xid, path: path, data: [1], flags: 1, into: &writer)
        return Request(xid: xid, purpose: .create, called: trial.now)
    }

    private func look(_ path: String, _ writer: inout ByteWriter) -> Request {
        ClientRequest.frame(xid: session.nextXid(), .sync, into: &writer) { $0.juteText(path) }
        let xid = session.nextXid()
        ClientRequest.read(xid: xid, .exists, path: path, into: &writer)
        return Request(xid: xid, purpose: .look(path), called: trial.now)
    }

    private func close(_ writer: inout ByteWriter) -> Request {
        promise = nil
        let xid = session.nextXid()
        if trial.mutant == .keepsSessions {
            ClientRequest.frame(xid: xid, .ping, into: &writer)
            trial.plan(at: trial.now + 1_000, kind: 54) { [unowned self] in sessionEnded() }
        } else {
            ClientRequest.frame(xid: xid, .closeSession, into: &writer)
        }
        return Request(xid: xid, purpose: .close, called: trial.now)
    }

    // MARK: Answers

    func received(_ bytes: [UInt8], on link: ClientLink) {
        guard link === self.link else { return }
        session.add(bytes)
        do throws(JuteError) {
            while self.link === link, let frame = try session.next() { take(frame) }
        } catch { trial.oracle.fail("an answer that does not decode: \(error)") }
        if let violation = session.violation { trial.oracle.fail(violation) }
    }

    private func take(_ frame: ZnodeSession.Frame) {
        switch frame {
        case .connected(let reply):
            patience.end()
            if reply.session == 0 { return sessionRefused() }
            // The leader's clock may be fast by a tenth.
            let time = Int64(reply.timeoutMilliseconds) * 1_000 * 10 / 11
            promise = (greeted, greeted + time)
            isConnected = true
            think()
        case .reply(let xid, let error, _):
            guard let request = current else { return }
            guard request.xid == xid else {
                // The sync: without it a read shows what the node has.
                if error != 0 { current?.called = .min }
                return
            }
            current = nil
            patience.end()
            take(request, ErrorCode(rawValue: error), error)
            if isConnected { trial.dice.chance(40) ? goAway() : think() }
        }
    }

    private func take(_ request: Request, _ code: ErrorCode?, _ error: Int32) {
        switch (request.purpose, code) {
        case (_, .systemError), (_, .throttledOperation): return
        case (.create, .ok), (.create, .nodeExists): own?.isCreated = true
        case (.close, .ok): sessionEnded()
        case (.look(let path), .ok): saw(path, request)
        case (.look(let path), .noNode): missed(path, request)
        default: trial.oracle.fail("\(request.purpose) is answered with \(error)")
        }
    }

    private func saw(_ path: String, _ request: Request) {
        trial.tally.ephemeralsSeen += 1
        if path == own?.path { return own = (path, true) }
        if clients.ephemerals.isOver(path, at: request.called) {
            trial.oracle.fail("\(path) is there, though its session has ended")
        }
    }

    /// Its session lives, or nobody would have answered.
    private func missed(_ path: String, _ request: Request) {
        guard let own, path == own.path, request.called != .min else { return }
        if own.isCreated {
            trial.oracle.fail("\(path) is gone, though its session is alive")
        } else {
            self.own = nil
        }
    }
}
