/// A whole cluster with its clients in one thread and in simulated time.
///
/// Everything above the system is real: the Raft core, the replica with its appliers and ports, the
/// state machine on its LMDB tables, the codec of the peers, and both front ends on embedded
/// channels. Simulated are what they stand on: the network (`Network`), the clocks (`NodeClock`),
/// the disk under the log (`SimulatedLog`), and the threads, whose turns the `Schedule` orders.
///
/// One seed gives one run. Its first part is full of faults; in its second part there are none, and
/// the cluster must come to life. `Oracle` checks the promises of consensus all the time, the
/// clients' histories are judged at the end. What the module must never do: read a clock, or draw
/// a random number that does not come from the seed.
///
/// What it does not simulate: the pages of the write-ahead log's file (its own tests and the
/// power-cut replay do), sockets and TLS, real threads (a data race cannot show), memory that
/// runs out.
///
/// Map: `Trial` is one seed's run, `Campaign` many of them; `Host` a machine, `NodeProcess` a
/// server running on it; `Adversary` makes the faults, `Mutant` the deliberate bugs that the
/// checks must find; `Clients/` the clients, `Checks/` what is checked.
package enum SimulationFormat {
    /// Changes when the same seed begins to give another run.
    package static let version = 1
}
