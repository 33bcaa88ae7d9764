package import Measures
package import ZooKeeperProtocol

/// What an operator chooses for the ZooKeeper side of a node.
package struct ZooKeeperSettings: Sendable {
    /// The first byte of the session ids made here, unique in the cluster (`myid`).
    package var serverID: UInt8 = 0
    package var tickMilliseconds = 2_000
    /// Below and above which a client's timeout is moved; 2 and 20 ticks.
    package var minSessionTimeoutMilliseconds: Int32 = 4_000
    package var maxSessionTimeoutMilliseconds: Int32 = 40_000
    /// `4lw.commands.whitelist`.
    package var fourLetterWords: Set<FourLetterWord> = [.srvr]
    /// `DigestAuthenticationProvider.superDigest`: "super:" and the hash; nil: nobody is super.
    package var superDigest: String?
    package var limits = ZooKeeperLimits()
    /// Of which requests to tell, and whom.
    package var requests = RequestWatch()
    /// What `conf` and `envi` print about the process.
    package var process = ProcessFacts()
    /// What `conf`, `dirs` and `mntr` print about what it takes.
    package var usage: @Sendable () -> ProcessUsage = { ProcessUsage() }
    /// What `mntr` prints of the node's own threads; it waits for nobody.
    package var node: @Sendable () -> NodeReport = { NodeReport() }

    package init() {}

    /// Reads a whitelist: names with commas between them, or `*` for all. Unknown ones are ignored,
    /// as in the real server.
    package static func whitelist(_ text: String) -> Set<FourLetterWord> {
        let names = text.split { $0 == "," || $0 == " " }
        if names.contains("*") { return Set(FourLetterWord.allCases) }
        return Set(names.compactMap { FourLetterWord(rawValue: String($0)) })
    }
}
