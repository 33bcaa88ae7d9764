import Bytes
import Commands
import Logging
import NIOCore
package import Replica
package import Watches

/// Registers this node, its health and the service "consul" in the catalog, as a Consul server's
/// agent does at its start, and sees to it that the tokens of its configuration are there. Runs on
/// a loop and does nothing when all of it is there already.
package final class ConsulAgent: LoopClient {
    private let loop: ConsulLoop
    private var slot: ClientSlot?
    private var retry: Scheduled<Void>?
    private var isStopped = false

    package init(loop: ConsulLoop) {
        self.loop = loop
    }

    /// Begins to announce the node, and goes on until it is registered. Call it on the loop.
    package func announce() {
        if slot == nil { slot = loop.port.attach(self) }
        attempt()
    }

    package func stop() {
        isStopped = true
        retry?.cancel()
        if let slot { loop.port.detach(slot) }
        slot = nil
    }

    private static let tokensTag: UInt32 = 1

    /// Both commands are tried again together: what is there already they leave as it is.
    private func attempt() {
        guard let slot, !isStopped else { return }
        let tokens = loop.settings.tokens
        if tokens.isEnabled {
            let command = InitializeTokens(
                accessor: loop.newIdentifier(),
                secret: ByteString(tokens.initialManagement)
            )
            loop.port.propose(command.encode(CommandHeader()), from: slot, tag: Self.tokensTag)
        }
        loop.port.propose(
            Self.registration(loop.settings).encode(CommandHeader()),
            from: slot,
            tag: 0
        )
    }

    package func completed(tag: UInt32, _ completion: Completion) {
        switch completion {
        case .applied(_, let outcome) where tag == Self.tokensTag:
            guard case .consul(.failed(let error)) = outcome else { return }
            loop.logger.error(
                "the initial management token cannot be made",
                metadata: ["error": "\(error)"]
            )
        case .applied(_, .consul(.failed(let error))):
            loop.logger.error("this node's name is refused", metadata: ["error": "\(error)"])
            tryAgain(milliseconds: 5_000)
        case .applied, .barrier: finish()
        case .refused: tryAgain(milliseconds: 100)
        }
    }

    private func finish() {
        loop.logger.info(
            "registered in the catalog",
            metadata: ["node": "\(loop.settings.nodeName)"]
        )
    }

    private func tryAgain(milliseconds: Int64) {
        guard !isStopped else { return }
        retry?.cancel()
        let eventLoop = loop.eventLoop.assumeIsolated()
        retry = eventLoop.scheduleTask(in: .milliseconds(milliseconds)) { [weak self] in
            self?.attempt()
        }
    }

    package func watchFired(_ event: ZnodeWatchEvent) {}
    package func sessionEnded(_ reason: SessionEnd) {}
    package func flush() {}

    /// This node, as it stands in the catalog.
    static func node(_ settings: ConsulSettings) -> NodeDefinition {
        let address = ByteString(settings.address)
        let family = settings.address.contains(":") ? "ipv6" : "ipv4"
        let names = ["lan", "lan_\(family)", "wan", "wan_\(family)"]
        return NodeDefinition(
            id: ByteString(settings.nodeID),
            name: ByteString(settings.nodeName),
            address: address,
            datacenter: ByteString(settings.datacenter),
            taggedAddresses: names.map { TaggedAddress(name: ByteString($0), address: address) },
            metadata: [Metadatum(key: "consul-network-segment", value: "")]
        )
    }

    /// One entry; equal rows keep their index, so that a restart changes nothing.
    static func registration(_ settings: ConsulSettings) -> Register {
        let metadata = [
            ("non_voter", "false"), ("raft_version", "3"), ("serf_protocol_current", "2"),
            ("serf_protocol_max", "5"), ("serf_protocol_min", "1"), ("version", settings.version),
        ]
        let service = ServiceDefinition(
            id: AgentHandler.ownService,
            name: AgentHandler.ownService,
            tags: [],
            port: Int32(clamping: settings.peerPort),
            metadata: metadata.map { Metadatum(key: ByteString($0), value: ByteString($1)) }
        )
        let check = CheckDefinition(
            node: ByteString(settings.nodeName),
            id: AgentHandler.ownCheck,
            name: "Serf Health Status",
            status: .passing,
            output: "Agent alive and reachable"
        )
        return Register(node: node(settings), service: service, checks: [check])
    }
}
