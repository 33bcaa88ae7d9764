import Bytes
import Commands
import ConsulProtocol
import Replica
import StateMachine

/// /v1/status/, the root, and families of which only the empty answer exists yet.
enum StatusHandler {
    static func root() -> Answer {
        var answer = Answer.text(200, "Consul Agent")
        answer.head.varies = false
        return answer
    }

    static func leader(_ request: Request, _ loop: ConsulLoop) -> Answer {
        if case .failure(let error) = ReadStep.options(request, loop) {
            return .text(400, error.text)
        }
        var json = JSONWriter()
        json.string(loop.status.leaderAddress)
        return .json(json.bytes)
    }

    static func peers(_ request: Request, _ loop: ConsulLoop) -> Answer {
        if case .failure(let error) = ReadStep.options(request, loop) {
            return .text(400, error.text)
        }
        var json = JSONWriter()
        json.texts(loop.status.peerAddresses.map { ByteString($0) })
        return .json(json.bytes)
    }

    /// Lists that are empty until their families exist, so that clients find what an unused
    /// Consul would say.
    static func standIn(_ request: Request, _ loop: ConsulLoop) -> Answer {
        switch request.endpoint {
        case .eventList: .json(Array("[]".utf8), metadata: indexOnly)
        case .coordinateNodes: .json(Array("[]".utf8), metadata: loop.metadata(index: 1))
        case .preparedQueries where request.method == .get:
            .json(Array("[]".utf8), metadata: loop.metadata(index: 1, effective: .leader))
        case .coordinateDatacenters: .json(datacenters(loop))
        default: .text(501, "not implemented")
        }
    }

    private static var indexOnly: AnswerMetadata {
        var metadata = AnswerMetadata(index: 1)
        metadata.tellsLeader = false
        return metadata
    }

    private static func datacenters(_ loop: ConsulLoop) -> [UInt8] {
        var json = JSONWriter()
        json.beginArray()
        json.beginObject()
        json.member("Datacenter", ByteString(loop.settings.datacenter))
        json.member("AreaID", "wan" as ByteString)
        json.name("Coordinates")
        json.texts([])
        json.endObject()
        json.endArray()
        return json.bytes
    }

    /// /v1/operator/raft/configuration. A member that has not entered the catalog yet has no UUID
    /// there, and its address stands for it.
    static func raftConfiguration(_ loop: ConsulLoop) -> Answer {
        let status = loop.status
        var servers: [(server: ReplicaStatus.Server, id: ByteString)] = []
        do throws(StateError) {
            for server in status.servers {
                let record = try loop.port.read { view throws(StateError) in
                    try view.node(ByteString(server.name))
                }
                let id = record?.definition.id ?? ""
                servers.append((server, id.bytes.isEmpty ? ByteString(server.address) : id))
            }
        } catch {
            return .text(500, "\(error)")
        }
        var json = JSONWriter()
        json.beginObject()
        json.name("Servers")
        json.beginArray()
        for (server, id) in servers {
            json.beginObject()
            json.member("ID", id)
            json.member("Node", ByteString(server.name))
            json.member("Address", ByteString(server.address))
            json.member("Leader", server.node == status.leader)
            json.member("ProtocolVersion", "3" as ByteString)
            json.member("Voter", server.isVoter)
            json.endObject()
        }
        json.endArray()
        json.member("Index", UInt64(0))
        json.endObject()
        return .json(json.bytes)
    }
}
