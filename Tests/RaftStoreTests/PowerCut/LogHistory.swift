import Disk

@testable import Raft
@testable import RaftStore

/// All that a log holds.
struct LogState: Equatable {
    var first: LogIndex
    var last: LogIndex
    var baseTerm: Term
    var hardState: HardState
    var entries: [Entry]
    var memberships: [MembershipRecord]
    var manifests: [SnapshotManifest]
    var standing: NodeStanding

    init(_ log: WriteAheadLog) throws {
        first = try log.firstIndex()
        last = try log.lastIndex()
        baseTerm = try log.term(at: first.previous)
        hardState = log.hardState
        entries = try log.entries(from: first, to: last.next, bytesMax: .max)
        memberships = log.memberships
        manifests = log.manifests
        standing = log.standing
    }

    var summary: String {
        "\(first.rawValue)...\(last.rawValue), term \(hardState.term.rawValue), "
            + "\(memberships.count) memberships, \(manifests.count) manifests"
    }
}

/// What a log went through while the recorder looked on, and what it held after each step.
struct LogHistory {
    static let settings: LogSettings = {
        var settings = LogSettings()
        settings.growthBytes = 256 << 10
        settings.aheadBytesMin = 256 << 10
        settings.mapBytes = 1 << 30
        settings.compactionBytesPerCommit = 20 << 10
        return settings
    }()
    static let bootID = "the recorded boot"

    private(set) var operations: [DiskOperation] = []
    /// What is stored after step N, which `mark(N)` acknowledges.
    private(set) var states: [LogState] = []
    private var random: RandomWrites
    private var model = LogModel()

    /// - Parameter lies: flushes do nothing from the first step on.
    init(seed: UInt64, steps: Int, in directory: String, lies: Bool = false) throws {
        random = RandomWrites(seed: seed)
        random.payloadBytesMax = 20_000
        var made = self
        operations = try DiskRecording.operations(below: directory) {
            try made.run(steps, "\(directory)/wal", lies)
        }
        states = made.states
    }

    private mutating func run(_ steps: Int, _ path: String, _ lies: Bool) throws {
        try WriteAheadLog.create(
            path,
            identity: Sample.identity,
            memberships: Sample.memberships,
            settings: Self.settings
        )
        while states.count < steps {
            let log = try WriteAheadLog.open(path, settings: Self.settings, bootID: Self.bootID)
            if states.isEmpty { try acknowledge(log) }
            DiskRecording.lie(lies)
            for _ in 0..<Int.random(in: 10...30, using: &random.generator) {
                try Self.change(log, &model, &random)
                try acknowledge(log)
            }
            if random.chance(1, in: 2) { try log.close() }
        }
    }

    private mutating func acknowledge(_ log: WriteAheadLog) throws {
        DiskRecording.mark(states.count)
        states.append(try LogState(log))
    }

    /// One commit, of any kind. A compaction that was asked for before comes with any of them.
    private static func change(
        _ log: WriteAheadLog,
        _ model: inout LogModel,
        _ random: inout RandomWrites
    ) throws {
        try commit(log, &model, &random)
        model.drop(before: try log.firstIndex(), log.hardState)
    }

    private static func commit(
        _ log: WriteAheadLog,
        _ model: inout LogModel,
        _ random: inout RandomWrites
    ) throws {
        if random.chance(1, in: 12) { try log.growth.growAhead() }
        if random.chance(1, in: 5), log.hasGarbage { return try log.collectGarbage() }
        if random.chance(1, in: 12), model.entries.count > 2 {
            return try takeSnapshot(log, &model, &random)
        }
        // A commit of records alone.
        if random.chance(1, in: 15) {
            var standing = log.standing
            let number = UInt64.random(in: 2...9, using: &random.generator)
            standing.members = [
                NodeStanding.Member(
                    node: NodeID(number),
                    name: "n\(number)",
                    address: "10.0.0.\(number):8300",
                    incarnation: [UInt8](repeating: UInt8(number), count: 16)
                )
            ]
            return try log.setStanding(standing)
        }
        var write = random.next(model)
        if random.chance(1, in: 12) { write.memberships = memberships(model, &random) }
        try log.write(write)
        model.apply(write)
    }

    /// Its compaction happens with a later commit.
    private static func takeSnapshot(
        _ log: WriteAheadLog,
        _ model: inout LogModel,
        _ random: inout RandomWrites
    ) throws {
        let offset = Int.random(in: 0..<model.entries.count - 1, using: &random.generator)
        let index = model.first.advanced(by: offset)
        try log.record(Sample.manifest(index, term: Term(1)), keeping: 2)
        try log.compact(upTo: index)
    }

    private static func memberships(
        _ model: LogModel,
        _ random: inout RandomWrites
    ) -> [MembershipRecord] {
        (0..<Int.random(in: 1...4, using: &random.generator)).map {
            MembershipRecord(
                index: model.first.advanced(by: $0),
                membership: Membership(voters: (0...UInt64($0)).map { NodeID($0 + 1) })
            )
        }
    }
}

extension LogModel {
    /// Follows a compaction that came with a later write.
    mutating func drop(before index: LogIndex, _ hardState: HardState) {
        self.hardState = hardState
        guard index > first else { return }
        compact(upTo: index.previous)
    }
}
