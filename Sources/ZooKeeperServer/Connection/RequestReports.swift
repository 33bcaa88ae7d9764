import Bytes
import Commands
import Measures
import Replica
import ZooKeeperProtocol

/// Requests that were slow or are traced, told to whoever wants to know. Nothing here is done for
/// any other request.
extension ZooKeeperConnection {
    /// Of a request that the log has answered, or refused.
    func report(_ request: Outstanding, _ completion: Completion) {
        let time = port.deliveredAt
        let isSlow = loop.watch.isSlow(time - request.startMicroseconds)
        guard isSlow || request.isTraced, request.opcode != .createSession else { return }
        var report = RequestReport(
            .zookeeper,
            kind: "\(request.opcode)",
            subject: Self.subject(of: request),
            client: clientText,
            began: request.startMicroseconds,
            ended: time
        )
        if case .applied(let index, _) = completion { report.index = index }
        report.isTraced = request.isTraced
        loop.watch.tell(report)
    }

    private static func subject(of request: Outstanding) -> String {
        if case .path(let path) = request.detail { return String(decoding: path, as: UTF8.self) }
        do throws(CommandError) {
            let summary = try CommandSummary(decoding: request.payload.rawSpan)
            return summary.paths.first?.text ?? ""
        } catch {
            // What it is called is all that is lost.
            return ""
        }
    }

    /// Of reads that were answered together; the first of them is named.
    /// - Parameter frames: what was taken, writes among it.
    func reportReads(_ frames: RawSpan, _ count: UInt64, at time: Int64) {
        let (kind, subject) = Self.firstRead(frames) ?? ("read", "")
        var report = RequestReport(
            .zookeeper,
            kind: kind,
            subject: subject,
            client: clientText,
            began: arrivedAt,
            ended: time
        )
        report.companions = count - 1
        loop.watch.tell(report)
    }

    private var clientText: String {
        header.client.family == .none ? "" : "\(header.client.host):\(header.client.port)"
    }

    private static func firstRead(_ frames: RawSpan) -> (kind: String, subject: String)? {
        var reader = SpanReader(frames)
        do throws(BytesError) {
            while true {
                let length = Int(try reader.integer(as: Int32.self))
                if let read = read(try reader.bytes(length)) { return read }
            }
        } catch {
            // The end.
            return nil
        }
    }

    private static func read(_ frame: RawSpan) -> (kind: String, subject: String)? {
        var reader = JuteReader(frame)
        do throws(JuteError) {
            let request = try RequestHeader(&reader)
            guard let opcode = Opcode(rawValue: request.opcode), opcode.readsPath else {
                return nil
            }
            return ("\(opcode)", String(decoding: try reader.text().copiedBytes(), as: UTF8.self))
        } catch {
            return nil
        }
    }
}

extension Opcode {
    /// Whether it only reads, and its record begins with a path.
    fileprivate var readsPath: Bool {
        switch self {
        case .getData, .exists, .getChildren, .getChildren2, .getACL, .getEphemerals,
            .getAllChildrenNumber:
            true
        default: false
        }
    }
}
