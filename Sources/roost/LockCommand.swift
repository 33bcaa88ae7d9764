import ArgumentParser
import Console
import Disk
import Dispatch
import Foundation

struct LockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Run a command while holding a lock.",
        discussion: """
            Waits for the lock NAME, runs the command, and gives the lock back when it ends. The
            lock is the key NAME/.lock, held by a session that is renewed; it is the same lock as
            `consul lock NAME`, and works against Consul too. When the lock is lost (the session
            ended, somebody released it, or no server could be reached for the time of --ttl) the
            command gets SIGTERM, and SIGKILL after --kill-after. Signals (HUP, INT, QUIT, TERM,
            USR1, USR2) are passed on to the command and all that it started. Where a signal ended
            it, what it started has --kill-after to end too. Its environment has
            CONSUL_LOCK_HELD=true and ROOST_LOCK_SESSION. Options come before NAME.

            Exit code: the command's own (128 + number, if a signal ended it); 125: the lock could
            not be had, or was lost; 126: the command cannot be run; 127: it was not found.

            EXAMPLES
              roost lock jobs/backup backup --full /data
              roost lock jobs/report sh -c 'make report && mail-it'
              roost lock --try 5s jobs/backup backup       give up after five seconds
            """
    )

    @Option(help: "The session's TTL, 10s to 24h.") var ttl = "15s"
    @Option(help: "How long nobody gets the lock after it was lost. [default: 15s]")
    var lockDelay: String?
    @Option(name: .customLong("try"), help: "Give up when it is not had after this time.")
    var patience: String?
    @Option(help: "Between a signal that ends the command and SIGKILL.") var killAfter = "5s"
    @Option(help: "What the session is called.") var sessionName: String?
    @OptionGroup var options: ClientOptions
    @Argument(help: "The lock.") var name: String
    @Argument(parsing: .captureForPassthrough, help: "The command and its arguments.")
    var command: [String]

    static let failureCode: Int32 = 125

    func validate() throws {
        guard !name.isEmpty, !command.isEmpty else {
            throw ValidationError("name a lock and a command")
        }
        for text in [ttl, killAfter] + [patience, lockDelay].compactMap({ $0 }) {
            guard Self.seconds(text) != nil else {
                throw ValidationError("'\(text)' is no time; write 500ms, 10s, 5m or 2h")
            }
        }
    }

    func run() async throws {
        let code: Int32
        do {
            code = try await hold(try options.client)
        } catch let failure as CommandFailure {
            Terminal.complain("\(failure)")
            code = Self.failureCode
        }
        if code != 0 { throw ExitCode(code) }
    }

    /// "500ms", "10s", "5m", "2h"
    static func seconds(_ text: String) -> Double? {
        let units = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3_600)]
        for (unit, seconds) in units where text.hasSuffix(unit) {
            guard let number = Double(text.dropLast(unit.count)), number >= 0, number.isFinite
            else { continue }
            return number * seconds
        }
        return nil
    }

    private var title: String { sessionName ?? "roost lock \(name): \(command[0])" }

    // MARK: Holding

    private func hold(_ client: ConsulClient) async throws -> Int32 {
        let lock = LockClient(client, name: name)
        let signals = try Signals()
        let begun = ContinuousClock.now
        let session = try await lock.makeSession(name: title, ttl: ttl, lockDelay: lockDelay)
        let watch = LockWatch(lock, session, Self.seconds(ttl) ?? 15, since: begun, signals.tell)
        let renewing = Task { await watch.renew() }
        defer { renewing.cancel() }
        let code: Int32
        do {
            code =
                try await acquired(lock, session, signals)
                ? await work(watch, signals) : signals.exitCode ?? Self.failureCode
        } catch {
            await end(lock, session)
            throw error
        }
        await end(lock, session)
        return code
    }

    /// False: a signal or the time given came first.
    private func acquired(
        _ lock: LockClient,
        _ session: String,
        _ signals: Signals
    ) async throws -> Bool {
        let value = Data("\(ProcessInfo.processInfo.hostName) \(getpid())".utf8)
        let acquiring = Task { [tell = signals.tell] in
            do {
                _ = try await lock.acquire(session, value: value)
                tell.yield(.acquired(nil))
            } catch {
                tell.yield(.acquired(error))
            }
        }
        defer { acquiring.cancel() }
        let timer = Task { [patience, tell = signals.tell] in
            guard let patience, let seconds = Self.seconds(patience) else { return }
            try await Task.sleep(for: .seconds(seconds))
            tell.yield(.outOfPatience)
        }
        defer { timer.cancel() }
        while let event = await signals.next() {
            switch event {
            case .acquired(nil): return true
            case .acquired(let error?): throw error
            case .outOfPatience:
                Terminal.complain("the lock '\(name)' is another's")
                return false
            case .lost(let reason):
                Terminal.complain("the lock's session is lost: \(reason)")
                return false
            case .signal, .ended: return false
            }
        }
        return false
    }

    /// Runs the command; the code to end with.
    private func work(_ watch: LockWatch, _ signals: Signals) async -> Int32 {
        let child: ChildProcess
        do throws(SystemError) {
            let own = ["CONSUL_LOCK_HELD": "true", "ROOST_LOCK_SESSION": watch.session]
            child = try ChildProcess.start(
                command,
                environment: ProcessInfo.processInfo.environment.merging(own) { $1 }
            )
        } catch {
            Terminal.complain("\(command[0]): \(error.text)")
            return error.isMissing ? 127 : 126
        }
        let killSeconds = Self.seconds(killAfter) ?? 5
        do throws(DiskError) {
            let milliseconds = Int64(min(killSeconds, 1e9) * 1_000)
            try child.wait(restMilliseconds: milliseconds) { [tell = signals.tell] end in
                tell.yield(.ended(end))
            }
        } catch {
            Terminal.complain("\(error)")
            child.send(SIGKILL)
            return Self.failureCode
        }
        let watching = Task { await watch.watch() }
        defer { watching.cancel() }
        var isLost = false
        while let event = await signals.next() {
            switch event {
            case .ended(let end): return isLost ? Self.failureCode : end.code
            case .signal(let number): child.send(number)
            case .lost(let reason) where !isLost:
                isLost = true
                Terminal.complain("the lock '\(name)' is lost: \(reason); ending the command")
                child.send(SIGTERM)
                DispatchQueue.global().asyncAfter(deadline: .now() + killSeconds) {
                    child.send(SIGKILL)
                }
            case .lost, .acquired, .outOfPatience: continue
            }
        }
        return Self.failureCode
    }

    /// The lock is given back; where that fails, the session's end by its TTL will do it.
    private func end(_ lock: LockClient, _ session: String) async {
        var outcome = "the lock ends by its TTL"
        do throws(CommandFailure) {
            try await lock.release(session)
            try await lock.destroy(session)
            outcome = "the lock's key stays"
            try await lock.removeKey()
        } catch {
            Terminal.complain("\(outcome): \(error)")
        }
    }
}

/// Everything that happens to a lock's command, in its order: what its watch says, what becomes of
/// the command, and the signals that this process is sent.
final class Signals {
    enum Event: Sendable {
        case acquired((any Error)?)
        case outOfPatience
        case lost(String)
        case signal(Int32)
        case ended(ChildProcess.End)
    }

    let tell: AsyncStream<Event>.Continuation
    private var events: AsyncStream<Event>.Iterator
    private var last: Int32?

    init() throws(DiskError) {
        let (stream, tell) = AsyncStream<Event>.makeStream(bufferingPolicy: .bufferingNewest(256))
        self.tell = tell
        events = stream.makeAsyncIterator()
        try SignalEar.listen(ChildProcess.signals) { tell.yield(.signal($0)) }
    }

    /// Of the last signal; nil: there was none.
    var exitCode: Int32? { last.map { 128 + $0 } }

    func next() async -> Event? {
        let event = await events.next(isolation: #isolation)
        if case .signal(let number) = event { last = number }
        return event
    }
}

/// Keeps a lock's session alive, and tells when the lock is lost. A lock counts as lost before its
/// session can have ended: the server ends it no sooner than a TTL after the last renewal, and time
/// is counted from before each renewal was sent.
struct LockWatch: Sendable {
    let lock: LockClient
    let session: String
    /// How long the session is trusted to be there without a renewal.
    private let trustSeconds: Double
    private let begun: ContinuousClock.Instant
    private let tell: AsyncStream<Signals.Event>.Continuation

    /// - Parameter begun: when the session was asked for.
    init(
        _ lock: LockClient,
        _ session: String,
        _ ttlSeconds: Double,
        since begun: ContinuousClock.Instant,
        _ tell: AsyncStream<Signals.Event>.Continuation
    ) {
        self.lock = lock
        self.session = session
        self.begun = begun
        self.tell = tell
        trustSeconds = 0.9 * ttlSeconds
    }

    /// Renews until it is cancelled, or the session is lost.
    func renew() async {
        let clock = ContinuousClock()
        var renewed = begun
        while !Task.isCancelled {
            let sent = clock.now
            let left = trustSeconds - (sent - renewed).inSeconds
            do {
                let isThere = try await within(left) { try await lock.renew(session) }
                guard isThere else { return lose("its session has ended") }
                renewed = sent
                try await Task.sleep(for: .seconds(trustSeconds / 3))
            } catch is CancellationError {
                return
            } catch {
                guard (clock.now - renewed).inSeconds < trustSeconds else {
                    return lose("its session could not be renewed in time: \(error)")
                }
                do { try await Task.sleep(for: .milliseconds(200)) } catch { return }
            }
        }
    }

    /// Gives up on an answer that would come too late.
    private func within(
        _ seconds: Double,
        _ body: @escaping @Sendable () async throws -> Bool
    ) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: .seconds(max(0, seconds)))
                throw CommandFailure.conditionNotMet("no answer in time")
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }

    /// Watches the lock's key until it is cancelled, or the lock is lost. Where no server answers
    /// the renewals decide.
    func watch() async {
        while !Task.isCancelled {
            do throws(CommandFailure) { return lose(try await lock.loss(of: session)) } catch {
                do { try await Task.sleep(for: .seconds(1)) } catch { return }
            }
        }
    }

    private func lose(_ reason: String) {
        if !Task.isCancelled { tell.yield(.lost(reason)) }
    }
}

extension Duration {
    fileprivate var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
