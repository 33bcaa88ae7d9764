import Bytes
import Commands
import Logging
import Replica
import StateMachine
import Watches
import ZooKeeperProtocol

/// Watches: set beside a read or alone, asked for, removed, and set again after a reconnection.
extension ZooKeeperConnection {
    func watch(_ kind: WatchKind, _ path: RawSpan) {
        watch(kind, path: ByteString(copying: path))
    }

    private func watch(_ kind: WatchKind, path: ByteString) {
        let load = port.watches.load(of: slot)
        guard load.paths < limits.watchesPerConnectionMax,
            load.bytes + path.bytes.count <= limits.watchPathBytesMax
        else {
            loop.logger.warning("too many watches", metadata: ["session": "\(session)"])
            return closeAfterReplies()
        }
        // The empty path reads as the root's, but a watch on it is none on "/": it never fires.
        port.watches.add(kind, path: path, slot: slot)
    }

    func addWatch(_ xid: Int32, _ body: RawSpan) throws(JuteError) {
        var reader = JuteReader(body)
        let record = try PathNumberRecord(&reader)
        switch record.number {
        case 0: watch(.persistent, record.path)
        case 1: watch(.recursive, record.path)
        default: return out.plain(header(xid, .marshallingError))
        }
        out.number(header(xid), 0)
    }

    func checkWatches(_ xid: Int32, _ body: RawSpan) throws(JuteError) {
        try watches(xid, body) { kind, path in
            port.watches.has(kind, path: path, slot: slot)
        }
    }

    func removeWatches(_ xid: Int32, _ body: RawSpan) throws(JuteError) {
        try watches(xid, body) { kind, path in
            port.watches.remove(kind, path: path, slot: slot)
        }
    }

    private func watches(
        _ xid: Int32,
        _ body: RawSpan,
        _ act: (WatchKind, ByteString) -> Bool
    ) throws(JuteError) {
        var reader = JuteReader(body)
        let record = try PathNumberRecord(&reader)
        guard let kinds = Self.kinds(watcherType: record.number) else {
            return out.plain(header(xid, .marshallingError))
        }
        let path = ByteString(copying: record.path)
        var isAny = false
        for kind in kinds where act(kind, path) { isAny = true }
        out.plain(header(xid, isAny ? .ok : .noWatcher))
    }

    /// Watcher.WatcherType of 3.9.
    private static func kinds(watcherType: Int32) -> [WatchKind]? {
        switch watcherType {
        case 1: [.child]
        case 2: [.data]
        case 3: [.data, .child, .persistent, .recursive]
        case 4: [.persistent]
        case 5: [.recursive]
        default: nil
        }
    }

    /// What a client that was away missed is told first; the rest is watched again
    /// (DataTree.setWatches). A persistent watch is only set again.
    func setWatches(_ xid: Int32, _ body: RawSpan, hasPersistent: Bool) throws(JuteError) {
        var reader = JuteReader(body)
        let record = try SetWatchesRecord(&reader, hasPersistent: hasPersistent)
        for path in record.data { restore(.data, path, since: record.relativeZxid) }
        for path in record.exist { restoreExistence(path) }
        for path in record.child { restore(.child, path, since: record.relativeZxid) }
        for path in record.persistent { watch(.persistent, path: path) }
        for path in record.recursive { watch(.recursive, path: path) }
        out.plain(header(xid))
    }

    private func restore(_ kind: WatchKind, _ path: ByteString, since zxid: Int64) {
        guard let seen = glance(at: path) else { return missed(.deleted, path) }
        let changed = kind == .child ? seen.stat.pzxid : seen.stat.mzxid
        guard Int64(bitPattern: changed) > zxid else { return watch(kind, path: path) }
        if mayRead(seen.acl) { missed(kind == .child ? .childrenChanged : .dataChanged, path) }
    }

    private func restoreExistence(_ path: ByteString) {
        guard let seen = glance(at: path) else { return watch(.data, path: path) }
        if mayRead(seen.acl) { missed(.created, path) }
    }

    private func missed(_ kind: ZnodeWatchEvent.Kind, _ path: ByteString) {
        out.event(kind: kind.rawValue, path: path.bytes.rawSpan, zxid: -1)
        history.sent += 1
        loop.traffic.packetsSent += 1
    }

    private func glance(at path: ByteString) -> (stat: Stat, acl: ACLID)? {
        do throws(StateError) {
            return try port.read { view throws(StateError) in
                let path = path.bytes.isEmpty ? ZnodePath.root : path
                guard let znode = try view.znode(path.bytes.rawSpan) else { return nil }
                return (znode.stat, znode.acl)
            }
        } catch {
            stateFailed(error)
            return nil
        }
    }
}
