import Bytes
import Commands
import ConsulProtocol
import StateMachine

/// Things of a state as rows for eyes.
enum ItemTable {
    static let heading = row("KIND", "INDEX", "BYTES", "NAME", "WHAT")

    static func row(_ item: StateItem) -> String {
        row(
            item.kind.rawValue,
            item.newestIndex == 0 ? "" : "\(item.newestIndex)",
            item.value.map { "\($0.count)" } ?? "",
            EntryTable.shown(item.name.text),
            item.detail
        )
    }

    private static func row(
        _ kind: String,
        _ index: String,
        _ bytes: String,
        _ name: String,
        _ what: String
    ) -> String {
        let cells = [
            EntryTable.wide(kind, 16), EntryTable.wide(index, 9), EntryTable.wide(bytes, 7),
            EntryTable.wide(name, 30), what,
        ]
        return cells.joined(separator: " ")
    }

    static func shown(value: [UInt8]?) -> String {
        guard let value else { return "null" }
        let start = Array(value.prefix(InspectorLimits.shownValueBytesMax))
        let isText = String(validating: start, as: UTF8.self) != nil || value.count > start.count
        let text =
            isText && !start.contains(0)
            ? EntryTable.shown(String(decoding: start, as: UTF8.self))
            : "0x\(Hexadecimal.text(start))"
        return value.count > start.count ? text + "..." : text
    }
}

extension StateItem {
    /// Its fields in one line.
    var detail: String {
        switch self {
        case .znode(let znode): Self.detail(znode)
        case .key(let key): Self.detail(key)
        case .zooKeeperSession(let session): "timeout=\(session.timeoutMilliseconds)ms"
        case .consulSession(let session):
            "node=\(EntryTable.shown(session.definition.node.text)) "
                + "ttl=\(EntryTable.shown(session.definition.ttlText.text)) "
                + "behavior=\(session.definition.behavior)"
        case .node(let node): "address=\(EntryTable.shown(node.definition.address.text))"
        case .service(let service):
            "name=\(EntryTable.shown(service.definition.name.text)) "
                + "port=\(service.definition.port)"
        case .check(let check): "status=\(EntryTable.shown(check.definition.status.text.text))"
        case .member(let member):
            "name=\(EntryTable.shown(member.name.text)) "
                + "address=\(EntryTable.shown(member.address.text))"
        // Its secret is nobody's to read.
        case .token(let token):
            "management=\(token.isManagement) "
                + "description=\(EntryTable.shown(token.definition.description.text))"
        }
    }

    private static func detail(_ znode: ZnodeItem) -> String {
        var parts = ["version=\(znode.stat.version)"]
        if znode.stat.childCount > 0 { parts.append("children=\(znode.stat.childCount)") }
        if znode.stat.ephemeralOwner != 0 {
            parts.append("owner=\(SessionID(znode.stat.ephemeralOwner))")
        }
        if znode.isContainer { parts.append("container") }
        if znode.acl != [.open] { parts.append("acl=\(aclText(znode.acl))") }
        parts.append(ItemTable.shown(value: znode.data))
        return parts.joined(separator: " ")
    }

    private static func detail(_ key: KeyRecord) -> String {
        var parts: [String] = []
        if key.flags != 0 { parts.append("flags=\(key.flags)") }
        if !key.session.bytes.isEmpty { parts.append("session=\(key.session)") }
        parts.append(ItemTable.shown(value: key.value))
        return parts.joined(separator: " ")
    }

    fileprivate static func aclText(_ acl: [ACLEntry]) -> String {
        let entries = acl.map { entry in
            "\(entry.identity.scheme):\(entry.identity.id):\(entry.permissions.rawValue)"
        }
        return EntryTable.shown(entries.joined(separator: ","))
    }
}

/// The same as JSON lines.
enum ItemJSON {
    static func write(_ item: StateItem, to json: inout JSONWriter) {
        json.member("kind", item.kind.rawValue)
        json.member("name", item.name.text)
        switch item {
        case .znode(let znode): write(znode, to: &json)
        case .key(let key): write(key, to: &json)
        case .zooKeeperSession(let session):
            json.member("timeoutMilliseconds", Int(session.timeoutMilliseconds))
        case .consulSession(let session): write(session, to: &json)
        case .node(let node):
            indexes(node.createIndex, node.modifyIndex, to: &json)
            json.member("id", node.definition.id.text)
            json.member("address", node.definition.address.text)
        case .service(let service): write(service, to: &json)
        case .check(let check): write(check, to: &json)
        case .member(let member):
            json.member("memberName", member.name.text)
            json.member("address", member.address.text)
        case .token(let token):
            indexes(token.createIndex, token.modifyIndex, to: &json)
            json.member("description", token.definition.description.text)
            json.member("policies", token.definition.policies.map(\.text).joined(separator: ","))
        }
    }

    private static func indexes(
        _ create: UInt64,
        _ modify: UInt64,
        to json: inout JSONWriter
    ) {
        json.member("createIndex", create)
        json.member("modifyIndex", modify)
    }

    private static func write(_ znode: ZnodeItem, to json: inout JSONWriter) {
        let stat = znode.stat
        json.member("czxid", stat.czxid)
        json.member("mzxid", stat.mzxid)
        json.member("pzxid", stat.pzxid)
        json.member("ctime", TimeText.text(milliseconds: stat.ctimeMilliseconds))
        json.member("mtime", TimeText.text(milliseconds: stat.mtimeMilliseconds))
        json.member("version", Int(stat.version))
        json.member("cversion", Int(stat.cversion))
        json.member("aversion", Int(stat.aversion))
        json.member("children", Int(stat.childCount))
        if stat.ephemeralOwner != 0 {
            json.member("ephemeralOwner", "\(SessionID(stat.ephemeralOwner))")
        }
        if znode.isContainer { json.member("container", true) }
        json.member(
            "acl",
            texts: znode.acl.map { entry in
                "\(entry.identity.scheme):\(entry.identity.id):\(entry.permissions.rawValue)"
            }
        )
        json.member(value: znode.data)
    }

    private static func write(_ key: KeyRecord, to json: inout JSONWriter) {
        indexes(key.createIndex, key.modifyIndex, to: &json)
        json.member("lockIndex", key.lockIndex)
        json.member("flags", key.flags)
        if !key.session.bytes.isEmpty { json.member("session", key.session.text) }
        json.member(value: key.value)
    }

    private static func write(_ session: SessionRecord, to json: inout JSONWriter) {
        indexes(session.createIndex, session.modifyIndex, to: &json)
        json.member("sessionName", session.definition.name.text)
        json.member("node", session.definition.node.text)
        json.member("ttl", session.definition.ttlText.text)
        json.member("behavior", "\(session.definition.behavior)")
    }

    private static func write(_ service: ServiceRecord, to json: inout JSONWriter) {
        indexes(service.createIndex, service.modifyIndex, to: &json)
        json.member("node", service.node.text)
        json.member("id", service.definition.id.text)
        json.member("service", service.definition.name.text)
        json.member("tags", texts: (service.definition.tags ?? []).map(\.text))
        json.member("address", service.definition.address.text)
        json.member("port", Int(service.definition.port))
    }

    private static func write(_ check: CheckRecord, to json: inout JSONWriter) {
        indexes(check.createIndex, check.modifyIndex, to: &json)
        json.member("node", check.definition.node.text)
        json.member("id", check.definition.id.text)
        json.member("service", check.definition.serviceID.text)
        json.member("status", check.definition.status.text.text)
    }
}

extension JSONWriter {
    /// A value whole: as text where it is UTF-8, else in base 64; null is ZooKeeper's null.
    mutating func member(_ prefix: String = "value", value: [UInt8]?) {
        guard let value else {
            name(prefix)
            null()
            return
        }
        if let text = String(validating: value, as: UTF8.self) {
            member(prefix, text)
        } else {
            name(prefix + "Base64")
            data(value.rawSpan)
        }
    }
}
