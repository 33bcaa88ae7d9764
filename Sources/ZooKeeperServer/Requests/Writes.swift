import Bytes
import Commands
import DequeModule
import Measures
import Replica
import ZooKeeperProtocol

/// Requests that go through the log, in the order in which they came. Paths and lists are judged
/// where they are applied, against the state that they meet.
extension ZooKeeperConnection {
    func write(_ xid: Int32, _ opcode: Opcode?, _ body: RawSpan) -> Intake {
        guard let opcode else { return .stop }
        do throws(JuteError) {
            switch opcode {
            case .create, .create2, .createContainer, .createTTL:
                submit(try create(opcode, body), xid: xid, opcode)
            case .delete: submit(try delete(body), xid: xid, opcode)
            case .setData: submit(try setData(body), xid: xid, opcode)
            case .setACL: submit(try setACL(body), xid: xid, opcode)
            case .multi: return try multi(xid, body)
            case .sync: try sync(xid, body)
            default: submit(CloseSession().encode(header), xid: xid, opcode)
            }
            return .taken
        } catch {
            return refuse(xid, .marshallingError)
        }
    }

    /// Sends a command to the log; what it answers comes by `completed`.
    func submit(
        _ payload: [UInt8],
        xid: Int32,
        _ opcode: Opcode,
        detail: Outstanding.Detail = .none
    ) {
        let tag = expect(xid: xid, opcode, detail, payload)
        port.propose(payload, from: slot, tag: tag)
    }

    private func expect(
        xid: Int32,
        _ opcode: Opcode,
        _ detail: Outstanding.Detail,
        _ payload: [UInt8]? = nil
    ) -> UInt32 {
        let tag = firstTag &+ UInt32(outstanding.count)
        var request = Outstanding(
            xid: xid,
            opcode: opcode,
            startMicroseconds: arrivedAt,
            detail: detail
        )
        if let payload {
            request.commandBytes = payload.count
            outstandingBytes += payload.count
            if loop.watch.isOn {
                request.payload = payload
                request.isTraced = loop.watch.isTracing && loop.sampler.takes()
            }
        }
        outstanding.append(request)
        return tag
    }

    /// Answers an error at once, when its turn has come.
    func refuse(_ xid: Int32, _ code: ErrorCode) -> Intake {
        guard outstanding.isEmpty else { return .wait }
        reply(ReplyHeader(xid: xid, zxid: loop.snapshotZxid, error: code.rawValue))
        return .taken
    }

    // MARK: Commands

    private func create(_ opcode: Opcode, _ body: RawSpan) throws(JuteError) -> [UInt8] {
        var reader = JuteReader(body)
        let record = try CreateRecord(&reader, hasTimeToLive: opcode == .createTTL)
        let acl = record.isOpen ? ACLCodec.open : ACLCodec.encode(try record.decodedACL())
        return ZnodeEncoder.create(
            header,
            identities: identities,
            path: record.path,
            data: record.data,
            acl: acl.rawSpan,
            flags: record.flags,
            request: record.request(opcode)
        )
    }

    private func delete(_ body: RawSpan) throws(JuteError) -> [UInt8] {
        var reader = JuteReader(body)
        let record = try VersionedPathRecord(&reader)
        return ZnodeEncoder.delete(
            header,
            identities: identities,
            path: record.path,
            version: record.version
        )
    }

    private func setData(_ body: RawSpan) throws(JuteError) -> [UInt8] {
        var reader = JuteReader(body)
        let record = try SetDataRecord(&reader)
        return ZnodeEncoder.setData(
            header,
            identities: identities,
            path: record.path,
            data: record.data,
            version: record.version
        )
    }

    private func setACL(_ body: RawSpan) throws(JuteError) -> [UInt8] {
        var reader = JuteReader(body)
        let record = try SetACLRecord(&reader)
        let operation = SetACLOperation(
            path: ByteString(copying: record.path),
            acl: record.acl,
            version: record.version
        )
        return Command.setACL(operation, identities).encode(header)
    }

    private func multi(_ xid: Int32, _ body: RawSpan) throws(JuteError) -> Intake {
        var reader = JuteReader(body)
        guard let record = try MultiRecord(&reader) else { return refuse(xid, .marshallingError) }
        let payload = Command.multi(record.operations, identities).encode(header)
        submit(payload, xid: xid, .multi, detail: .steps(record.opcodes))
        return .taken
    }

    /// Waits until this node has applied all that was committed when it was asked.
    private func sync(_ xid: Int32, _ body: RawSpan) throws(JuteError) {
        var reader = JuteReader(body)
        let path = try reader.textOrEmpty().copiedBytes()
        port.barrier(from: slot, tag: expect(xid: xid, .sync, .path(path)))
    }
}
