import Raft
import RaftStore
import Replica

/// A machine of the cluster: what outlives its processes.
final class Host {
    let id: NodeID
    let log: SimulatedLog
    let home: StateHome
    var clock = NodeClock()
    /// Counts the processes; whatever an earlier one planned no longer happens.
    private(set) var generation: UInt64 = 0
    private(set) var process: NodeProcess?

    /// Until then nothing moves here, as after SIGSTOP.
    var pausedUntil: Int64 = 0
    /// Until then every write to the log waits.
    var stalledUntil: Int64 = 0
    /// The log's usual speed: a write takes up to so many microseconds.
    var writeMicroseconds: Int64 = 500
    /// How the process is to end in the middle of its next write.
    var endInWrite: ProcessEnd?
    /// The state's disk takes nothing.
    var isStateFull = false
    /// Its disk is gone, and the machine with it: it never comes back.
    var isLost = false
    /// Faults that wait for something to befall.
    var armed: Set<FaultKind> = []

    init(
        id: NodeID,
        membership: Membership,
        directory: String,
        mutant: Mutant?
    ) throws {
        self.id = id
        log = SimulatedLog(membership: membership, mutant: mutant)
        home = try StateHome(directory: "\(directory)/n\(id.rawValue)")
    }

    var isUp: Bool { process != nil }
    var hasEverRun: Bool { generation > 0 }

    /// Whether the machine runs, with or without its process.
    private(set) var hasPower = true

    var place: Schedule.Place { Schedule.Place(host: self, generation: generation) }

    /// A fault that was armed takes effect.
    func meets(_ fault: FaultKind, in trial: Trial) {
        if armed.remove(fault) != nil { trial.tally[fault] += 1 }
    }

    /// Starts a process on what is on the disk.
    func start(in trial: Trial) {
        guard !isLost else { return }
        precondition(process == nil, "a process runs already")
        generation += 1
        hasPower = true
        log.spoilAtRestart()
        // A disk that is full or failing at a start is the operator's to mend first.
        log.failsNextSync = false
        log.isFull = false
        trial.trace("node \(id.rawValue) starts; its log ends at \(log.contents.last.rawValue)")
        do {
            let process = try NodeProcess(host: self, trial: trial)
            self.process = process
            process.begin()
            trial.network.started(id, in: trial)
        } catch {
            if Self.isDamage(error), trial.replacements.found(self) { return }
            trial.oracle.fail("node \(id.rawValue) does not start: \(error)")
        }
    }

    /// Whether a stored record did not verify.
    static func isDamage(_ error: any Error) -> Bool {
        switch error {
        case ReplicaError.raft(.storage(.damaged)), RaftError.storage(.damaged),
            LogStorageError.damaged:
            true
        default: false
        }
    }

    /// Ends the process. What was being written may or may not have reached the disk.
    func stop(_ end: ProcessEnd, in trial: Trial) {
        guard let process else { return }
        generation += 1
        self.process = nil
        pausedUntil = 0
        endInWrite = nil
        let underWay = process.end()
        trial.trace(
            "node \(id.rawValue) stops (\(end)); its log ends at \(log.contents.last.rawValue)"
        )
        if let underWay, trial.dice.chance(500) { log.tear(underWay) }
        if end == .powerCut {
            hasPower = false
            log.cutPower()
            home.loseState()
        } else {
            home.keepState()
        }
        trial.network.forget(id, end, in: trial)
    }
}

/// How a process ends.
enum ProcessEnd: Hashable {
    /// The process alone: what it handed to the system is still there.
    case processCrash
    /// The machine: what was not synced is gone, and the state with it.
    case powerCut
}
