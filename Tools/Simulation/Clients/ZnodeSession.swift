import Bytes
import Commands
import ZooKeeperProtocol

/// A ZooKeeper client's side of its session: what it remembers over its connections, the frames of
/// a connection, and the promises about their order, which are checked as the frames arrive.
///
/// Per session: zxids never go down, answers come in the order of the requests. Per watch: one
/// event comes, before the first answer that shows what caused it.
struct ZnodeSession {
    /// A frame that the server sent.
    enum Frame {
        case connected(ConnectReply)
        case reply(xid: Int32, error: Int32, body: [UInt8])
    }

    private(set) var id: Int64 = 0
    private var password: [UInt8] = []
    private var newestZxid: Int64 = 0
    private var buffer: [UInt8] = []
    private var isGreeted = false
    private var awaited: [Int32] = []
    private var lastXid: Int32 = 0
    /// By path: what the client last saw when it set its watch.
    private var watches: [String: Int64] = [:]
    private(set) var eventCount = 0
    /// The first promise that was broken.
    private(set) var violation: String?
    private let mutant: Mutant?
    private var lateEvents: [[UInt8]] = []

    init(mutant: Mutant?) { self.mutant = mutant }

    // MARK: Sending

    /// A new connection, to the same session if there is one.
    mutating func greeting() -> [UInt8] {
        buffer = []
        isGreeted = false
        awaited = []
        watches = [:]
        lateEvents = []
        let request = ConnectRequest(
            lastZxidSeen: newestZxid,
            timeoutMilliseconds: 6_000,
            session: id,
            password: password
        )
        var writer = ByteWriter()
        request.encodeFrame(into: &writer)
        return writer.bytes
    }

    /// The next request's number; its answer is awaited from now on.
    mutating func nextXid() -> Int32 {
        lastXid += 1
        awaited.append(lastXid)
        return lastXid
    }

    /// The session is over, or never was.
    mutating func forget() {
        id = 0
        password = []
        newestZxid = 0
    }

    // MARK: Receiving

    mutating func add(_ bytes: [UInt8]) { buffer += bytes }

    /// The next whole frame; events are checked and counted on the way.
    mutating func next() throws(JuteError) -> Frame? {
        while buffer.count >= 4 {
            let length = buffer[..<4].reduce(0) { $0 << 8 | Int($1) }
            guard buffer.count >= 4 + length else { return nil }
            let frame = Array(buffer[4..<(4 + length)])
            buffer.removeFirst(4 + length)
            if let read = try take(frame) { return read }
        }
        return nil
    }

    private mutating func take(_ frame: [UInt8]) throws(JuteError) -> Frame? {
        guard isGreeted else {
            isGreeted = true
            let reply = try ConnectReply(frame.rawSpan)
            (id, password) = (reply.session, reply.password)
            return .connected(reply)
        }
        var reader = JuteReader(frame.rawSpan)
        let header = try ReplyHeader(&reader)
        let body = Array(frame.dropFirst(ReplyHeader.byteCount))
        switch header.xid {
        case -1: try spoilEvent(body)
        case -2: note(header.zxid)
        default:
            note(header.zxid)
            if awaited.first != header.xid {
                fail("answer \(header.xid) comes where \(awaited.first ?? 0) is due")
            } else {
                awaited.removeFirst()
            }
            return .reply(xid: header.xid, error: header.error, body: body)
        }
        return nil
    }

    private mutating func note(_ zxid: Int64) {
        guard zxid > 0 else { return }
        if zxid < newestZxid { fail("zxid \(zxid) comes after \(newestZxid)") }
        newestZxid = max(newestZxid, zxid)
    }

    private mutating func fail(_ text: String) {
        if violation == nil { violation = "session \(id): \(text)" }
    }

    // MARK: Watches

    /// A read with a watch was answered.
    mutating func watch(_ path: String, seen mzxid: Int64) { watches[path] = mzxid }

    /// What the bugs of the front ends make of an event; without one it is taken as it is.
    private mutating func spoilEvent(_ body: [UInt8]) throws(JuteError) {
        switch mutant {
        case .losesEvents where lastXid % 7 == 0: return
        case .doublesEvents where lastXid % 7 == 0:
            try takeEvent(body)
            try takeEvent(body)
        case .tellsEventsLate: lateEvents.append(body)
        default: try takeEvent(body)
        }
    }

    /// Of the bug that tells events late: what was kept back until after an answer.
    mutating func takeLateEvents() throws(JuteError) {
        let late = lateEvents
        lateEvents = []
        for body in late { try takeEvent(body) }
    }

    private mutating func takeEvent(_ body: [UInt8]) throws(JuteError) {
        var reader = JuteReader(body.rawSpan)
        let kind = try reader.int()
        _ = try reader.int()
        let path = String(decoding: try reader.text().copiedBytes(), as: UTF8.self)
        eventCount += 1
        if kind > 0, watches.removeValue(forKey: path) == nil {
            fail("an event of \(path), where no watch is left")
        }
    }

    /// An answer shows a znode: everything that led to it must have been told.
    mutating func saw(_ path: String, mzxid: Int64) {
        if let seen = watches[path], mzxid > seen {
            fail("\(path) shows \(mzxid) before the event of its watch, set at \(seen)")
        }
    }
}
