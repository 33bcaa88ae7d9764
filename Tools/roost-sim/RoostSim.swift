import ArgumentParser
import Simulation

/// Runs the simulator by hand and in CI.
@main
struct RoostSim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roost-sim",
        abstract: "Runs whole clusters in simulated time, with faults, and checks their promises.",
        discussion: """
            Each seed is one run: three or five nodes with clients, faults for a while, and then
            none, when the cluster must come to life and agree. A failure prints the command that
            repeats it.

            EXAMPLES
              roost-sim --seeds 200            seeds 1 to 200
              roost-sim --seed 42 --trace      one seed, with what befell it
              roost-sim --minutes 5 --first-of $(git rev-parse HEAD)
              roost-sim --mutants              shows that deliberate bugs are found

            EXIT CODES
              0  every promise was kept     1  one was broken, or a mutant was not found
              2  a run did not begin        3  ten seeds or more never met some fault
              64 the command line is wrong
            """
    )

    @Option(help: ArgumentHelp("Only this seed.", valueName: "number"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("So many seeds.", valueName: "count"))
    var seeds: UInt64?

    @Option(help: ArgumentHelp("As many seeds as end within the time.", valueName: "count"))
    var seconds: Int?

    @Option(help: ArgumentHelp("The same, in minutes.", valueName: "count"))
    var minutes: Int?

    @Option(help: ArgumentHelp("The first seed (default 1).", valueName: "number"))
    var first: UInt64?

    @Option(help: ArgumentHelp("Derives the first seed from a text.", valueName: "text"))
    var firstOf: String?

    @Option(help: ArgumentHelp("3 or 5 voters; without it the seed decides.", valueName: "count"))
    var nodes: Int?

    @Option(help: ArgumentHelp("Runs with this deliberate bug.", valueName: "name"))
    var mutant: String?

    @Flag(help: "Seeks every deliberate bug, and prints in which seed it was found.")
    var mutants = false

    @Flag(help: "Prints the summary as one line of JSON.")
    var json = false

    @Flag(help: "Prints faults, elections and changes as they happen.")
    var trace = false

    @Option(help: ArgumentHelp("Where the nodes' states lie meanwhile.", valueName: "path"))
    var directory = "/dev/shm"

    func validate() throws {
        if let nodes, nodes != 3, nodes != 5 {
            throw ValidationError("--nodes is 3 or 5, not \(nodes)")
        }
        if let mutant, Mutant(rawValue: mutant) == nil {
            let known = Mutant.allCases.map(\.name).joined(separator: ", ")
            throw ValidationError("--mutant \(mutant) is not known; there are \(known)")
        }
    }

    func run() throws {
        var campaign = Campaign(nodes: nodes, directory: directory)
        campaign.mutant = mutant.flatMap { Mutant(rawValue: $0) }
        if mutants {
            try MutantTable(campaign: campaign).run()
        } else {
            try SeedRun(options: self, campaign: campaign).run()
        }
    }
}
