/// Every bound of the HTTP front end, with Consul's default where it has one.
public struct ConsulLimits: Sendable {
    /// `limits.kv_max_value_size`: the body of a KV PUT.
    public var valueBytesMax = 524_288
    /// `limits.txn_max_req_len`: the body of a transaction.
    public var transactionBytesMax = 524_288
    /// Operations of a transaction: 128 since Consul 1.11 (64 in 1.8.7).
    public var transactionOperationsMax = 128
    /// The body of any other request; Consul has no bound of its own here.
    public var bodyBytesMax = 2_097_152
    /// How deep JSON may nest; Go 1.15 allows 10,000, which no request of the API needs.
    public var jsonDepthMax = 64
    /// The request line and the headers together; Go's is 1 MiB, NIO's parser stops at 80 KiB.
    public var headBytesMax = 81_920
    /// The longest key; a log entry and every answer must carry it.
    public var keyBytesMax = 65_536
    /// The longest text of a filter, and how deep it may nest.
    public var filterBytesMax = 8_192
    public var filterDepthMax = 32

    /// `default_query_time` and `max_query_time`.
    public var waitDefaultMilliseconds: Int64 = 300_000
    public var waitMaxMilliseconds: Int64 = 600_000
    /// The random addition to a wait is at most its 1/16.
    public var waitJitterDivisor: Int64 = 16

    /// Pipelined requests of one connection that may wait behind the one in work, as parts of
    /// messages; above it the socket is not read.
    public var pipelinedPartsMax = 64
    /// Answers that are not handed to the socket yet: at this many bytes the next request waits,
    /// as it does while the socket takes nothing. One answer may be longer.
    public var unsentBytesMax = 1 << 20
    /// The body of an answer, as it is sent. Consul has no bound; 4 GiB would be more than a
    /// buffer holds.
    public var answerBytesMax = 1 << 30
    /// Connections on one event loop.
    public var connectionsMax = 20_000
    /// A request must arrive whole within this time of its first byte, the first one of a
    /// connection within this time of the connection's beginning. Between requests a connection
    /// may rest for ever, as in Consul; the bound on each address's connections keeps them few.
    public var requestMillisecondsMax: Int64 = 60_000
    /// A client that takes none of its answer for so long is dropped.
    public var stalledWriteMillisecondsMax: Int64 = 30_000
    /// How long a refused client may go on sending before it is cut off; Go's server waits as long.
    public var lingerMilliseconds: Int64 = 500
    /// How long a read may wait for the leader's word, and for what is to be applied first.
    public var barrierMillisecondsMax: Int64 = 15_000
    /// How long an operator's request may take; longer than the leader gives it.
    public var operationMillisecondsMax: Int64 = 40_000
    /// Blocked questions kept apart on one event loop; more are answered as if they timed out.
    public var questionsMax = 50_000
    /// The time a write may take from proposal to answer.
    public var writeMillisecondsMax: Int64 = 30_000

    /// Znodes of one page of /v1/roost/znodes, and how deep below its root it goes: each costs
    /// its event loop some microseconds.
    public var treeNodesMax = 500
    public var treeDepthMax = 1_000

    /// A token's description: a list of all tokens is one answer.
    public var tokenDescriptionBytesMax = 4_096

    /// A session's TTL.
    public var sessionTTLMillisecondsMin: Int64 = 10_000
    public var sessionTTLMillisecondsMax: Int64 = 86_400_000
    public var lockDelayMillisecondsMax: Int64 = 60_000
    /// `check_output_max_size`.
    public var checkOutputBytesMax = 4_096
    /// `deregister_critical_service_after` is raised to this.
    public var deregisterAfterMillisecondsMin: Int64 = 60_000
    /// How often a server looks whether it is still in the catalog; Consul's looks once a minute.
    public var registrationMilliseconds: Int64 = 30_000

    public init() {}
}
