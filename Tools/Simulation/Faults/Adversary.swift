import Raft
import Replica

/// Chooses and makes the faults of a run, and mends them again.
final class Adversary {
    private unowned let trial: Trial
    private var isActive = true

    init(trial: Trial) { self.trial = trial }

    private var dice: Dice { trial.dice }

    func begin() {
        guard !trial.settings.faults.isEmpty else { return }
        planNext()
    }

    private func planNext() {
        let delay = dice.skewed(10_000...(2 * trial.settings.faultMicroseconds))
        trial.plan(at: trial.now + delay, kind: 20) { [unowned self] in
            guard isActive else { return }
            self.strike(self.dice.pick(self.trial.settings.faults))
            self.planNext()
        }
    }

    /// Everything is mended, and stays so.
    func end() {
        isActive = false
        trial.network.changeAll { wire in
            let lastArrival = wire.lastArrival
            wire = Network.Wire()
            wire.lastArrival = lastArrival
        }
        for host in trial.hosts { mend(host) }
    }

    /// A pause ends by itself: what waits for its end would get out of order.
    private func mend(_ host: Host) {
        host.stalledUntil = 0
        host.endInWrite = nil
        host.armed = []
        host.writeMicroseconds = 500
        host.log.isFull = false
        host.log.failsNextSync = false
        host.clock.drift(to: 1_000_000, at: trial.now)
        if host.isStateFull {
            host.isStateFull = false
            host.process?.stateRoomChanged()
        }
        if !host.isUp { host.start(in: trial) }
    }

    /// After a while, if the faults are not over.
    private func later(_ range: ClosedRange<Int64>, _ body: @escaping (Adversary) -> Void) {
        trial.plan(at: trial.now + dice.skewed(range), kind: 21) { [unowned self] in
            guard isActive else { return }
            body(self)
        }
    }

    /// Mostly the leader, where it hurts.
    private func victim() -> Host {
        if dice.chance(450), let leader = trial.hosts.first(where: \.isLeader) { return leader }
        return dice.pick(trial.hosts)
    }

    private func strike(_ kind: FaultKind) {
        trial.note(UInt64(kind.rawValue))
        let host = victim()
        guard isDone(kind, to: host) else { return }
        if kind.isMetLater { host.armed.insert(kind) } else { trial.tally[kind] += 1 }
        trial.trace("\(kind.name), node \(host.id.rawValue)")
    }

    /// False if it did not come to pass.
    private func isDone(_ kind: FaultKind, to host: Host) -> Bool {
        switch kind {
        case .processCrash: stop(host, .processCrash)
        case .powerCut: stop(host, .powerCut)
        case .fullPartition: cutOff(host, bothWays: true)
        case .oneWayPartition: cutOff(host, bothWays: false)
        case .split: split()
        case .loss: disturb { $0.lossPermille = $1.number(10...400) }
        case .doubling: disturb { $0.doublePermille = $1.number(10...300) }
        case .reordering: disturb { $0.reorderPermille = $1.number(5...200) }
        case .slowWires: disturb { $0.delay = 1_000...$1.number(2_000...600_000) }
        case .brokenConnections: breakConnection(of: host)
        case .pause: pause(host)
        case .clockDrift: drift(host)
        case .clockJump: jump(host)
        case .wallJump: jumpWall(host)
        case .diskStall: stall(host)
        case .slowDisk: slowDisk(host)
        case .diskError: failDisk(host)
        case .logDiskFull: fillLogDisk(host)
        case .stateDiskFull: fillStateDisk(host)
        case .leadershipTransfer: transferLeadership()
        case .membershipChange: changeMembership()
        case .clientDrop: dropClient()
        case .diskLoss: trial.replacements.lose(host)
        case .flippedBit: trial.replacements.spoilRecord(of: host)
        }
    }

    // MARK: Stopping

    private func stop(_ host: Host, _ end: ProcessEnd) -> Bool {
        guard host.isUp else { return false }
        if end == .powerCut, dice.chance(150) {
            for other in trial.hosts where other.isUp { stopForAWhile(other, end) }
        } else if dice.chance(400) {
            host.endInWrite = end
        } else {
            stopForAWhile(host, end)
        }
        return true
    }

    func stopForAWhile(_ host: Host, _ end: ProcessEnd) {
        trial.tally[end == .powerCut ? .powerCut : .processCrash] += 1
        host.stop(end, in: trial)
        trial.oracle.checkCopies()
        restartLater(host)
    }

    func restartLater(_ host: Host) {
        later(1_000...20_000_000) { adversary in
            if !host.isUp { host.start(in: adversary.trial) }
        }
    }

    private func pause(_ host: Host) -> Bool {
        guard host.isUp else { return false }
        host.pausedUntil = max(host.pausedUntil, trial.now + dice.skewed(50_000...15_000_000))
        return true
    }

    // MARK: The network

    private func cutOff(_ host: Host, bothWays: Bool) -> Bool {
        let outward = dice.chance(500)
        var cut: [(NodeID, NodeID)] = []
        for other in trial.hosts where other.id != host.id {
            if !bothWays, dice.chance(400) { continue }
            if bothWays || outward { cut.append((host.id, other.id)) }
            if bothWays || !outward { cut.append((other.id, host.id)) }
        }
        cutForAWhile(cut)
        return !cut.isEmpty
    }

    private func split() -> Bool {
        let side = Set(trial.hosts.filter { _ in dice.chance(500) }.map(\.id))
        var cut: [(NodeID, NodeID)] = []
        for one in trial.hosts.map(\.id) where side.contains(one) {
            for other in trial.hosts.map(\.id) where !side.contains(other) {
                cut.append((one, other))
                cut.append((other, one))
            }
        }
        cutForAWhile(cut)
        return !cut.isEmpty
    }

    private func cutForAWhile(_ cut: [(NodeID, NodeID)]) {
        for (from, to) in cut { trial.network.change(from, to) { $0.isCut = true } }
        later(20_000...20_000_000) { adversary in
            for (from, to) in cut { adversary.trial.network.change(from, to) { $0.isCut = false } }
        }
    }

    private func disturb(_ body: @escaping (inout Network.Wire, Dice) -> Void) -> Bool {
        trial.network.changeAll { body(&$0, self.dice) }
        later(500_000...15_000_000) { adversary in
            adversary.trial.network.changeAll { wire in
                let (isCut, lastArrival) = (wire.isCut, wire.lastArrival)
                wire = Network.Wire()
                (wire.isCut, wire.lastArrival) = (isCut, lastArrival)
            }
        }
        return true
    }

    private func breakConnection(of host: Host) -> Bool {
        let other = dice.pick(trial.hosts.filter { $0.id != host.id })
        return trial.network.breakConnection(host.id, other.id, in: trial)
    }

    private func dropClient() -> Bool { trial.clients.drop(dice) }

    // MARK: Clocks

    private func drift(_ host: Host) -> Bool {
        host.clock.drift(to: dice.number(900_000...1_100_000), at: trial.now)
        return true
    }

    private func jump(_ host: Host) -> Bool {
        host.clock.jump(forwardBy: dice.skewed(10_000...60_000_000))
        trial.lastClockJump = trial.now
        return true
    }

    private func jumpWall(_ host: Host) -> Bool {
        host.clock.jumpWall(by: dice.number(-3_600_000_000...3_600_000_000))
        return true
    }

    // MARK: Disks

    private func stall(_ host: Host) -> Bool {
        host.stalledUntil = trial.now + dice.skewed(100_000...60_000_000)
        return true
    }

    private func slowDisk(_ host: Host) -> Bool {
        host.writeMicroseconds = dice.skewed(2_000...400_000)
        later(500_000...20_000_000) { _ in host.writeMicroseconds = 500 }
        return true
    }

    private func failDisk(_ host: Host) -> Bool {
        host.log.failsNextSync = host.isUp
        return host.isUp
    }

    private func fillLogDisk(_ host: Host) -> Bool {
        host.log.isFull = true
        later(200_000...20_000_000) { _ in host.log.isFull = false }
        return true
    }

    private func fillStateDisk(_ host: Host) -> Bool {
        guard let process = host.process, !host.isStateFull else { return false }
        host.isStateFull = true
        process.stateRoomChanged()
        later(200_000...20_000_000) { _ in
            host.isStateFull = false
            host.process?.stateRoomChanged()
        }
        return true
    }

    // MARK: Operators

    private func transferLeadership() -> Bool {
        let target = dice.pick(trial.hosts).id
        guard let leader = trial.hosts.first(where: \.isLeader), let process = leader.process
        else { return false }
        let refusal = process.operate { consensus throws(RaftError) in
            try consensus.transferLeadership(to: target)
        }
        return refusal == nil
    }

    private func changeMembership() -> Bool {
        guard !trial.replacements.isDue,
            let leader = trial.hosts.first(where: \.isLeader), let process = leader.process,
            let change = membershipChange(process.status.membership)
        else { return false }
        let refusal = process.operate { consensus throws(RaftError) in
            _ = try consensus.change([change])
        }
        return refusal == nil
    }

    /// A voter goes, or whoever is no voter comes closer to being one; two always stay.
    private func membershipChange(_ current: Membership) -> MembershipChange? {
        let host = dice.pick(trial.hosts)
        guard !host.isLost else { return nil }
        let node = host.id
        if current.isVoter(node) {
            guard current.incoming.count > 2 else { return nil }
            return dice.chance(500) ? .remove(node) : .demote(node)
        }
        if current.isLearner(node) { return dice.chance(800) ? .promote(node) : .remove(node) }
        return .addLearner(node)
    }
}

extension Host {
    var isLeader: Bool { process?.status.role == .leader }
}
