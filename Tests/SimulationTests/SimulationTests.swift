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

    @Test(arguments: [Mutant.losesTail, .appliesDifferently, .commitsTooMuch, .doublesEvents])
    func `a deliberate bug is found`(_ mutant: Mutant) throws {
        let directory = FileManager.default.temporaryDirectory.path
        let campaign = Campaign(mutant: mutant, directory: directory)
        let found = try (1...10).first { try campaign.run(seed: $0).violation != nil }
        #expect(found != nil, "\(mutant.name) does harm that no check sees")
    }
}
