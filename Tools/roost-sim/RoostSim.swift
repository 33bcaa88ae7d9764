import ArgumentParser
import Simulation

@main
struct RoostSim: ParsableCommand {
    @Option var seed: UInt64 = 1
    @Option var seeds: UInt64 = 1
    @Option var nodes: Int?
    @Option var mutant: String?

    func run() throws {
        var campaign = Campaign(nodes: nodes)
        campaign.mutant = mutant.flatMap { Mutant(rawValue: $0) }
        for seed in seed..<(seed + seeds) {
            let result = try campaign.run(seed: seed)
            print(seed, result.violation ?? "ok", result.digest, result.tally)
        }
    }
}
