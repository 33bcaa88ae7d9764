import Foundation
import Raft
import Testing

/// Random clusters under random faults. A failure prints the command that repeats it.
@Suite struct ChaosTests {
    static let environment = ProcessInfo.processInfo.environment

    /// ROOST_SEED names one seed; ROOST_SEEDS says how many to try from 1 on.
    static var seeds: ClosedRange<UInt64> {
        if let seed = environment["ROOST_SEED"].flatMap(UInt64.init) { return seed...seed }
        return 1...(environment["ROOST_SEEDS"].flatMap(UInt64.init) ?? 25)
    }

    static let steps = environment["ROOST_STEPS"].flatMap { Int($0) } ?? 30_000

    @Test func `no fault breaks a promise, and without faults the cluster lives`() throws {
        var (applied, reads, changes) = (0, 0, 0)
        for seed in ChaosTests.seeds {
            do {
                let chaos = try Chaos(seed: seed)
                try chaos.run(steps: ChaosTests.steps)
                try chaos.recover()
                (applied, reads) = (applied + chaos.appliedCount, reads + chaos.readCount)
                changes += chaos.changeCount
            } catch {
                Issue.record(
                    """
                    seed \(seed): \(error); repeat with
                    ROOST_SEED=\(seed) swift test --filter ChaosTests
                    """
                )
            }
        }
        print("applied \(applied), reads \(reads), membership changes \(changes)")
        // A run in which nothing happens would prove nothing.
        #expect(applied > 0 && (reads > 0 && changes > 0 || seeds.count < 10))
    }

    private var seeds: ClosedRange<UInt64> { ChaosTests.seeds }

    @Test(arguments: Chaos.Canary.allCases)
    func `a broken variant is found within a hundred seeds`(_ canary: Chaos.Canary) {
        let found = (1...100).first { (seed: UInt64) in
            do {
                try Chaos(seed: seed, canary: canary).run(steps: ChaosTests.steps)
                return false
            } catch {
                return true
            }
        }
        #expect(found != nil, "\(canary) does harm that no check sees")
    }
}
