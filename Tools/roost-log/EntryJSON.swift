import Bytes
import Commands
import ConsulProtocol
import Raft

/// Entries as JSON lines.
enum EntryJSON {
    static func write(_ entry: DescribedEntry, to json: inout JSONWriter) {
        json.member("index", entry.index.rawValue)
        json.member("term", entry.term.rawValue)
        json.member("kind", entry.kind)
        json.member("bytes", entry.payloadBytes)
        switch entry.content {
        case .command(let summary): write(summary, to: &json)
        case .empty: break
        case .membership(let membership): json.member("membership", membership.text)
        case .undecodable(let reason): json.member("reason", reason)
        }
    }

    private static func write(_ summary: CommandSummary, to json: inout JSONWriter) {
        json.member("time", TimeText.text(milliseconds: summary.timeMilliseconds))
        json.member("timeMilliseconds", Int(summary.timeMilliseconds))
        if summary.session.isSet { json.member("session", "\(summary.session)") }
        if !summary.client.isEmpty { json.member("client", summary.client) }
        if !summary.token.isEmpty { json.member("token", summary.token) }
        if !summary.paths.isEmpty {
            json.member(
                summary.kind.isZooKeepers ? "paths" : "keys",
                texts: summary.paths.map(\.text)
            )
        }
        if !summary.consulSessions.isEmpty {
            json.member("consulSessions", texts: summary.consulSessions.map(\.text))
        }
        // A list, since a transaction names each field once for every operation.
        json.name("fields")
        json.beginArray()
        for field in summary.fields {
            json.beginObject()
            json.member("name", field.name)
            json.member("value", field.value)
            json.endObject()
        }
        json.endArray()
    }
}
