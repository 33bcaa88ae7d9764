import Bytes
import Commands
import NIOCore
import Replica
import ZooKeeperProtocol

/// A session's beginning: a new one, or one that comes back to this server.
extension ZooKeeperConnection {
    func greet(_ frame: RawSpan) -> Intake {
        let request: ConnectRequest
        do throws(JuteError) { request = try ConnectRequest(frame) } catch { return .stop }
        guard port.status.whyUnserving == nil else { return .stop }
        // The client has seen what this node has not: it must try another one.
        guard request.lastZxidSeen <= loop.snapshotZxid else { return .stop }
        let settings = loop.settings
        timeoutMilliseconds = min(
            max(request.timeoutMilliseconds, settings.minSessionTimeoutMilliseconds),
            settings.maxSessionTimeoutMilliseconds
        )
        sendsReadOnly = request.readOnly == nil ? nil : false
        header.connection = loop.sessionNames.connection()
        phase = .attaching
        loop.traffic.packetsReceived += 1
        history.received += 1
        if request.session != 0, request.password.count != SessionNames.passwordBytes {
            // No session has it: nothing for the log to find out.
            header.session = SessionID(request.session)
            sessionRefused()
            loop.deliverSoon()
            return .taken
        }
        submit(sessionPayload(request), xid: 0, .createSession)
        return .taken
    }

    private func sessionPayload(_ request: ConnectRequest) -> [UInt8] {
        if request.session == 0 {
            header.session = loop.sessionNames.session()
            password = loop.sessionNames.password()
            let create = CreateSession(
                timeoutMilliseconds: timeoutMilliseconds,
                password: password
            )
            return create.encode(header)
        }
        header.session = SessionID(request.session)
        password = request.password
        let attach = AttachSession(timeoutMilliseconds: timeoutMilliseconds, password: password)
        return attach.encode(header)
    }

    /// The session is there, and this connection's.
    func sessionBegan(timeoutMilliseconds: Int32) {
        guard phase == .attaching else { return }
        self.timeoutMilliseconds = timeoutMilliseconds
        port.bind(session: session, connection: header.connection, to: slot)
        sendConnectReply(
            ConnectReply(
                timeoutMilliseconds: timeoutMilliseconds,
                session: session.value,
                password: password,
                readOnly: sendsReadOnly
            )
        )
        password = []
        history.lastOpcode = .createSession
        phase = .open
        isStalled = unparsed.readableBytes > 0
    }

    /// The session is unknown, or the password is wrong; the client takes it for expired.
    /// Whoever holds the session loses its connection, as in the real server; the session stays.
    func sessionRefused() {
        port.dropHolder(of: session, otherThan: slot)
        frontEnd.dropHolder(of: session, otherThan: loop)
        header.session = .none
        sendConnectReply(.refusal(readOnly: sendsReadOnly))
        closeAfterReplies()
    }

    private func sendConnectReply(_ reply: ConnectReply) {
        prepareOut()
        let before = out.count
        out.connect(reply)
        countSent(out.count - before)
    }
}
