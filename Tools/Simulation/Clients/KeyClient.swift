import Replica

/// A client of Consul's key-value store: one request after the other, on one connection at a time.
///
/// It reads by both of Consul's modes that ask the leader: consistent reads are linearizable, and
/// so are default ones, but around an election: then they may be as old as a leader's word holds.
/// Each value is written once, as the key's flags, so that a read tells which write it saw. What is
/// not answered in time may have happened or not, and the history says so.
final class KeyClient: LinkOwner {
    private unowned let trial: Trial
    private let clients: Clients
    private var link: ClientLink?
    private var exchange = HTTPExchange()
    private var current: Register.Operation?
    private var currentKey = 0
    private let patience: Patience
    /// What was last seen of each key: the value, and its ModifyIndex.
    private var seen: [Int: (value: Int64, index: UInt64)] = [:]
    /// The node that it keeps to; nil: any.
    private let home: Host?
    /// What it is to read once, the last first; nil: it does what it likes until it is stopped.
    private var agenda: [Int]?
    private var isStopped = false
    private var isDefaultRead = false
    /// One that any node answers from what it has: some version of the key is all it promises.
    private var isStaleRead = false

    init(_ clients: Clients, trial: Trial, home: Host? = nil, agenda: [Int]? = nil) {
        self.trial = trial
        self.clients = clients
        self.home = home
        self.agenda = agenda
        patience = Patience(trial: trial, kind: 41, longest: 20_000_000)
    }

    var isIdle: Bool { current == nil }
    var isDone: Bool { isIdle && agenda?.isEmpty != false }

    func begin() { think() }

    func stop() { isStopped = true }

    /// False: it has no connection.
    func drop() -> Bool {
        let isConnected = link?.isClosed == false
        link?.close()
        fail()
        return isConnected
    }

    private func think() {
        guard !isStopped else { return }
        let longest = agenda == nil ? trial.settings.thinkMicroseconds : 2_000
        let delay = trial.dice.skewed(1_000...longest)
        trial.plan(at: trial.now + delay, kind: 40) { [unowned self] in ask() }
    }

    // MARK: Asking

    private func ask() {
        guard !isStopped, current == nil, agenda?.isEmpty != true else { return }
        if trial.dice.chance(20) { link?.close() }
        if link == nil || link?.isClosed == true { connect() }
        guard let link, !link.isClosed else { return think() }
        currentKey = agenda?.last ?? clients.key()
        let request = agenda == nil ? choose() : read()
        trial.tally.requests += 1
        link.send(request)
        if trial.mutant == .answersEarly, case .write = current?.kind { return takeUnasked() }
        patience.begin { [unowned self] in
            self.link?.close()
            fail()
        }
    }

    /// Of the bug that answers early: the write counts as done.
    private func takeUnasked() {
        guard var operation = current else { return }
        operation.returned = trial.now
        link = nil
        finish(operation)
    }

    private func connect() {
        exchange = HTTPExchange()
        let host = home ?? trial.dice.pick(trial.hosts)
        link = ClientLink(to: host, by: .consul, owner: self, in: trial)
    }

    private func read() -> [UInt8] {
        isDefaultRead = false
        isStaleRead = false
        current = Register.Operation(kind: .read, called: trial.now)
        return HTTPExchange.request("GET", "/v1/kv/sim/\(currentKey)?consistent")
    }

    /// Draws an operation, and gives its bytes.
    private func choose() -> [UInt8] {
        let path = "/v1/kv/sim/\(currentKey)"
        let known = seen[currentKey]
        isDefaultRead = false
        isStaleRead = false
        var kind = Register.Operation.Kind.read
        var request = HTTPExchange.request("GET", "\(path)?consistent")
        switch trial.dice.number(0...99) {
        case 0..<35:
            let value = clients.nextValue()
            kind = .write(value)
            request = HTTPExchange.request("PUT", "\(path)?flags=\(value)", body: "\(value)")
        case 35..<60:
            let value = clients.nextValue()
            kind = .swap(expected: known?.value ?? 0, new: value)
            request = HTTPExchange.request(
                "PUT",
                "\(path)?cas=\(known?.index ?? 0)&flags=\(value)",
                body: "\(value)"
            )
        case 60..<66:
            kind = .write(0)
            request = HTTPExchange.request("DELETE", path)
        case 66..<80:
            request = HTTPExchange.request("GET", path)
            isDefaultRead = true
        case 80..<86:
            request = HTTPExchange.request("GET", "\(path)?stale")
            isStaleRead = true
        case 86..<93:
            // Answered when the key changes, or in the end with what it is then.
            let query = "consistent&index=\(known?.index ?? 1)&wait=\(trial.dice.number(1...4))s"
            request = HTTPExchange.request("GET", "\(path)?\(query)")
        default: break
        }
        current = Register.Operation(kind: kind, called: trial.now)
        return request
    }

    /// How old what a default read shows may be if there was an election: as if it had been asked
    /// so much earlier. A leader that does not know of its successor yet serves it from its own
    /// state while its word holds; its clock may be slow by a tenth. A successor within that time
    /// needs a voter that restarted, or that found the leader's process gone.
    private static let defaultReadAge =
        ReplicaLimits.leaderWordMilliseconds * 1_000 * 10 / 9 + 2_000

    // MARK: Answers

    func received(_ bytes: [UInt8], on link: ClientLink) {
        guard link === self.link else { return }
        exchange.add(bytes)
        while let answer = exchange.next() { take(answer) }
    }

    func lost(_ link: ClientLink) {
        guard link === self.link else { return }
        self.link = nil
        fail()
    }

    private func take(_ answer: HTTPExchange.Answer) {
        guard var operation = current else { return }
        trial.note(UInt64(answer.status))
        switch (operation.kind, answer.status) {
        case (.read, 200):
            let value = answer.number(after: "\"Flags\":")
            let index = answer.number(after: "\"ModifyIndex\":")
            guard let value, let index else {
                return trial.oracle.fail("an answer without its fields: \(answer.body)")
            }
            clients.sawVersion(value, at: index, key: currentKey)
            if isStaleRead { return forget() }
            seen[currentKey] = (value, UInt64(index))
            operation.observed = value
        case (.read, 404):
            if isStaleRead { return forget() }
            seen[currentKey] = nil
            operation.observed = 0
        case (.write, 200): break
        case (.swap, 200): operation.succeeded = answer.body.hasPrefix("true")
        case (_, 500), (_, 429): return fail()
        default:
            return trial.oracle.fail("\(operation.kind) answered \(answer.status) \(answer.body)")
        }
        if isDefaultRead, trial.lastElection > operation.called - Self.defaultReadAge {
            operation.called -= Self.defaultReadAge
        }
        operation.returned = trial.now
        finish(operation)
    }

    /// Of a stale read nothing goes into the history.
    private func forget() {
        patience.end()
        current = nil
        think()
    }

    /// Nobody knows what became of it.
    private func fail() {
        guard let operation = current else { return }
        trial.tally.unanswered += 1
        finish(operation)
    }

    private func finish(_ operation: Register.Operation) {
        patience.end()
        current = nil
        if operation.returned != nil { _ = agenda?.popLast() }
        clients.record(operation, key: currentKey)
        think()
    }
}
