/// The fencing numbers (LockIndex) of one lock.
struct Fences {
    private var holders: [Int64: String] = [:]
    /// The greatest that anybody was told, by when.
    private var known: [(time: Int64, fence: Int64)] = []

    /// What a read that was asked at `called` shows; nil: nothing is wrong with it.
    mutating func saw(_ fence: Int64, of session: String?, called: Int64, now: Int64) -> String? {
        if let before = known.last(where: { $0.time < called }), fence < before.fence {
            return "LockIndex is \(fence), and was \(before.fence) before"
        }
        if let session {
            let holder = holders[fence] ?? session
            if holder != session { return "LockIndex \(fence) is \(holder)'s and \(session)'s" }
            holders[fence] = session
        }
        if fence > known.last?.fence ?? 0 { known.append((now, fence)) }
        return nil
    }
}

/// A Consul client that takes a lock now and then, as `consul lock` does: a session with a TTL,
/// acquire, a consistent read, release. Its fencing number is its own, and none is smaller than one
/// that was known before it asked.
final class LockClient: LinkOwner {
    private unowned let trial: Trial
    private let clients: Clients
    private var link: ClientLink?
    private var exchange = HTTPExchange()
    private var current: Step?
    private var called: Int64 = 0
    private let patience: Patience
    private var session: String?
    private var next = Step.createSession
    private var isStopped = false

    private enum Step { case createSession, acquire, read, release, destroy }

    init(_ clients: Clients, trial: Trial) {
        self.clients = clients
        self.trial = trial
        patience = Patience(trial: trial, kind: 45, longest: 20_000_000)
    }

    func begin() { think() }

    func stop() {
        isStopped = true
        link?.close()
    }

    private func think() {
        guard !isStopped else { return }
        let delay = trial.dice.skewed(1_000...trial.settings.thinkMicroseconds)
        trial.plan(at: trial.now + delay, kind: 44) { [unowned self] in ask() }
    }

    // MARK: Asking

    private func ask() {
        guard !isStopped, current == nil else { return }
        if link == nil || link?.isClosed == true {
            exchange = HTTPExchange()
            link = ClientLink(to: trial.dice.pick(trial.hosts), by: .consul, owner: self, in: trial)
        }
        guard let link, !link.isClosed else { return think() }
        if session == nil, next != .read { next = .createSession }
        current = next
        called = trial.now
        trial.tally.requests += 1
        link.send(request(next))
        patience.begin { [unowned self] in
            self.link?.close()
            giveUp()
        }
    }

    private func request(_ step: Step) -> [UInt8] {
        let (key, session) = ("/v1/kv/lock", session ?? "")
        return switch step {
        case .createSession:
            HTTPExchange.request(
                "PUT",
                "/v1/session/create",
                body: #"{"TTL":"10s","LockDelay":"0s","Checks":[]}"#
            )
        case .acquire: HTTPExchange.request("PUT", "\(key)?acquire=\(session)", body: session)
        case .read: HTTPExchange.request("GET", "\(key)?consistent")
        case .release: HTTPExchange.request("PUT", "\(key)?release=\(session)")
        case .destroy: HTTPExchange.request("PUT", "/v1/session/destroy/\(session)")
        }
    }

    /// Nobody knows what became of it; its session is left to its TTL.
    private func giveUp() {
        patience.end()
        current = nil
        session = nil
        next = trial.dice.chance(300) ? .read : .createSession
        think()
    }

    func lost(_ link: ClientLink) {
        guard link === self.link else { return }
        self.link = nil
        if current != nil { giveUp() }
    }

    // MARK: Answers

    func received(_ bytes: [UInt8], on link: ClientLink) {
        guard link === self.link else { return }
        exchange.add(bytes)
        while let answer = exchange.next() { take(answer) }
    }

    private func take(_ answer: HTTPExchange.Answer) {
        guard let step = current else { return }
        trial.note(UInt64(answer.status))
        patience.end()
        current = nil
        switch (step, answer.status) {
        case (.createSession, 200):
            session = answer.text(after: #""ID":"#)
            next = .acquire
        case (.acquire, 200): next = .read
        case (.read, 200): look(at: answer)
        case (.read, 404): next = .acquire
        case (.release, 200):
            // A lock that is released is there to be taken again, by the same session too.
            next = trial.dice.chance(500) ? .acquire : .destroy
        case (.destroy, 200):
            session = nil
            next = .createSession
        // A session that is over cannot take a lock, and says so.
        case (_, 500), (_, 429): return giveUp()
        default: trial.oracle.fail("\(step) is answered \(answer.status) \(answer.body)")
        }
        think()
    }

    private func look(at answer: HTTPExchange.Answer) {
        guard var fence = answer.number(after: #""LockIndex":"#) else {
            return trial.oracle.fail("a lock without its LockIndex: \(answer.body)")
        }
        if trial.mutant == .repeatsFences, fence > 1, trial.dice.chance(300) { fence -= 1 }
        let holder = answer.text(after: #""Session":"#)
        trial.tally.locksSeen += holder == nil ? 0 : 1
        let fault = clients.fences.saw(fence, of: holder, called: called, now: trial.now)
        if let fault { trial.oracle.fail(fault) }
        next = holder == session ? .release : trial.dice.chance(500) ? .read : .acquire
    }
}
