import Disk
import SeededRandom

/// Goes through a recording and cuts the power: after every operation in every style, or at a
/// sample of them. What two cuts leave alike is looked at once.
struct CutSchedule {
    struct Cut {
        /// The last operation that was asked for.
        var place: Int
        var style: PowerCut.Style
        /// The newest mark before it.
        var acknowledged: Int?
    }

    let operations: [DiskOperation]
    let seed: UInt64
    /// About how many cuts are tried; nil: all.
    var casesMax: Int?
    var stopsAtFirst = false

    /// Most is at stake where a commit is written and not synced yet: such places are sampled
    /// more often.
    private static let weightBeforeSync = 6

    /// Leaves a directory for each cut, and hands it to `check`, which says what is wrong by
    /// throwing.
    func run(
        below scratch: String,
        _ check: (String, Cut) throws -> Void
    ) throws -> [Violation] {
        var violations: [Violation] = []
        var chooser = SeededGenerator(seed: seed)
        var disk = SimulatedDisk(root: "\(scratch)/recorded")
        var acknowledged: Int?
        var tried: Set<[Int]> = []
        for (place, operation) in operations.enumerated() {
            disk.apply(operation)
            if case .mark(let number) = operation { acknowledged = number }
            for style in PowerCut.Style.allCases where isChosen(place, &chooser) {
                let cut = Cut(place: place, style: style, acknowledged: acknowledged)
                var power = PowerCut(style, seed: seed &+ UInt64(place) &* 64)
                let left = disk.image(after: &power)
                guard tried.insert([left.fingerprint, acknowledged ?? -1]).inserted else {
                    continue
                }
                do {
                    try left.withDirectory("\(scratch)/cut") { path in try check(path, cut) }
                } catch {
                    violations.append(Violation(cut: cut, what: "\(error)"))
                    if stopsAtFirst { return violations }
                }
            }
        }
        return violations
    }

    private func isChosen(_ place: Int, _ chooser: inout SeededGenerator) -> Bool {
        guard let casesMax else { return true }
        return Int.random(in: 0..<weight, using: &chooser) < casesMax * weight(of: place)
    }

    private func weight(of place: Int) -> Int {
        guard place + 1 < operations.count, case .sync = operations[place + 1] else { return 1 }
        return Self.weightBeforeSync
    }

    /// Of all cuts there are.
    private let weight: Int

    init(_ operations: [DiskOperation], seed: UInt64, casesMax: Int?, stopsAtFirst: Bool = false) {
        self.operations = operations
        self.seed = seed
        self.casesMax = casesMax
        self.stopsAtFirst = stopsAtFirst
        let syncs = operations.count { if case .sync = $0 { true } else { false } }
        let places = operations.count + syncs * (Self.weightBeforeSync - 1)
        weight = places * PowerCut.Style.allCases.count
    }
}

/// A place where a cut left something else than what was promised.
struct Violation: Error, CustomStringConvertible {
    var cut: CutSchedule.Cut
    var what: String

    var description: String { "power cut after operation \(cut.place), \(cut.style): \(what)" }
}
