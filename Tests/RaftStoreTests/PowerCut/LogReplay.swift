import Disk
import SeededRandom

@testable import Raft
@testable import RaftStore

/// Cuts the power of a recorded log at every place, in every way, or at a sample of them; opens
/// what is left, and says where that is not what was promised.
struct LogReplay {
    let history: LogHistory
    let seed: UInt64
    /// The boot id under which the log is opened again.
    var bootID = "the boot after the power cut"
    /// How many of the cuts are tried; nil: all.
    var casesMax: Int?
    var stopsAtFirst = false
    /// Goes on after a recovery, cuts the power again, and recovers again, in every Nth case.
    var cutsAgainEach = 20

    private(set) var violations: [Violation] = []
    private(set) var caseCount = 0
    private(set) var outcomes: [String: Int] = [:]

    init(_ history: LogHistory, seed: UInt64) {
        self.history = history
        self.seed = seed
    }

    mutating func run(below scratch: String) throws {
        let schedule = CutSchedule(
            history.operations,
            seed: seed,
            casesMax: casesMax,
            stopsAtFirst: stopsAtFirst
        )
        violations = try schedule.run(below: scratch) { path, cut in try check(path, cut) }
    }

    private mutating func check(_ path: String, _ cut: CutSchedule.Cut) throws {
        caseCount += 1
        guard WriteAheadLog.exists("\(path)/wal") else {
            guard cut.acknowledged == nil else { throw Mismatch(what: "the log is gone") }
            return
        }
        let newest = cut.acknowledged ?? -1
        let allowed = [newest, newest + 1].filter(history.states.indices.contains).map {
            history.states[$0]
        }
        let found = try recover(path, allowed, step: newest)
        if caseCount % cutsAgainEach == 0 {
            try cutAgain(path, [found] + allowed, seed: UInt64(cut.place))
        }
    }

    /// Opens a log that has lost power, compares it with what it may hold, and works on with it.
    @discardableResult
    private mutating func recover(
        _ path: String,
        _ allowed: [LogState],
        step: Int
    ) throws -> LogState {
        let log = try WriteAheadLog.open(
            "\(path)/wal",
            settings: LogHistory.settings,
            bootID: bootID
        )
        let report = log.recovery
        outcomes["\(report.outcome)", default: 0] += 1
        let found = try LogState(log)
        guard allowed.contains(found) else {
            throw Mismatch(
                what: """
                    after step \(step) it holds \(found.summary), and not \
                    \(allowed.map(\.summary).joined(separator: " or ")); \(report)
                    """
            )
        }
        switch report.outcome {
        case .fellBack where report.damage.isEmpty, .verified where !report.damage.isEmpty:
            throw Mismatch(what: "the report does not say what was done: \(report)")
        case .processCrash where bootID != LogHistory.bootID:
            throw Mismatch(what: "it was believed unseen")
        default: break
        }
        try log.write(
            LogWrite(id: .zero, hardState: found.hardState, entries: Self.entries(after: found))
        )
        let inspected = try InspectedLog(directory: log.directory, isServed: false)
        let damage = try inspected.verify().damage
        guard damage.isEmpty else { throw Mismatch(what: "after one write more: \(damage)") }
        return try LogState(log)
    }

    private static func entries(after state: LogState) -> [Entry] {
        (0..<3).map {
            Entry(
                index: state.last.advanced(by: $0 + 1),
                term: max(state.hardState.term, Term(1)),
                payload: [UInt8](repeating: UInt8($0), count: 3_000)
            )
        }
    }

    /// The log goes on after a recovery, and the power goes again: in the middle of recovering,
    /// or of the commits after it. What was torn the first time may reappear as long as nothing
    /// was acknowledged since.
    private mutating func cutAgain(
        _ path: String,
        _ before: [LogState],
        seed: UInt64
    ) throws {
        let first = try SimulatedDisk(contentsOf: path)
        var states: [LogState] = []
        let operations = try DiskRecording.operations(below: path) {
            let log = try WriteAheadLog.open(
                "\(path)/wal",
                settings: LogHistory.settings,
                bootID: bootID
            )
            for number in 0..<3 {
                let state = try LogState(log)
                let entries = Self.entries(after: state)
                try log.write(LogWrite(id: .zero, hardState: state.hardState, entries: entries))
                states.append(try LogState(log))
                DiskRecording.mark(number)
            }
        }
        var generator = SeededGenerator(seed: seed)
        for style in PowerCut.Style.allCases {
            var disk = first
            let count = Int.random(in: 0...operations.count, using: &generator)
            var acknowledged: Int?
            for operation in operations.prefix(count) {
                disk.apply(operation)
                if case .mark(let number) = operation { acknowledged = number }
            }
            var cut = PowerCut(style, seed: generator.next())
            let next = states[((acknowledged ?? -1) + 1)...].prefix(1)
            let allowed = (acknowledged.map { [states[$0]] } ?? before) + next
            let kept = bootID
            bootID += ", and again"
            defer { bootID = kept }
            try disk.image(after: &cut).withDirectory(path + ".again") { again in
                _ = try recover(again, allowed, step: acknowledged ?? -1)
            }
        }
    }
}
