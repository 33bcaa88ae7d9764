import Bytes
import Commands
import ConsulProtocol
import Logging
import NIOCore
package import Replica
import StateMachine
package import Watches

/// Registers this node, its health and the service "consul" in the catalog, as a Consul server's
/// agent does, and sees to it that the tokens of its configuration are there. Afterwards it looks
/// now and then whether somebody has taken the node out, and puts back what is missing. Runs on a
/// loop and does nothing when all of it is there already.
package final class ConsulAgent: LoopClient {
    private let loop: ConsulLoop
    private var slot: ClientSlot?
    private var retry: Scheduled<Void>?
    private var isStopped = false
    /// Whether the cluster has not heard of the configuration's tokens since this start.
    private var lacksTokens: Bool
    /// Whether the node was registered since this start; from then on only what is missing is.
    private var isRegistered = false

    package init(loop: ConsulLoop) {
        self.loop = loop
        lacksTokens = loop.settings.tokens.isEnabled
    }

    /// Begins to announce the node, and sees to it that it stays registered. Call it on the loop.
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

    /// Commands that are tried again leave as it is what is there already.
    private func attempt() {
        guard let slot, !isStopped, !loop.isRetiring else { return }
        if lacksTokens {
            let command = InitializeTokens(
                accessor: loop.newIdentifier(),
                secret: ByteString(loop.settings.tokens.initialManagement)
            )
            loop.port.propose(command.encode(CommandHeader()), from: slot, tag: Self.tokensTag)
        }
        guard isRegistered else {
            let command = Self.registration(loop.settings)
            return loop.port.propose(command.encode(CommandHeader()), from: slot, tag: 0)
        }
        // The next look, also where no answer comes to this one.
        tryAgain(milliseconds: loop.limits.registrationMilliseconds)
        if let command = missing() {
            loop.port.propose(command.encode(CommandHeader()), from: slot, tag: 0)
        }
    }

    /// What brings the node's entry back, if the state lacks any of it.
    private func missing() -> Register? {
        guard loop.port.status.whyUnserving == nil, loop.beginReading() else { return nil }
        defer { loop.port.end() }
        let settings = loop.settings
        do throws(StateError) {
            return try loop.port.read { view throws(StateError) in
                try Self.missing(settings, view)
            }
        } catch {
            loop.logger.error("the catalog cannot be read", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// A check that is there is left as it is: the leader alone says whether a member is alive.
    private static func missing(
        _ settings: ConsulSettings,
        _ view: borrowing StateView
    ) throws(StateError) -> Register? {
        var command = registration(settings)
        let name = command.node.name
        let node = try view.node(name)
        let service = try view.service(node: name, id: AgentHandler.ownService)
        let hasCheck = try view.check(node: name, id: AgentHandler.ownCheck) != nil
        if hasCheck { command.checks = [] }
        let isWhole =
            hasCheck && node?.definition == command.node && service?.definition == command.service
        return isWhole ? nil : command
    }

    package func completed(tag: UInt32, _ completion: Completion) {
        switch completion {
        case .applied(_, let outcome) where tag == Self.tokensTag:
            lacksTokens = false
            guard case .consul(.failed(let error)) = outcome else { return }
            loop.logger.error(
                "the initial management token cannot be made",
                metadata: ["error": "\(error)"]
            )
        case .applied(_, .consul(.failed(let error))):
            loop.logger.error("this node's name is refused", metadata: ["error": "\(error)"])
            tryAgain(milliseconds: isRegistered ? loop.limits.registrationMilliseconds : 5_000)
        case .applied, .barrier: finish()
        case .refused: tryAgain(milliseconds: 100)
        }
    }

    private func finish() {
        loop.logger.info(
            isRegistered ? "registered in the catalog again" : "registered in the catalog",
            metadata: ["node": "\(loop.settings.nodeName)"]
        )
        isRegistered = true
        tryAgain(milliseconds: lacksTokens ? 100 : loop.limits.registrationMilliseconds)
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
