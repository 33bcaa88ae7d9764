/// Many seeds, one after the other.
package struct Campaign: Sendable {
    /// How many voters; nil: each seed decides.
    package var nodes: Int?
    package var mutant: Mutant?
    /// The run is set up for the mutant, which does nothing then.
    package var isMutantIdle = false
    /// Where the nodes' states may lie.
    package var directory: String

    package init(nodes: Int? = nil, mutant: Mutant? = nil, directory: String = "/dev/shm") {
        self.nodes = nodes
        self.mutant = mutant
        self.directory = directory
    }

    /// - Parameter tracer: takes a line for every fault, election and change.
    package func run(
        seed: UInt64,
        tracer: ((String) -> Void)? = nil
    ) throws -> TrialResult {
        let trial = try Trial(
            seed: seed,
            nodes: nodes,
            mutant: mutant,
            isMutantIdle: isMutantIdle,
            directory: directory
        )
        trial.tracer = tracer
        return trial.run()
    }
}
