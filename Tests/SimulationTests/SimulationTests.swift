import Foundation
import Testing

@testable import Simulation

@Suite struct SimulationTests {
    /// Without this no failure could be looked at twice.
    @Test(arguments: [3, 11] as [UInt64])
    func `the same seed gives the same run`(_ seed: UInt64) throws {
        let campaign = Campaign(directory: FileManager.default.temporaryDirectory.path)
        let first = try campaign.run(seed: seed)
        let second = try campaign.run(seed: seed)
        #expect(first.violation == nil)
        #expect(first.digest == second.digest)
        #expect(first.tally.events == second.tally.events)
    }

    @Test(
        arguments: [
            Mutant.losesTail, .appliesDifferently, .commitsTooMuch, .doublesEvents,
            .expiresReturned,
        ]
    )
    func `a deliberate bug is found`(_ mutant: Mutant) throws {
        let directory = FileManager.default.temporaryDirectory.path
        let campaign = Campaign(mutant: mutant, directory: directory)
        let found = try (1...10).first { try campaign.run(seed: $0).violation != nil }
        #expect(found != nil, "\(mutant.name) does harm that no check sees")
    }

    /// Nothing but the nodes' own comparing looks for these.
    @Test(arguments: [Mutant.altersEntry, .rotsRecord])
    func `a node whose state goes wrong is found by the nodes`(_ mutant: Mutant) throws {
        let directory = FileManager.default.temporaryDirectory.path
        let campaign = Campaign(mutant: mutant, directory: directory)
        for seed in 1...UInt64(3) {
            let violation = try campaign.run(seed: seed).violation
            let mark = "\(Oracle.divergenceMark) 1:"
            #expect(violation?.hasPrefix(mark) == true, "seed \(seed): \(violation ?? "nothing")")
        }
    }

    /// Its own snapshots are of the wrong state too, and its log goes on all the while.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `a node that is found wrong is refilled and serves again`(_ seed: UInt64) throws {
        let trial = try Trial(
            seed: seed,
            nodes: nil,
            mutant: .rotsRecord,
            isMutantIdle: false,
            directory: FileManager.default.temporaryDirectory.path
        )
        trial.refillsNodes = true
        let result = trial.run()
        #expect(result.violation == nil)
        #expect(result.tally.diverged == 1 && result.tally.refilled == 1)
    }
}
