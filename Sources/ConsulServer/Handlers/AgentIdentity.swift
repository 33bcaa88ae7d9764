import Bytes
import Commands
import ConsulProtocol
import Replica
import StateMachine

/// What this node says about itself.
enum AgentIdentity {
    static func own(_ request: Request, _ loop: ConsulLoop) throws(StateError) -> Answer {
        let settings = loop.settings
        var json = JSONWriter(reserving: 4096)
        json.beginObject()
        json.name("Config")
        json.beginObject()
        json.member("Datacenter", ByteString(settings.datacenter))
        json.member("NodeName", ByteString(settings.nodeName))
        json.member("NodeID", ByteString(settings.nodeID))
        json.member("Revision", "roost" as ByteString)
        json.member("Server", true)
        json.member("Version", ByteString(settings.version))
        json.endObject()
        json.name("DebugConfig")
        debugConfig(loop, &json)
        json.name("Coord")
        json.raw(
            Array(
                "{\"Vec\":[0,0,0,0,0,0,0,0],\"Error\":1.5,\"Adjustment\":0,\"Height\":0.00001}".utf8
            )
        )
        json.name("Member")
        let isAlone = loop.status.isAlone
        member(ConsulAgent.node(settings), port: settings.peerPort, isAlone, loop, &json)
        json.name("Stats")
        try stats(loop, &json)
        json.name("Meta")
        json.beginObject()
        json.member("consul-network-segment", "" as ByteString)
        json.endObject()
        json.endObject()
        return .json(json.bytes)
    }

    private static func debugConfig(_ loop: ConsulLoop, _ json: inout JSONWriter) {
        let settings = loop.settings
        json.beginObject()
        json.member("ACLsEnabled", false)
        json.member("AdvertiseAddrLAN", ByteString(settings.address))
        json.member("BindAddr", ByteString(settings.address))
        json.member("Datacenter", ByteString(settings.datacenter))
        json.member("DefaultQueryTime", "5m0s" as ByteString)
        json.member("HTTPPort", settings.httpPort)
        json.member("KVMaxValueSize", loop.limits.valueBytesMax)
        json.member("MaxQueryTime", "10m0s" as ByteString)
        json.member("NodeID", ByteString(settings.nodeID))
        json.member("NodeName", ByteString(settings.nodeName))
        json.member("PrimaryDatacenter", ByteString(settings.datacenter))
        json.member("ServerMode", true)
        json.member("ServerPort", settings.peerPort)
        json.name("TaggedAddresses")
        json.beginObject()
        for tagged in ConsulAgent.node(settings).taggedAddresses ?? [] {
            json.name(escaping: tagged.name)
            json.string(tagged.address)
        }
        json.endObject()
        json.member("TxnMaxReqLen", loop.limits.transactionBytesMax)
        json.member("Version", ByteString(settings.version))
        json.endObject()
    }

    private static func stats(_ loop: ConsulLoop, _ json: inout JSONWriter) throws(StateError) {
        let services = try AgentHandler.localServices(loop).count
        let checks = try AgentHandler.localChecks(loop)
        let ttls = checks.count { $0.definition.ttlMilliseconds > 0 }
        let status = loop.status
        json.beginObject()
        table("agent", &json) { json in
            text("check_monitors", "0", &json)
            text("check_ttls", "\(ttls)", &json)
            text("checks", "\(checks.count)", &json)
            text("services", "\(services)", &json)
        }
        table("build", &json) { json in
            text("prerelease", "", &json)
            text("revision", "roost", &json)
            text("version", loop.settings.version, &json)
        }
        table("consul", &json) { json in
            text("acl", "disabled", &json)
            text("bootstrap", status.isAlone ? "true" : "false", &json)
            text("known_datacenters", "1", &json)
            text("leader", status.isLeader ? "true" : "false", &json)
            text("leader_addr", status.leaderAddress, &json)
            text("server", "true", &json)
        }
        table("raft", &json) { json in
            text("applied_index", "\(status.applied)", &json)
            text("commit_index", "\(status.commit)", &json)
            text("last_contact", "\(status.lastContactMilliseconds)", &json)
            text("num_peers", "\(max(0, status.peerAddresses.count - 1))", &json)
            text("protocol_version", "3", &json)
            text("state", status.isLeader ? "Leader" : "Follower", &json)
            text("term", "\(status.term)", &json)
        }
        json.endObject()
    }

    private static func table(
        _ name: String,
        _ json: inout JSONWriter,
        _ write: (inout JSONWriter) -> Void
    ) {
        json.name(name)
        json.beginObject()
        write(&json)
        json.endObject()
    }

    private static func text(_ name: String, _ value: String, _ json: inout JSONWriter) {
        json.member(name, ByteString(value))
    }

    /// The servers, as the catalog has them.
    static func members(_ request: Request, _ loop: ConsulLoop) throws(StateError) -> Answer {
        // "_all" is what `consul members` asks for.
        let segment = request.parameters.first("segment")
        if !segment.isEmpty && segment != "_all" {
            return .text(500, "Network segments are not supported in this version of Consul")
        }
        let found = try loop.port.read { view throws(StateError) in
            var found: [(NodeDefinition, Int)] = []
            for service in try view.services(named: AgentHandler.ownService) {
                guard let node = try view.node(service.node) else { continue }
                found.append((node.definition, Int(service.definition.port)))
            }
            return found
        }
        var json = JSONWriter()
        json.beginArray()
        for (node, port) in found { member(node, port: port, found.count == 1, loop, &json) }
        json.endArray()
        return .json(json.bytes)
    }

    private static func member(
        _ node: NodeDefinition,
        port: Int,
        _ isOnly: Bool,
        _ loop: ConsulLoop,
        _ json: inout JSONWriter
    ) {
        json.beginObject()
        json.member("Name", node.name)
        json.member("Addr", node.address)
        json.member("Port", port)
        table("Tags", &json) { json in
            text("acls", "0", &json)
            if isOnly { text("bootstrap", "1", &json) }
            text("build", "\(loop.settings.version):", &json)
            text("dc", loop.settings.datacenter, &json)
            text("ft_fs", "1", &json)
            text("id", node.id.text, &json)
            text("port", "\(port)", &json)
            text("raft_vsn", "3", &json)
            text("role", "consul", &json)
            text("segment", "", &json)
            text("vsn", "2", &json)
            text("vsn_max", "3", &json)
            text("vsn_min", "2", &json)
        }
        for (name, value) in [
            ("Status", 1), ("ProtocolMin", 1), ("ProtocolMax", 5), ("ProtocolCur", 2),
            ("DelegateMin", 2), ("DelegateMax", 5), ("DelegateCur", 4),
        ] {
            json.member(name, value)
        }
        json.endObject()
    }

    /// As since Consul 1.11; 1.8.7 has no such endpoint.
    static func version(_ request: Request, _ loop: ConsulLoop) -> Answer {
        var json = JSONWriter()
        json.beginObject()
        json.member("SHA", "" as ByteString)
        json.member("BuildDate", "1970-01-01T00:00:01Z" as ByteString)
        json.member("HumanVersion", ByteString(loop.settings.version))
        json.member("FIPS", "" as ByteString)
        json.endObject()
        return .json(json.bytes)
    }

    static func host(_ request: Request, _ loop: ConsulLoop) -> Answer {
        var json = JSONWriter()
        json.beginObject()
        json.name("Host")
        json.beginObject()
        json.member("hostname", ByteString(loop.settings.nodeName))
        json.endObject()
        json.member("CollectionTime", Int(loop.port.clock.wall()) * 1_000_000)
        json.name("Errors")
        json.null()
        json.endObject()
        return .json(json.bytes)
    }
}
