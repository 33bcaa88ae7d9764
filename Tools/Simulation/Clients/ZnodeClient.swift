import Bytes
import Commands
import ZooKeeperProtocol

/// A ZooKeeper client with a session that moves between nodes as connections break.
///
/// It creates, sets and reads a few shared znodes. Reads follow a sync in the same packet, which
/// makes them linearizable; plain reads set watches and are judged by the session's promises alone.
final class ZnodeClient: LinkOwner {
    private unowned let trial: Trial
    private let clients: Clients
    private var link: ClientLink?
    private var session: ZnodeSession
    private var isConnected = false
    private var current: Request?
    private let patience: Patience
    /// What was last seen of each znode: the value, and its version.
    private var seen: [Int: (value: Int64, version: Int32)] = [:]
    /// The node that it keeps to; nil: any.
    private let home: Host?
    /// What it is to read once, the last first; nil: it does what it likes until it is stopped.
    private var agenda: [Int]?
    private var isStopped = false

    private struct Request {
        var xid: Int32
        var key: Int
        var path: String
        var opcode: Opcode
        var setsWatch = false
        /// Nil: a read that only the session's promises are about.
        var operation: Register.Operation?
    }

    init(_ clients: Clients, trial: Trial, home: Host? = nil, agenda: [Int]? = nil) {
        self.trial = trial
        self.clients = clients
        self.home = home
        self.agenda = agenda
        session = ZnodeSession(mutant: trial.mutant)
        patience = Patience(trial: trial, kind: 51, longest: 12_000_000)
    }

    var isIdle: Bool { current == nil }
    var isDone: Bool { isIdle && agenda?.isEmpty != false }

    func begin() { think() }

    func stop() { isStopped = true }

    /// False: it has no connection.
    func drop() -> Bool {
        let isConnected = link?.isClosed == false
        link?.close()
        disconnect()
        return isConnected
    }

    private func think() {
        guard !isStopped else { return }
        let longest = agenda == nil ? trial.settings.thinkMicroseconds : 2_000
        let delay = trial.dice.skewed(1_000...longest)
        trial.plan(at: trial.now + delay, kind: 50) { [unowned self] in act() }
    }

    // MARK: The connection

    private func act() {
        guard !isStopped, current == nil, agenda?.isEmpty != true else { return }
        if link == nil || link?.isClosed == true {
            isConnected = false
            let host = home ?? trial.dice.pick(trial.hosts)
            link = ClientLink(to: host, by: .zooKeeper, owner: self, in: trial)
            guard let link else { return think() }
            link.send(session.greeting())
        }
        isConnected ? ask() : wait()
    }

    /// Has the connection given up if nothing comes of it.
    private func wait() {
        patience.begin { [unowned self] in _ = drop() }
    }

    private func disconnect() {
        patience.end()
        link = nil
        isConnected = false
        if let request = current {
            current = nil
            trial.tally.unanswered += 1
            if let operation = request.operation {
                clients.record(operation, key: clients.znodeKey(request.key))
            }
        }
        think()
    }

    func lost(_ link: ClientLink) {
        if link === self.link { disconnect() }
    }

    // MARK: Asking

    private func ask() {
        guard let link else { return }
        let key = agenda?.last ?? clients.key()
        var writer = ByteWriter()
        let path = "/z\(key)"
        let request =
            agenda == nil ? choose(key, path, &writer) : lookSynced(key, path, &writer)
        current = request
        trial.tally.requests += 1
        link.send(writer.bytes)
        wait()
    }

    private func choose(_ key: Int, _ path: String, _ writer: inout ByteWriter) -> Request {
        let known = seen[key]
        let draw = trial.dice.number(0...99)
        if draw < 30 { return look(key, path, &writer) }
        if draw < 55 { return lookSynced(key, path, &writer) }
        let value = clients.nextValue()
        let data = Array("\(value)".utf8)
        let xid = session.nextXid()
        guard let known else {
            ClientRequest.create(xid: xid, path: path, data: data, into: &writer)
            let kind = Register.Operation.Kind.swap(expected: 0, new: value)
            return request(xid, key, path, .create, kind)
        }
        let isConditional = draw < 80
        ClientRequest.setData(
            xid: xid,
            path: path,
            data: data,
            version: isConditional ? known.version : -1,
            into: &writer
        )
        let kind: Register.Operation.Kind =
            isConditional ? .swap(expected: known.value, new: value) : .write(value)
        return request(xid, key, path, .setData, kind)
    }

    private func request(
        _ xid: Int32,
        _ key: Int,
        _ path: String,
        _ opcode: Opcode,
        _ kind: Register.Operation.Kind
    ) -> Request {
        let operation = Register.Operation(kind: kind, called: trial.now)
        return Request(xid: xid, key: key, path: path, opcode: opcode, operation: operation)
    }

    /// Reads what the node has, with a watch.
    private func look(_ key: Int, _ path: String, _ writer: inout ByteWriter) -> Request {
        let xid = session.nextXid()
        ClientRequest.read(xid: xid, .getData, path: path, watch: true, into: &writer)
        return Request(xid: xid, key: key, path: path, opcode: .getData, setsWatch: true)
    }

    private func lookSynced(_ key: Int, _ path: String, _ writer: inout ByteWriter) -> Request {
        ClientRequest.frame(xid: session.nextXid(), .sync, into: &writer) { $0.juteText(path) }
        let xid = session.nextXid()
        ClientRequest.read(xid: xid, .getData, path: path, into: &writer)
        return request(xid, key, path, .getData, .read)
    }

    // MARK: Answers

    func received(_ bytes: [UInt8], on link: ClientLink) {
        guard link === self.link else { return }
        session.add(bytes)
        let events = session.eventCount
        do throws(JuteError) {
            while let frame = try session.next() { try take(frame) }
        } catch { trial.oracle.fail("an answer that does not decode: \(error)") }
        trial.tally.watchEvents += session.eventCount - events
        if let violation = session.violation { trial.oracle.fail(violation) }
    }

    private func take(_ frame: ZnodeSession.Frame) throws(JuteError) {
        switch frame {
        case .connected(let reply):
            patience.end()
            if reply.session == 0 {
                session.forget()
                link?.close()
                return disconnect()
            }
            trial.tally.sessions += 1
            isConnected = true
            think()
        case .reply(let xid, let error, let body):
            guard let request = current else { return }
            guard request.xid == xid else { return takeSync(error) }
            current = nil
            patience.end()
            try take(request, error, body)
            try session.takeLateEvents()
            think()
        }
    }

    private func take(_ request: Request, _ error: Int32, _ body: [UInt8]) throws(JuteError) {
        trial.note(UInt64(bitPattern: Int64(error)) ^ UInt64(request.key))
        var observed: Int64 = 0
        if error == 0, request.opcode == .getData {
            observed = try look(at: body, request)
        } else if error == 0, request.opcode == .setData {
            var reader = JuteReader(body.rawSpan)
            let stat = try Stat(&reader)
            session.saw(request.path, mzxid: Int64(clamping: stat.mzxid))
        }
        let told = outcome(of: request.operation ?? Self.plainRead, error, observed)
        guard let operation = request.operation else { return }
        if told != nil { _ = agenda?.popLast() }
        clients.record(told ?? operation, key: clients.znodeKey(request.key))
    }

    /// A read after a sync that failed shows what the node has, and no more.
    private func takeSync(_ error: Int32) {
        guard error != 0 else { return }
        if !Self.isRefusal(error) { trial.oracle.fail("a sync is answered with \(error)") }
        current?.operation = nil
    }

    /// What a read shows: it must fit what the session saw and was told before.
    private func look(at body: [UInt8], _ request: Request) throws(JuteError) -> Int64 {
        var reader = JuteReader(body.rawSpan)
        let data = try reader.copiedBuffer()
        let stat = try Stat(&reader)
        guard let value = Int64(String(decoding: data, as: UTF8.self)) else {
            trial.oracle.fail("\(request.path) holds what nobody wrote")
            return 0
        }
        session.saw(request.path, mzxid: Int64(clamping: stat.mzxid))
        if request.setsWatch { session.watch(request.path, seen: Int64(clamping: stat.mzxid)) }
        seen[request.key] = (value, stat.version)
        clients.sawVersion(
            value,
            at: Int64(clamping: stat.mzxid),
            key: clients.znodeKey(request.key)
        )
        return value
    }

    /// What the answer says about the register; nil: nothing is known.
    private func outcome(
        of operation: Register.Operation,
        _ error: Int32,
        _ observed: Int64
    ) -> Register.Operation? {
        var told = operation
        told.returned = trial.now
        switch (operation.kind, error) {
        case (_, -101):
            // There is no such znode, which is what a read would have seen.
            told.kind = .read
        case (.read, 0): told.observed = observed
        case (.write, 0): break
        case (.swap, 0): told.succeeded = true
        case (.swap, -103), (.swap, -110): told.succeeded = false
        default:
            if !Self.isRefusal(error) {
                trial.oracle.fail("\(operation.kind) of a znode is answered with \(error)")
            }
            return nil
        }
        return told
    }

    private static let plainRead = Register.Operation(kind: .read, called: 0)

    /// The disk is full, or too much waits. That the outcome is unknown a server says by closing
    /// the connection, and no other error is due.
    private static func isRefusal(_ error: Int32) -> Bool {
        let code = ErrorCode(rawValue: error)
        return code == .systemError || code == .throttledOperation
    }
}
