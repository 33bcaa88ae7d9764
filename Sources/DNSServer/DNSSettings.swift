package import Bytes
package import DNSProtocol

/// What an operator says of the DNS interface; `dns_config` in Consul's configuration.
package struct DNSSettings: Sendable {
    let datacenter: ByteString
    /// `domain`: what all names here end in, in lower case.
    let domain: DomainName
    let domainLabels: [ByteString]
    /// Of the zone: who answers for it, and whom to write to.
    let server: DomainName
    let mailbox: DomainName
    /// `only_passing`: instances whose checks warn are left out, too.
    package var isPassingOnly = false
    /// `node_ttl` and `service_ttl`.
    package var nodeSecondsToLive: UInt32 = 0
    package var serviceSecondsToLive: UInt32 = 0
    /// `udp_answer_limit` and `enable_truncate`.
    package var datagram = Response.DatagramBounds(plainAnswersMax: 3, saysTruncated: false)
    /// `a_record_limit`: instances in an answer of addresses; 0: all.
    package var addressAnswersMax = 0
    package var access = Access()
    package var limits = DNSLimits()

    /// Who asks by DNS shows no token: what the operator has chosen for such clients counts.
    package struct Access: Sendable {
        package var isEnabled = false
        package var allowsByDefault = true
        /// The secret of the token that is shown for them; "": they are anonymous.
        package var fallback: ByteString = ""

        package init() {}
    }

    /// Nil: the domain is so long that there is no room for names before it.
    package init?(datacenter: ByteString, domain: DomainName) {
        let domain = domain.lowercased
        guard domain.wire.count <= DNSLimits.domainBytesMax,
            let server = DomainName(labels: ["ns"] + domain.labels),
            let mailbox = DomainName(labels: ["hostmaster"] + domain.labels)
        else { return nil }
        self.datacenter = datacenter.lowercased
        self.domain = domain
        domainLabels = domain.labels
        self.server = server
        self.mailbox = mailbox
    }

    /// The name of something in this datacenter; a node's own name may have dots.
    func name(under kind: Kind, _ first: ByteString) -> DomainName? {
        let dot = UInt8(ascii: ".")
        let parts = [first.bytes, Array(kind.rawValue.utf8), datacenter.bytes]
        guard let front = DomainName(ByteString(Array(parts.joined(separator: [dot])))) else {
            return nil
        }
        return DomainName(labels: front.labels + domainLabels)
    }
}

/// What a name may be under.
enum Kind: String, CaseIterable {
    case service
    case connect
    case ingress
    case node
    case query
    case addr

    static let byLabel = Dictionary(
        uniqueKeysWithValues: allCases.map { (ByteString($0.rawValue), $0) }
    )
}

/// Every bound of the DNS front end.
package struct DNSLimits: Sendable {
    /// Datagrams that are read at once, and the longest of them: a question is at most 271 bytes,
    /// and what EDNS adds to it.
    package var datagramsPerRead = 32
    package var datagramBytesMax = 1_536
    /// What the kernel keeps of them while the loop does something else, as far as it allows.
    package var datagramsKeptBytes = 1 << 20
    /// Answers that the kernel does not take yet; queries that come then get none.
    package var unsentBytesMax = 1 << 20
    /// How long after an attempt in vain the socket for datagrams is bound again.
    package var rebindMilliseconds: Int64 = 100
    /// Queries of a connection over TCP, and how long it may rest before the first and the next: as
    /// in Consul's library.
    package var queriesPerConnectionMax = 128
    /// Of these, how many are answered before others of the loop have their turn, and for how
    /// long; the next turn comes after this pause, in which the loop serves its sockets.
    package var queriesPerTurnMax = 8
    package var turnMicroseconds: Int64 = 1_000
    package var turnPauseMilliseconds: Int64 = 1
    package var firstQueryMilliseconds: Int64 = 2_000
    package var idleMilliseconds: Int64 = 8_000
    /// Consul has no such bound but that of its open files.
    package var connectionsPerAddressMax = 200
    /// How often a name that stands for another one is looked up further, and the records that each
    /// adds.
    package var aliasDepthMax = 3
    package var aliasRecordsMax = 5
    /// Services whose instances are remembered, and what they take: about 100,000 instances.
    package var findingsMax = 4_096
    package var findingsBytesMax = 128 << 20
    /// Addresses that have names.
    package var addressesMax = 1_000_000
    /// Rows of the catalog that are read anew after each change. What takes more of them is read
    /// again when so many times as long has passed as reading it took.
    package var readRowsMax = 1_000
    package var toldFactor: Int64 = 10
    /// `ns` names at most so many servers.
    package var nameServersMax = 3
    /// The longest domain, so that there is room for names before it.
    static let domainBytesMax = 128

    package init() {}
}
