package import ConsulProtocol
package import Measures
package import NIOCore
import NIOHTTP1
package import Replica

/// Consul's HTTP API in front of the replica.
///
/// One `ConsulLoop` serves an event loop: it owns the loop's connections and blocked questions and
/// reads the state through the loop's `LoopPort`. A request becomes a `Step` (an answer, a command
/// for the log, or a question), and the connection performs it; nothing here waits, and nothing
/// keeps state that a restart would miss.
///
/// What it must never do: decide what the log decides (preconditions, expiry), read a clock other
/// than the port's, or touch a connection of another loop.
///
/// Map: `Connections` (NIO's side: one handler a connection, bounds in time and size), `Routing`
/// (the table of endpoints), `Tokens` (who may do what, and /v1/acl), `Handlers` (one file a family
/// of endpoints), `Blocking` (questions and who waits for them), `ConsulAgent` (what this node
/// registers about itself).
package enum ConsulFrontEnd {
    /// Adds the handlers of one accepted connection; call it on the channel's loop.
    package static func configure(_ channel: any Channel, loop: ConsulLoop) throws {
        let decoder = HTTPRequestDecoder(
            leftOverBytesStrategy: .dropBytes,
            limitConfiguration: loop.decoderLimits
        )
        let handlers = channel.pipeline.syncOperations
        try handlers.addHandler(ByteToMessageHandler(decoder))
        try handlers.addHandler(ConsulConnection(loop: loop))
    }
}

/// How metrics are asked for.
package enum MetricsFormat: Sendable {
    case json
    case prometheus
}

/// What this node is called and where it is, for the catalog and /v1/agent.
package struct ConsulSettings: Sendable {
    package var nodeName: String
    /// A UUID that stays with the data directory.
    package var nodeID: String
    /// The address that others reach this node by.
    package var address: String
    package var datacenter = "dc1"
    package var peerPort: Int
    package var httpPort: Int
    /// The version of Consul whose behaviour is followed; clients look at it.
    package var version = "1.8.7"
    package var limits = ConsulLimits()
    package var tokens = TokenSettings()
    /// Collects the metrics of the whole node; the answer comes once, on any thread.
    package var collect:
        @Sendable (MetricsFormat, @escaping @Sendable (OperatorAnswer) -> Void) -> Void = {
            _,
            answer in answer(.failure(500, "this node collects no metrics"))
        }
    /// Of which requests to tell, and whom.
    package var requests = RequestWatch()
    /// Answers what is asked about this node itself, at once.
    package var inquire: @Sendable (NodeInquiry) -> OperatorAnswer = { _ in
        .failure(500, "this node tells nothing of itself")
    }
    /// Has the leader carry out what an operator asks; the answer comes once, on any thread.
    package var operate:
        @Sendable (OperatorRequest, @escaping @Sendable (OperatorAnswer) -> Void) -> Void = {
            _,
            answer in answer(.failure(500, "this node takes no operator's requests"))
        }

    /// Copies the state for a client; the answer comes once, on any thread. True: as it is here.
    package var export: @Sendable (Bool, @escaping @Sendable (ExportAnswer) -> Void) -> Void = {
        _,
        answer in answer(.failure(.failure(500, "this node gives no snapshots")))
    }

    package init(
        nodeName: String,
        nodeID: String,
        address: String,
        peerPort: Int,
        httpPort: Int
    ) {
        self.nodeName = nodeName
        self.nodeID = nodeID
        self.address = address
        self.peerPort = peerPort
        self.httpPort = httpPort
    }
}
