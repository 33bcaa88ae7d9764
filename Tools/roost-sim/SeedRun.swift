import ArgumentParser
import Disk
import Foundation
import Simulation

/// Seed after seed until one fails, the number is reached, or the time is up.
struct SeedRun {
    let options: RoostSim
    let campaign: Campaign

    func run() throws {
        let start = ContinuousClock.now
        let first = firstSeed
        var seed = first
        var total = Tally()
        while isDue(seed, first: first, since: start) {
            announce(seed)
            let result = try run(seed)
            total.add(result.tally)
            if let violation = result.violation {
                report(violation, seed: seed)
                throw ExitCode(1)
            }
            seed += 1
        }
        let summary = Summary(tally: total, first: first, wall: start.duration(to: .now))
        print(options.json ? summary.json : summary.text)
        try checkVariety(total)
    }

    /// Checks that never met what they are for have shown nothing.
    private func checkVariety(_ total: Tally) throws {
        guard options.mutant == nil, total.seeds >= 10, !total.unmet.isEmpty else { return }
        say("\(total.seeds) seeds, and none of: \(total.unmet.joined(separator: ", "))")
        throw ExitCode(3)
    }

    /// What ends before the run has begun is told with its seed, and is no broken promise.
    private func run(_ seed: UInt64) throws -> TrialResult {
        do {
            return try campaign.run(seed: seed, tracer: options.trace ? { print($0) } : nil)
        } catch {
            say("seed \(seed) did not begin: \(error)\ntry again: \(command(seed))")
            throw ExitCode(2)
        }
    }

    private var firstSeed: UInt64 {
        if let seed = options.seed ?? options.first { return seed }
        guard let text = options.firstOf else { return 1 }
        // FNV-1a: the same on every machine.
        let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        return hash % 1_000_000_000
    }

    private func isDue(
        _ seed: UInt64,
        first: UInt64,
        since start: ContinuousClock.Instant
    ) -> Bool {
        if options.seed != nil { return seed == first }
        let limit = options.seconds ?? options.minutes.map { $0 * 60 }
        if let limit, start.duration(to: .now) >= .seconds(limit) { return false }
        if let count = options.seeds { return seed < first + count }
        return limit != nil || seed == first
    }

    private func report(_ violation: String, seed: UInt64) {
        say("seed \(seed): \(violation)\nrepeat it with: \(command(seed)) --trace")
    }

    /// Before each run, so that the last line names the seed of a run that traps.
    private func announce(_ seed: UInt64) { say("seed \(seed) (repeat: \(command(seed)))") }

    private func command(_ seed: UInt64) -> String {
        var command = "Tools/simulate --seed \(seed)"
        if let nodes = options.nodes { command += " --nodes \(nodes)" }
        if let mutant = options.mutant { command += " --mutant \(mutant)" }
        return command
    }

    private func say(_ text: String) { try? StandardStream.error.write("\(text)\n") }
}

/// What many runs came to.
struct Summary {
    let tally: Tally
    let first: UInt64
    let wall: Duration

    private var counts: [(name: String, count: Int)] {
        Tally.fields.map { ($0.name, tally[keyPath: $0.path]) }
            + FaultKind.allCases.map { ("fault: \($0.name)", tally[$0]) }
    }

    private var hours: String { String(format: "%.2f", tally.hours) }

    var text: String {
        let seconds = wall.components.seconds
        var lines = [
            "\(tally.seeds) seeds from \(first) on, \(hours) simulated hours in \(seconds) s, "
                + "no promise broken"
        ]
        for (name, count) in counts.dropFirst() {
            let padding = String(repeating: " ", count: max(1, 32 - name.count))
            lines.append("  \(name)\(padding)\(count)")
        }
        return lines.joined(separator: "\n")
    }

    var json: String {
        var fields = [
            "\"first\":\(first)", "\"simulated_hours\":\(hours)",
            "\"wall_seconds\":\(wall.components.seconds)",
        ]
        for (name, count) in counts {
            let key = name.replacing(": ", with: "_").replacing(" ", with: "_")
                .replacing("'", with: "").replacing("-", with: "_")
            fields.append("\"\(key)\":\(count)")
        }
        return "{\(fields.joined(separator: ","))}"
    }
}
