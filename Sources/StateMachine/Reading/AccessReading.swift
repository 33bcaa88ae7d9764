internal import Bytes
public import Commands

extension StateView {
    /// The entries of an interned list.
    public func aclEntries(_ id: ACLID) throws(StateError) -> [ACLEntry] {
        if id == .open { return [.open] }
        var key = KeyBuffer()
        Self.appendKey(of: id, to: &key)
        guard let span = try get(key.span, in: tables.acls) else {
            throw .damaged(table: "acls", detail: "list \(id.value) is not there")
        }
        do throws(BytesError) {
            return try ACLCodec.decodeAll(span)
        } catch {
            throw .damaged(table: "acls", detail: "list \(id.value): \(error)")
        }
    }

    static func appendKey(of id: ACLID, to key: inout KeyBuffer) {
        key.append(UInt8(ascii: "i"))
        key.append(integer: id.value)
    }

    /// Whether a client with these identities may do any of `wanted` to a znode with this list.
    public func allows(
        _ wanted: Permissions,
        _ acl: ACLID,
        _ identities: IdentityList,
        _ client: ClientAddress
    ) throws(StateError) -> Bool {
        if acl == .open { return true }
        if acl.isWorldReadable, wanted.contains(.read) { return true }
        let rules = AccessRules(identities: identities.identities, client: client)
        return rules.allow(wanted, by: try aclEntries(acl))
    }
}
