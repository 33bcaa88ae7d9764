/// Many seeds, one after the other.
package struct Campaign: Sendable {
    /// How many voters; nil: each seed decides.
    package var nodes: Int?
    package var mutant: Mutant?
    /// Where the nodes' states may lie.
    package var directory: String

    package init(nodes: Int? = nil, mutant: Mutant? = nil, directory: String = "/dev/shm") {
        self.nodes = nodes
        self.mutant = mutant
        self.directory = directory
    }

    package func run(seed: UInt64) throws -> TrialResult {
        try Trial(seed: seed, nodes: nodes, mutant: mutant, directory: directory).run()
    }
}
