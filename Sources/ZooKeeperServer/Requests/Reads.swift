import Bytes
import Commands
import Replica
import StateMachine
import Watches
import ZooKeeperProtocol

/// Reads of znodes, straight from the map into the send buffer.
extension ZooKeeperConnection {
    private static let rootPath = Array("/".utf8)

    func getData(_ xid: Int32, _ body: RawSpan) throws(JuteError) {
        var reader = JuteReader(body)
        let record = try PathWatchRecord(&reader)
        let found = look(xid, at: record.path) { view, znode, header throws(StateError) in
            try writeData(of: znode, in: view, header)
        }
        if found == .ok, record.watch { watch(.data, record.path) }
    }

    func exists(_ xid: Int32, _ body: RawSpan) throws(JuteError) {
        var reader = JuteReader(body)
        let record = try PathWatchRecord(&reader)
        // The one read that the real server refuses for a NUL; the others do not find the node.
        guard record.path.firstOffset(of: 0) == nil else {
            return out.plain(header(xid, .badArguments))
        }
        let found = look(xid, at: record.path) { _, znode, header throws(StateError) in
            out.stat(header, znode.stat)
        }
        if found == .ok || found == .noNode, record.watch { watch(.data, record.path) }
    }

    func getChildren(_ xid: Int32, _ body: RawSpan, withStat: Bool) throws(JuteError) {
        var reader = JuteReader(body)
        let record = try PathWatchRecord(&reader)
        let found = look(xid, at: record.path) { view, znode, header throws(StateError) in
            let mark = out.begin(header)
            try writeChildren(of: record.path, in: view)
            if withStat { out.stat(znode.stat) }
            out.end(mark)
        }
        if found == .ok, record.watch { watch(.child, record.path) }
    }

    /// Digests are shown only to who may change the list.
    func getACL(_ xid: Int32, _ body: RawSpan) throws(JuteError) {
        var reader = JuteReader(body)
        let path = try reader.text()
        _ = look(xid, at: path, needs: [.read, .admin]) { view, znode, header throws(StateError) in
            var entries = try view.aclEntries(znode.acl)
            if !(try view.allows(.admin, znode.acl, identities, self.header.client)) {
                entries = entries.map(\.masked)
            }
            let mark = out.begin(header)
            out.accessControl(entries)
            out.stat(znode.stat)
            out.end(mark)
        }
    }

    func getAllChildrenNumber(_ xid: Int32, _ body: RawSpan) throws(JuteError) {
        var reader = JuteReader(body)
        let path = try reader.text()
        _ = look(xid, at: path) { view, _, header throws(StateError) in
            let count = try Self.orRoot(path) { path throws(StateError) in
                try view.descendantCount(of: path)
            }
            // The real server counts the names that begin with path + "/": the root is one of "".
            out.number(header, Int32(clamping: path.byteCount == 0 ? count + 1 : count))
        }
    }

    func getEphemerals(_ xid: Int32, _ body: RawSpan) throws(JuteError) {
        var reader = JuteReader(body)
        let prefix = try reader.textOrEmpty()
        let mark = out.begin(header(xid))
        let place = out.reserveCount()
        var count: Int32 = 0
        do throws(StateError) {
            try port.read { view throws(StateError) in
                try view.forEachEphemeral(of: session, prefix: Self.meant(prefix)) { path in
                    out.juteBytes(path)
                    count += 1
                }
            }
        } catch {
            stateFailed(error)
        }
        out.fill(place, count)
        out.end(mark)
    }

    /// A prefix that is blank but for a slash means all, as Java's `trim` has it.
    @_lifetime(copy prefix)
    private static func meant(_ prefix: RawSpan) -> RawSpan {
        var start = 0
        var end = prefix.byteCount
        while start < end, prefix[byte: start] <= 0x20 { start += 1 }
        while start < end, prefix[byte: end - 1] <= 0x20 { end -= 1 }
        let isSlash = end - start == 1 && prefix[byte: start] == UInt8(ascii: "/")
        return start == end || isSlash ? prefix.extracting(first: 0) : prefix
    }

    func multiRead(_ xid: Int32, _ body: RawSpan) throws(JuteError) {
        var reader = JuteReader(body)
        let before = out.count
        let mark = out.begin(header(xid))
        do throws(JuteError) {
            while true {
                let step = try MultiHeader(&reader)
                if step.isDone { break }
                let record = try PathWatchRecord(&reader)
                guard try readStep(step.opcode, record.path) else {
                    throw .badCount(offset: 0, count: step.opcode)
                }
                guard out.count - before <= limits.multiReadBytesMax else {
                    throw .badCount(offset: 0, count: Int32(clamping: out.count - before))
                }
            }
        } catch {
            out.abandon(mark)
            throw error
        }
        out.multiHeader(.end)
        out.end(mark)
    }

    /// One step of a multiRead, which fails alone; false if it is no read.
    private func readStep(_ opcode: Int32, _ path: RawSpan) throws(JuteError) -> Bool {
        let opcode = Opcode(rawValue: opcode)
        guard opcode == .getData || opcode == .getChildren else { return false }
        let code = inspect(path, needs: .read) { view, znode throws(StateError) in
            let kind = opcode == .getData ? Opcode.getData : .getChildren
            out.multiHeader(MultiHeader(opcode: kind.rawValue, isDone: false, error: 0))
            if opcode == .getData {
                try writeRawData(of: znode, in: view)
                out.stat(znode.stat)
            } else {
                try writeChildren(of: path, in: view)
            }
        }
        if code != .ok { out.multiError(code.rawValue) }
        return true
    }

    // MARK: Finding

    /// Finds a znode that the client may read, and has its reply written; otherwise answers the
    /// error.
    private func look(
        _ xid: Int32,
        at path: RawSpan,
        needs permissions: Permissions = .read,
        _ write: (
            borrowing StateView, borrowing ZnodeView, ReplyHeader
        ) throws(StateError) -> Void
    ) -> ErrorCode {
        let header = header(xid)
        let start = out.mark
        let code = inspect(path, needs: permissions) { view, znode throws(StateError) in
            try write(view, znode, header)
        }
        if code != .ok {
            out.abandon(start)
            out.plain(ReplyHeader(xid: xid, zxid: header.zxid, error: code.rawValue))
        }
        return code
    }

    private func inspect(
        _ path: RawSpan,
        needs permissions: Permissions,
        _ body: (borrowing StateView, borrowing ZnodeView) throws(StateError) -> Void
    ) -> ErrorCode {
        do throws(StateError) {
            return try port.read { view throws(StateError) in
                try Self.orRoot(path) { path throws(StateError) in
                    guard let znode = try view.znode(path) else { return .noNode }
                    guard try isAllowed(permissions, znode.acl, view) else { return .noAuth }
                    try body(view, znode)
                    return .ok
                }
            }
        } catch {
            stateFailed(error)
            return .systemError
        }
    }

    private func isAllowed(
        _ permissions: Permissions,
        _ acl: ACLID,
        _ view: borrowing StateView
    ) throws(StateError) -> Bool {
        if acl.isWorldReadable { return true }
        return try view.allows(permissions, acl, identities, header.client)
    }

    /// The empty path is the root, too.
    private static func orRoot<Result>(
        _ path: RawSpan,
        _ body: (RawSpan) throws(StateError) -> Result
    ) throws(StateError) -> Result {
        path.byteCount == 0 ? try body(rootPath.rawSpan) : try body(path)
    }

    // MARK: Writing

    private func writeData(
        of znode: borrowing ZnodeView,
        in view: borrowing StateView,
        _ header: ReplyHeader
    ) throws(StateError) {
        if let data = znode.inlineData {
            return out.data(header, data, isNull: znode.dataIsNull, znode.stat)
        }
        let mark = out.begin(header)
        try writeRawData(of: znode, in: view)
        out.stat(znode.stat)
        out.end(mark)
    }

    private func writeRawData(
        of znode: borrowing ZnodeView,
        in view: borrowing StateView
    ) throws(StateError) {
        out.integer(znode.dataIsNull ? -1 : Int32(truncatingIfNeeded: znode.dataBytes))
        try view.forEachDataPiece(of: znode) { piece in out.raw(piece) }
    }

    private func writeChildren(of path: RawSpan, in view: borrowing StateView) throws(StateError) {
        let place = out.reserveCount()
        var count: Int32 = 0
        try Self.orRoot(path) { path throws(StateError) in
            try view.forEachChild(of: path) { name in
                out.juteBytes(name)
                count += 1
            }
        }
        out.fill(place, count)
    }
}

extension ACLEntry {
    /// "user:x" in place of "user:hash".
    fileprivate var masked: ACLEntry {
        guard identity.scheme == "digest" else { return self }
        let user = identity.id.bytes.prefix { $0 != UInt8(ascii: ":") }
        let id = ByteString(Array(user) + Array(":x".utf8))
        return ACLEntry(
            permissions: permissions,
            identity: Identity(scheme: identity.scheme, id: id)
        )
    }
}
