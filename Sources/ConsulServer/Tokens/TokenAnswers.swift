import Bytes
import Commands
import ConsulProtocol
import Crypto

/// Tokens and the policy as JSON.
enum TokenAnswers {
    static func one(_ token: TokenRecord, hasID: Bool = false) -> Answer {
        var json = JSONWriter(reserving: 512)
        json.beginObject()
        if hasID { json.member("ID", token.definition.secret) }
        write(token, withSecret: true, &json)
        json.endObject()
        return .json(json.bytes)
    }

    /// Without secrets.
    static func list(_ tokens: [TokenRecord]) -> Answer {
        var json = JSONWriter(reserving: 64 + 512 * tokens.count)
        json.beginArray()
        for token in tokens {
            json.beginObject()
            write(token, withSecret: false, &json)
            json.endObject()
        }
        json.endArray()
        return .json(json.bytes)
    }

    private static func write(
        _ token: TokenRecord,
        withSecret: Bool,
        _ json: inout JSONWriter
    ) {
        let definition = token.definition
        json.member("AccessorID", definition.accessor)
        if withSecret { json.member("SecretID", definition.secret) }
        json.member("Description", definition.description)
        if !definition.policies.isEmpty {
            json.name("Policies")
            json.beginArray()
            for policy in definition.policies {
                json.beginObject()
                json.member("ID", policy)
                json.member("Name", BuiltinPolicy.name)
                json.endObject()
            }
            json.endArray()
        }
        json.member("Local", definition.isLocal)
        let time = HTTPDate.jsonText(milliseconds: token.createTimeMilliseconds)
        json.member("CreateTime", ByteString(time))
        write(hashOf: [definition.description] + definition.policies, &json)
        json.member("CreateIndex", token.createIndex)
        json.member("ModifyIndex", token.modifyIndex)
    }

    /// Says whether two tokens give the same rights; of another making than Consul's (BLAKE2b).
    private static func write(hashOf parts: [ByteString], _ json: inout JSONWriter) {
        var hash = SHA256()
        for part in parts { hash.update(data: part.bytes + [0]) }
        json.name("Hash")
        json.data(Array(hash.finalize()).rawSpan)
    }

    /// - Parameter withRules: lists leave them out.
    static func policy(createIndex: UInt64, withRules: Bool, _ json: inout JSONWriter) {
        json.beginObject()
        json.member("ID", TokenDefinition.management)
        json.member("Name", BuiltinPolicy.name)
        json.member("Description", BuiltinPolicy.description)
        if withRules {
            json.member("Rules", BuiltinPolicy.rules)
        } else {
            json.name("Datacenters")
            json.null()
        }
        write(hashOf: [BuiltinPolicy.name, BuiltinPolicy.rules], &json)
        json.member("CreateIndex", createIndex)
        json.member("ModifyIndex", createIndex)
        json.endObject()
    }

    /// Tokens of other datacenters are not fetched: there is one datacenter.
    static var replication: Answer {
        var json = JSONWriter(reserving: 320)
        json.beginObject()
        json.member("Enabled", false)
        json.member("Running", false)
        json.member("SourceDatacenter", "" as ByteString)
        json.member("ReplicationType", "" as ByteString)
        json.member("ReplicatedIndex", UInt64(0))
        json.member("ReplicatedRoleIndex", UInt64(0))
        json.member("ReplicatedTokenIndex", UInt64(0))
        json.member("LastSuccess", "0001-01-01T00:00:00Z" as ByteString)
        json.member("LastError", "0001-01-01T00:00:00Z" as ByteString)
        json.endObject()
        return .json(json.bytes)
    }
}
