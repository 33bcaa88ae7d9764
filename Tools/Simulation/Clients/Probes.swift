import Bytes
import Raft
import ZooKeeperProtocol

/// Writes a key by one node until that is acknowledged.
final class KeyProbe: LinkOwner {
    let host: Host
    private unowned let trial: Trial
    private var link: ClientLink?
    private var exchange = HTTPExchange()
    private(set) var isAnswered = false
    private var isStopped = false

    init(host: Host, trial: Trial) {
        self.host = host
        self.trial = trial
    }

    func stop() { isStopped = true }

    func ask() {
        guard !isAnswered, !isStopped else { return }
        if link == nil || link?.isClosed == true {
            exchange = HTTPExchange()
            link = ClientLink(to: host, by: .consul, owner: self, in: trial)
        }
        link?.send(HTTPExchange.request("PUT", "/v1/kv/probe/\(host.id.rawValue)", body: "1"))
        trial.plan(at: trial.now + 8_000_000, kind: 42) { [unowned self] in ask() }
    }

    func received(_ bytes: [UInt8], on link: ClientLink) {
        exchange.add(bytes)
        while let answer = exchange.next() {
            if answer.status == 200 { isAnswered = true }
        }
    }

    func lost(_ link: ClientLink) {}
}

/// Creates a znode by one node until that is acknowledged; each attempt has a session of its own.
final class ZnodeProbe: LinkOwner {
    let host: Host
    private unowned let trial: Trial
    private var link: ClientLink?
    private var session: ZnodeSession
    private(set) var isAnswered = false
    private var isStopped = false

    init(host: Host, trial: Trial) {
        self.host = host
        self.trial = trial
        session = ZnodeSession(mutant: nil)
    }

    func stop() { isStopped = true }

    func ask() {
        guard !isAnswered, !isStopped else { return }
        link?.close()
        session = ZnodeSession(mutant: nil)
        link = ClientLink(to: host, by: .zooKeeper, owner: self, in: trial)
        link?.send(session.greeting())
        trial.plan(at: trial.now + 8_000_000, kind: 43) { [unowned self] in ask() }
    }

    func received(_ bytes: [UInt8], on link: ClientLink) {
        guard link === self.link else { return }
        session.add(bytes)
        do throws(JuteError) {
            while let frame = try session.next() { take(frame) }
        } catch { trial.oracle.fail("an answer that does not decode: \(error)") }
        if let violation = session.violation { trial.oracle.fail(violation) }
    }

    private func take(_ frame: ZnodeSession.Frame) {
        switch frame {
        case .connected(let reply): if reply.session != 0 { create() }
        case .reply(_, let error, _):
            switch ErrorCode(rawValue: error) {
            case .ok, .nodeExists: isAnswered = true
            case .systemError, .throttledOperation: return
            default: trial.oracle.fail("a probe's znode is answered with \(error)")
            }
        }
    }

    private func create() {
        var writer = ByteWriter()
        let path = "/probe\(host.id.rawValue)"
        ClientRequest.create(xid: session.nextXid(), path: path, data: [1], into: &writer)
        link?.send(writer.bytes)
    }

    func lost(_ link: ClientLink) {}
}

/// Looks at the root until no ephemeral is left whose owner has gone.
final class EphemeralProbe: LinkOwner {
    private unowned let trial: Trial
    private var link: ClientLink?
    private var session = ZnodeSession(mutant: nil)
    private(set) var isAnswered = false
    private(set) var left: [String] = []

    init(trial: Trial) { self.trial = trial }

    func ask() {
        guard !isAnswered else { return }
        link?.close()
        session = ZnodeSession(mutant: nil)
        link = ClientLink(
            to: trial.dice.pick(trial.members),
            by: .zooKeeper,
            owner: self,
            in: trial
        )
        link?.send(session.greeting())
        trial.plan(at: trial.now + 2_000_000, kind: 46) { [weak self] in self?.ask() }
    }

    func received(_ bytes: [UInt8], on link: ClientLink) {
        guard link === self.link else { return }
        session.add(bytes)
        do throws(JuteError) {
            while let frame = try session.next() { try take(frame) }
        } catch { trial.oracle.fail("an answer that does not decode: \(error)") }
    }

    private func take(_ frame: ZnodeSession.Frame) throws(JuteError) {
        switch frame {
        case .connected(let reply): if reply.session != 0 { list() }
        case .reply(_, 0, let body) where body.count >= 4:
            var reader = JuteReader(body.rawSpan)
            var names: [String] = []
            for _ in 0..<(try reader.int()) {
                names.append(String(decoding: try reader.text().copiedBytes(), as: UTF8.self))
            }
            left = names.filter { $0.hasPrefix(Ephemerals.prefix) }
            isAnswered = left.isEmpty
        case .reply: return
        }
    }

    private func list() {
        var writer = ByteWriter()
        let xid = session.nextXid()
        ClientRequest.read(xid: xid, .getChildren, path: "/", into: &writer)
        link?.send(writer.bytes)
    }

    func lost(_ link: ClientLink) {}
}
