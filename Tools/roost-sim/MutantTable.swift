import ArgumentParser
import Disk
import Simulation

/// Runs every deliberate bug until it is found. One that is not shows a check that does not see.
struct MutantTable {
    let campaign: Campaign

    func run() throws {
        try say("mutant                 bound  found in seed  as")
        var missed = 0
        for mutant in Mutant.allCases {
            var found = try seek(mutant)
            if let seed = found?.seed, let violation = try violationWithout(mutant, seed) {
                found?.violation = "NOT BY THE BUG, without which it ends so: \(violation)"
                missed += 1
            }
            if found == nil { missed += 1 }
            let seed = found.map { "\($0.seed)" } ?? "-"
            try say(
                pad(mutant.name, 23) + pad("\(mutant.seedsMax)", 7) + pad(seed, 15)
                    + (found?.violation ?? "NOT FOUND").prefix(160)
            )
        }
        if missed > 0 { throw ExitCode(1) }
    }

    private func seek(_ mutant: Mutant) throws -> TrialResult? {
        var campaign = self.campaign
        campaign.mutant = mutant
        for seed in 1...mutant.seedsMax {
            let result = try campaign.run(seed: seed)
            if result.violation != nil { return result }
        }
        return nil
    }

    /// What goes wrong in the same run when the bug is not in it: nothing, or the find is worth
    /// nothing.
    private func violationWithout(_ mutant: Mutant, _ seed: UInt64) throws -> String? {
        var campaign = self.campaign
        campaign.mutant = mutant
        campaign.isMutantIdle = true
        return try campaign.run(seed: seed).violation
    }

    /// At once, also into a pipe: the next line may take minutes.
    private func say(_ line: String) throws { try StandardStream.output.write("\(line)\n") }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
