import Raft

/// All clients of a run, and what they did.
final class Clients {
    private unowned let trial: Trial
    private var keyClients: [KeyClient] = []
    private var znodeClients: [ZnodeClient] = []
    private var owners: [OwnerClient] = []
    private var lockers: [LockClient] = []
    var ephemerals = Ephemerals()
    var fences = Fences()
    private var probes: [KeyProbe] = []
    private var znodeProbes: [ZnodeProbe] = []
    private var registers: [Int: Register] = [:]
    private var versions: [Int64: (index: Int64, key: Int)] = [:]
    private var lastValue: Int64 = 0

    private var keyUses = 0

    /// Keys in use at a time, and how often; a fresh key begins a fresh history.
    private static let keysAtOnce = 3
    private static let usesPerKey = 60

    init(trial: Trial) { self.trial = trial }

    func begin() {
        for _ in 0..<trial.settings.keyClientCount {
            keyClients.append(KeyClient(self, trial: trial))
        }
        for _ in 0..<trial.settings.znodeClientCount {
            znodeClients.append(ZnodeClient(self, trial: trial))
        }
        for _ in 0..<trial.settings.ownerCount {
            owners.append(OwnerClient(self, trial: trial))
            lockers.append(LockClient(self, trial: trial))
        }
        for client in keyClients { client.begin() }
        for client in znodeClients { client.begin() }
        for client in owners { client.begin() }
        for client in lockers { client.begin() }
    }

    /// When all is quiet, every register is read once more, each by some node: what was
    /// acknowledged must be there.
    func readAll() {
        let members = trial.members
        let all = registers.keys.sorted()
        for (number, host) in members.enumerated() {
            let mine = all.filter { $0.magnitude % UInt(members.count) == number }
            let keys = mine.filter { $0 >= 0 }
            let znodes = mine.filter { $0 < 0 }.map { znodeKey($0) }
            keyClients.append(KeyClient(self, trial: trial, home: host, agenda: keys))
            znodeClients.append(ZnodeClient(self, trial: trial, home: host, agenda: znodes))
            keyClients[keyClients.count - 1].begin()
            znodeClients[znodeClients.count - 1].begin()
        }
    }

    var isAllRead: Bool { keyClients.allSatisfy(\.isDone) && znodeClients.allSatisfy(\.isDone) }

    func stop() {
        for client in keyClients { client.stop() }
        for client in znodeClients { client.stop() }
        for client in owners { client.stop() }
        for client in lockers { client.stop() }
        for probe in probes { probe.stop() }
        for probe in znodeProbes { probe.stop() }
    }

    var areIdle: Bool {
        keyClients.allSatisfy(\.isIdle) && znodeClients.allSatisfy(\.isIdle)
    }

    func drop(_ dice: Dice) -> Bool {
        dice.chance(500) ? dice.pick(keyClients).drop() : dice.pick(znodeClients).drop()
    }

    // MARK: Histories

    func key() -> Int {
        keyUses += 1
        let epoch = keyUses / (Self.usesPerKey * Self.keysAtOnce)
        return epoch * Self.keysAtOnce + trial.dice.number(0...(Self.keysAtOnce - 1))
    }

    /// Znodes and keys have registers of their own.
    func znodeKey(_ key: Int) -> Int { -1 - key }

    func nextValue() -> Int64 {
        lastValue += 1
        return lastValue
    }

    func record(_ operation: Register.Operation, key: Int) {
        registers[key, default: Register()].add(operation)
        trial.note(
            UInt64(bitPattern: operation.observed) << 1 | (operation.returned == nil ? 0 : 1)
        )
    }

    /// A version of a key has one value, and a value one version.
    func sawVersion(_ value: Int64, at index: Int64, key: Int) {
        guard let known = versions[value] else { return versions[value] = (index, key) }
        if known != (index, key) {
            trial.oracle.fail(
                "value \(value) of key \(key) has ModifyIndex \(index), and had \(known.index)"
            )
        }
    }

    /// Judges every history, when all clients are done.
    func judge() {
        for key in registers.keys.sorted() {
            guard let register = registers[key] else { continue }
            trial.tally.histories += 1
            switch register.judge() {
            case .linearizable: continue
            case .undecided:
                trial.tally.undecided += 1
                trial.oracle.fail("whether the history of key \(key) is linearizable is not found")
            case .violated:
                for operation in register.operations {
                    let end = operation.returned.map { "\($0)" } ?? "open"
                    trial.trace(
                        "\(operation.called)...\(end) \(operation.kind) saw "
                            + "\(operation.observed) succeeded "
                            + (operation.succeeded.map { "\($0)" } ?? "-")
                    )
                }
                trial.oracle.fail("the history of key \(key) is not linearizable")
            }
        }
    }

    // MARK: Probes

    func beginProbes() {
        probes = trial.members.map { KeyProbe(host: $0, trial: trial) }
        znodeProbes = trial.members.map { ZnodeProbe(host: $0, trial: trial) }
        for probe in probes { probe.ask() }
        for probe in znodeProbes { probe.ask() }
    }

    /// A node that was on its way out when the probes began owes no answer any more.
    var areProbesAnswered: Bool {
        probes.allSatisfy { $0.isAnswered || !trial.isMember($0.host) }
            && znodeProbes.allSatisfy { $0.isAnswered || !trial.isMember($0.host) }
    }

    var unansweredProbes: String {
        let keys = probes.filter { !$0.isAnswered }.map { "\($0.host.id.rawValue)" }
        let znodes = znodeProbes.filter { !$0.isAnswered }.map { "\($0.host.id.rawValue)" }
        return "no key by node [\(keys.joined(separator: ", "))], "
            + "no znode by node [\(znodes.joined(separator: ", "))]"
    }
}
