import Bytes
import Commands
import Logging
import Replica
import StateMachine
import Watches
import ZooKeeperProtocol

/// Requests that are answered at once: from the snapshot that is open, or from what the
/// connection knows.
extension ZooKeeperConnection {
    /// Nothing is outstanding, so this is its turn.
    func answer(_ xid: Int32, _ opcode: Opcode?, _ body: RawSpan) -> Intake {
        prepareOut()
        let before = out.count
        let result = dispatch(xid, opcode, body)
        if out.count > before { answered(bytes: out.count - before) }
        return result
    }

    private func answered(bytes: Int) {
        countSent(bytes)
        history.lastZxid = loop.snapshotZxid
        history.lastReplyAt = loop.lastKnownTime
        loop.unmeasuredReads &+= 1
    }

    /// One reply that is not of the log and has no record.
    func reply(_ header: ReplyHeader) {
        prepareOut()
        out.plain(header)
        countSent(ReplyHeader.frameBytes)
    }

    private func dispatch(_ xid: Int32, _ opcode: Opcode?, _ body: RawSpan) -> Intake {
        do throws(JuteError) {
            switch opcode {
            case .getData: try getData(xid, body)
            case .exists: try exists(xid, body)
            case .getChildren: try getChildren(xid, body, withStat: false)
            case .getChildren2: try getChildren(xid, body, withStat: true)
            case .ping: out.plain(header(SpecialXID.ping))
            case .getACL: try getACL(xid, body)
            case .multiRead: try multiRead(xid, body)
            case .getEphemerals: try getEphemerals(xid, body)
            case .getAllChildrenNumber: try getAllChildrenNumber(xid, body)
            case .addWatch: try addWatch(xid, body)
            case .checkWatches: try checkWatches(xid, body)
            case .removeWatches: try removeWatches(xid, body)
            case .setWatches: try setWatches(xid, body, hasPersistent: false)
            case .setWatches2: try setWatches(xid, body, hasPersistent: true)
            case .whoAmI: whoAmI(xid)
            case .sasl: try sasl(xid, body)
            case .reconfig: try reconfigure(xid, body)
            case .auth: return authenticate(xid, body)
            default: return unknown(xid)
            }
        } catch {
            // The record is bad; the frame was whole, so the connection can go on.
            if opcode == .sasl { return .stop }
            out.plain(header(xid, .marshallingError))
        }
        return .taken
    }

    /// `check` outside a multi, and what is no request at all.
    private func unknown(_ xid: Int32) -> Intake {
        out.plain(ReplyHeader(xid: xid, zxid: -1, error: ErrorCode.unimplemented.rawValue))
        return .stop
    }

    /// A null token: nobody can be asked.
    private func sasl(_ xid: Int32, _ body: RawSpan) throws(JuteError) {
        var reader = JuteReader(body)
        _ = try reader.buffer()
        out.number(ReplyHeader(xid: xid, zxid: 0), -1)
    }

    private func reconfigure(_ xid: Int32, _ body: RawSpan) throws(JuteError) {
        var reader = JuteReader(body)
        _ = try ReconfigRecord(&reader)
        out.plain(header(xid, .reconfigDisabled))
    }

    func header(_ xid: Int32, _ code: ErrorCode = .ok) -> ReplyHeader {
        ReplyHeader(xid: xid, zxid: loop.snapshotZxid, error: code.rawValue)
    }

    /// Whether this client may read what has this list.
    func mayRead(_ acl: ACLID) -> Bool {
        if acl.isWorldReadable { return true }
        return allows(.read, acl)
    }

    func allows(_ wanted: Permissions, _ acl: ACLID) -> Bool {
        do throws(StateError) {
            return try port.read { view throws(StateError) in
                try view.allows(wanted, acl, identities, header.client)
            }
        } catch {
            stateFailed(error)
            return false
        }
    }

    func stateFailed(_ error: StateError) {
        loop.logger.error("the state cannot be read", metadata: ["error": "\(error)"])
    }
}
