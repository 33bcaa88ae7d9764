import Foundation
import Raft
import RaftStore
import Replica
import StateMachine

/// One seed's run: a cluster, its clients, and all that befalls them.
package final class Trial {
    let seed: UInt64
    let dice: Dice
    let settings: TrialSettings
    let mutant: Mutant?
    private(set) var hosts: [Host]
    let network: Network
    private(set) lazy var clients = Clients(trial: self)
    private(set) lazy var oracle = Oracle(trial: self, membership: membership)
    private lazy var adversary = Adversary(trial: self)
    private(set) lazy var replacements = Replacements(trial: self)
    private let membership: Membership
    private var schedule = Schedule()
    package var tally = Tally()
    /// When a leader began, the last time.
    var lastElection = Int64.min
    /// When some machine's clock jumped ahead.
    var lastClockJump = Int64.min
    /// The faults are over.
    private(set) var isCalm = false
    /// Takes a line for everything that matters to whoever looks at a failure.
    package var tracer: ((String) -> Void)?
    private let directory: String
    /// A node that finds its state wrong is refilled, as by an operator, and no failure.
    package var refillsNodes = false

    /// - Parameters:
    ///   - nodes: how many voters; nil: the seed decides.
    ///   - isMutantIdle: what the mutant needs is there, and it does nothing.
    ///   - directory: where the nodes' states may lie; best in memory.
    package init(
        seed: UInt64,
        nodes: Int?,
        mutant requested: Mutant?,
        isMutantIdle: Bool,
        directory: String
    ) throws {
        self.seed = seed
        dice = Dice(seed: seed)
        var settings = TrialSettings(dice, nodeCount: nodes)
        requested?.adjust(&settings)
        let mutant = isMutantIdle ? nil : requested
        mutant?.spoil(&settings)
        self.settings = settings
        self.mutant = mutant
        let own = "\(directory)/trial-\(UUID().uuidString)"
        self.directory = own
        let voters = (1...UInt64(settings.nodeCount)).map { NodeID($0) }
        let membership = Membership(voters: voters)
        self.membership = membership
        network = Network(nodes: voters, mutant: mutant)
        hosts = try voters.map { id in
            try Host(id: id, membership: membership, directory: own, mutant: mutant)
        }
    }

    // MARK: Time

    var now: Int64 { schedule.now }

    func plan(at time: Int64, kind: UInt8, _ action: @escaping () -> Void) {
        schedule.plan(at: time, kind: kind, on: nil, action)
    }

    func plan(
        at time: Int64,
        kind: UInt8,
        on place: Schedule.Place,
        _ action: @escaping () -> Void
    ) {
        schedule.plan(at: time, kind: kind, on: place, action)
    }

    /// Mixes something that happened into the digest of the run.
    func note(_ word: UInt64) { schedule.note(word) }

    func trace(_ text: @autoclosure () -> String) {
        guard let tracer else { return }
        tracer("\(Double(now / 1_000) / 1_000) s  \(text())")
    }

    // MARK: Nodes

    func host(_ id: NodeID) -> Host { hosts[Int(id.rawValue) - 1] }

    /// One more machine with an empty disk, which is not started yet.
    func addHost() -> Host? {
        let id = NodeID(UInt64(hosts.count + 1))
        do {
            let host = try Host(
                id: id,
                membership: Membership(),
                directory: directory,
                mutant: mutant
            )
            hosts.append(host)
            network.add(id, in: self)
            return host
        } catch {
            oracle.fail("no machine can be added: \(error)")
            return nil
        }
    }

    func process(_ id: NodeID) -> NodeProcess? { host(id).process }

    /// The process, or the machine, ends now, and comes back later.
    func strike(_ host: Host, _ end: ProcessEnd) { adversary.stopForAWhile(host, end) }

    /// The process ends and is back at once.
    func bounce(_ host: Host) {
        host.stop(.processCrash, in: self)
        plan(at: now + 2_000, kind: 14) { [unowned self] in
            if !host.isUp { host.start(in: self) }
        }
    }

    /// A process ended by an error of its own. Only a disk that failed is a good reason.
    func ended(_ host: Host, by error: ReplicaError) {
        if Host.isDamage(error), replacements.found(host) { return }
        if case .log(.fsyncFailed) = error {
            host.meets(.diskError, in: self)
            host.stop(dice.chance(500) ? .powerCut : .processCrash, in: self)
            adversary.restartLater(host)
        } else {
            oracle.fail("node \(host.id.rawValue) stops by itself: \(error)")
        }
    }

    /// An operator asks whoever leads to refill a node, until it is.
    func refill(_ host: Host) {
        plan(at: now + 1_000_000, kind: 23) { [unowned self] in
            guard host.home.divergence != nil else { return }
            for process in hosts.compactMap(\.process) where process.status.role == .leader {
                _ = process.operate { consensus throws(RaftError) in
                    try consensus.refill(host.id)
                }
            }
            refill(host)
        }
    }

    // MARK: Running

    /// Runs the whole trial.
    package func run() -> TrialResult {
        defer { clean() }
        for host in hosts { host.start(in: self) }
        clients.begin()
        adversary.begin()
        planLogChecks()
        pass(until: settings.faultyMicroseconds)
        adversary.end()
        isCalm = true
        recover()
        tally.seeds = 1
        tally.microseconds = now
        tally.events = schedule.count
        return TrialResult(
            seed: seed,
            violation: oracle.violation,
            digest: schedule.digest,
            tally: tally
        )
    }

    private func pass(until end: Int64) {
        while oracle.violation == nil, let event = schedule.next(until: end) { event.action() }
    }

    private func planLogChecks() {
        plan(at: now + 1_000_000, kind: 22) { [unowned self] in
            self.oracle.checkLogs()
            self.oracle.checkCopies()
            self.planLogChecks()
        }
    }

    /// Waits for a condition; false if it does not come about in time.
    private func await(seconds: Int64, _ condition: () -> Bool) -> Bool {
        let end = now + seconds * 1_000_000
        while oracle.violation == nil, now < end {
            if condition() { return true }
            pass(until: now + 100_000)
        }
        return condition()
    }

    /// Without faults the cluster must come to life, on every node, and agree.
    private func recover() {
        pass(until: now + 3_000_000)
        replacements.scrub()
        if !await(seconds: 120, { !replacements.isUnderWay }) {
            oracle.fail("no successor of a lost node: \(statusText)")
        }
        clients.beginProbes()
        if !await(seconds: 60, { clients.areProbesAnswered }) {
            oracle.fail("no life without faults: \(clients.unansweredProbes); \(statusText)")
        }
        clients.stop()
        if !await(seconds: 60, { clients.areIdle && areLevel }) {
            oracle.fail("the nodes do not come level: \(statusText)")
        }
        let ephemerals = EphemeralProbe(trial: self)
        ephemerals.ask()
        if !await(seconds: 60, { ephemerals.isAnswered }) {
            oracle.fail("without their owners are still there: \(ephemerals.left)")
        }
        clients.readAll()
        if !await(seconds: 60, { clients.isAllRead }) {
            oracle.fail("not everything can be read at last: \(statusText)")
        }
        oracle.checkLogs()
        if oracle.violation == nil { clients.judge() }
    }

    /// The nodes that belong to the cluster now; one that was removed may not know it.
    var members: [Host] { hosts.filter { isMember($0) } }

    func isMember(_ host: Host) -> Bool { oracle.membership.contains(host.id) }

    private var areLevel: Bool {
        let members = self.members
        let first = members.first?.process?.summary
        return oracle.membership.outgoing.isEmpty
            && members.allSatisfy { host in
                guard let process = host.process else { return false }
                return process.summary == first && process.status.commit == process.status.last
            }
    }

    private var statusText: String {
        hosts.map { host in
            guard let process = host.process else { return "\(host.id.rawValue) down" }
            let status = process.status
            return "\(host.id.rawValue) \(status.role) term \(status.term.rawValue) "
                + "commit \(status.commit.rawValue) last \(status.last.rawValue) "
                + "applied \(process.summary.appliedIndex) digest \(process.summary.digest)"
                + status.peers.map { text(of: $0) }.joined()
        }.joined(separator: ", ")
    }

    /// What a leader knows of a follower.
    private func text(of peer: PeerStatus) -> String {
        " (\(peer.id.rawValue): \(peer.state), match \(peer.match.rawValue), "
            + "next \(peer.next.rawValue), in flight \(peer.inflightCount), "
            + "silent for \(peer.ticksSinceContact) ticks)"
    }

    private func clean() {
        for host in hosts where host.isUp { host.stop(.processCrash, in: self) }
        do { try FileManager.default.removeItem(atPath: directory) } catch {
            preconditionFailure("the simulator's own directory: \(error)")
        }
    }
}

/// How a run ended.
package struct TrialResult: Sendable {
    package var seed: UInt64
    /// What went wrong; nil: nothing.
    package var violation: String?
    /// Equal runs have equal digests.
    package var digest: UInt64
    package var tally: Tally
}
