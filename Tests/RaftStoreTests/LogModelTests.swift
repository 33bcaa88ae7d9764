import Disk
import Glibc
import SeededRandom
import Testing

@testable import Raft
@testable import RaftStore

/// What a log must hold, as an array.
struct LogModel {
    var first = LogIndex(1)
    var baseTerm = Term.zero
    var entries: [Entry] = []
    var hardState = HardState()

    var last: LogIndex { first.advanced(by: entries.count).previous }

    mutating func apply(_ write: LogWrite) {
        if let snapshot = write.snapshot {
            first = snapshot.index.next
            baseTerm = snapshot.term
            entries = []
        }
        if let start = write.entries.first?.index {
            entries.removeSubrange(start.count(after: first.previous) - 1..<entries.count)
            entries += write.entries
        }
        hardState = write.hardState
    }

    mutating func compact(upTo index: LogIndex) {
        let count = index.count(after: first.previous)
        guard count > 0, count <= entries.count else { return }
        baseTerm = entries[count - 1].term
        entries.removeFirst(count)
        first = index.next
    }
}

/// Makes random writes that a Raft core could make.
struct RandomWrites {
    var generator: SeededGenerator
    var term: UInt64 = 1
    var payloadBytesMax = 6_000

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func chance(_ one: Int, in all: Int) -> Bool {
        Int.random(in: 0..<all, using: &generator) < one
    }

    mutating func next(_ model: LogModel) -> LogWrite {
        if chance(1, in: 10) { term += 1 }
        var start = model.last.next
        if chance(1, in: 6), !model.entries.isEmpty {
            term += 1
            let back = Int.random(in: 0..<min(60, model.entries.count), using: &generator)
            start = LogIndex(model.last.rawValue - UInt64(back))
        }
        var write = LogWrite(
            id: .zero,
            hardState: HardState(term: Term(term), vote: NodeID(1), commit: model.first)
        )
        if chance(1, in: 60) {
            term += 1
            let index = LogIndex(model.last.rawValue + UInt64.random(in: 0..<50, using: &generator))
            write.snapshot = SnapshotDescriptor(
                index: index,
                term: Term(term),
                membership: Membership(voters: [NodeID(1)])
            )
            start = index.next
        }
        let count = chance(1, in: 8) ? 0 : Int.random(in: 1...40, using: &generator)
        for offset in 0..<count {
            write.entries.append(entry(at: start.advanced(by: offset)))
        }
        return write
    }

    mutating func entry(at index: LogIndex) -> Entry {
        var bytes = Int.random(in: 0..<400, using: &generator)
        if chance(1, in: 12) { bytes = Int.random(in: 0..<payloadBytesMax, using: &generator) }
        if chance(1, in: 12) { bytes = Int.random(in: 1880...2030, using: &generator) }
        let kind: Entry.Kind = bytes == 0 ? .empty : .normal
        return Entry(
            index: index,
            term: Term(term),
            kind: kind,
            payload: Sample.payload(bytes, &generator)
        )
    }
}

@Suite struct LogModelTests {
    static let seeds: [UInt64] = {
        guard let text = unsafe getenv("ROOST_SEED") else { return [1, 2, 3, 4] }
        return [UInt64(unsafe String(cString: text)) ?? 1]
    }()

    @Test(arguments: seeds)
    func `a random history reads as an array would, and verifies page by page`(
        seed: UInt64
    ) throws {
        do {
            try run(seed: seed, steps: 220)
        } catch {
            Issue.record(
                """
                seed \(seed): \(error)
                reproduce: ROOST_SEED=\(seed) swift test --filter LogModelTests
                """
            )
        }
    }

    private func run(seed: UInt64, steps: Int) throws {
        let directory = ScratchDirectory()
        let path = "\(directory.path)/wal"
        try WriteAheadLog.create(
            path,
            identity: Sample.identity,
            memberships: Sample.memberships,
            settings: Sample.settings
        )
        var model = LogModel()
        var random = RandomWrites(seed: seed)
        var step = 0
        while step < steps {
            let bootID = random.chance(1, in: 2) ? "this boot" : "boot \(step)"
            let log = try WriteAheadLog.open(path, settings: Sample.settings, bootID: bootID)
            for _ in 0..<Int.random(in: 1...40, using: &random.generator) {
                step += 1
                try change(log, &model, &random)
                try compare(log, model, &random, step)
            }
            if random.chance(1, in: 2) { try log.close() }
        }
    }

    private func change(
        _ log: WriteAheadLog,
        _ model: inout LogModel,
        _ random: inout RandomWrites
    ) throws {
        if random.chance(1, in: 10), model.entries.count > 2 {
            let index = model.first.advanced(
                by: Int.random(in: 0..<model.entries.count - 1, using: &random.generator)
            )
            try log.record(Sample.manifest(index, term: .zero), keeping: 2)
            try log.compact(upTo: index)
            try log.collectGarbage()
            model.compact(upTo: index)
            return
        }
        let write = random.next(model)
        try log.write(write)
        model.apply(write)
    }

    private func compare(
        _ log: WriteAheadLog,
        _ model: LogModel,
        _ random: inout RandomWrites,
        _ step: Int
    ) throws {
        try require(log.hardState == model.hardState, "step \(step): hard state")
        try require(try log.firstIndex() == model.first, "step \(step): first index")
        try require(try log.lastIndex() == model.last, "step \(step): last index")
        try require(
            try log.term(at: model.first.previous) == model.baseTerm,
            "step \(step): base term"
        )
        guard !model.entries.isEmpty else { return }
        let from = Int.random(in: 0..<model.entries.count, using: &random.generator)
        let to = Int.random(in: from + 1...model.entries.count, using: &random.generator)
        let found = try log.entries(
            from: model.entries[from].index,
            to: model.entries[to - 1].index.next,
            bytesMax: .max
        )
        try require(found == Array(model.entries[from..<to]), "step \(step): entries")
        let one = model.entries[from]
        try require(try log.term(at: one.index) == one.term, "step \(step): term")
        guard step % 7 == 0 else { return }
        let outside = try InspectedLog(directory: log.directory, isServed: false)
        let damage = try outside.verify().damage
        try require(damage.isEmpty, "step \(step): \(damage)")
    }

    private func require(_ isTrue: Bool, _ what: String) throws {
        if !isTrue { throw Mismatch(what: what) }
    }
}

struct Mismatch: Error {
    var what: String
}
