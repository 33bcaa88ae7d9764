import NIOCore

/// ZooKeeper's client protocol, written from its description and not from the server's codec, so
/// that a mistake in the one cannot hide in the other.
///
/// A request: length Int32 | xid Int32 | type Int32 | body. An answer: length Int32 | xid Int32 |
/// zxid Int64 | error Int32 | body. Events have xid -1, pings -2.
struct ZooKeeperDialect: Dialect {
    private let keys: KeySpace
    private let sessionMilliseconds: Int
    private var welcomed = false
    private(set) var newestTag: Int32 = 0

    init(keys: KeySpace, host: String, query: String, sessionMilliseconds: Int) {
        self.keys = keys
        self.sessionMilliseconds = sessionMilliseconds
    }

    static var hasHandshake: Bool { true }
    static var armsAtOnce: Bool { true }
    static func loadBatch(_ wanted: Int) -> Int { 1 }

    private enum Opcode {
        static let create: Int32 = 1
        static let exists: Int32 = 3
        static let getData: Int32 = 4
        static let setData: Int32 = 5
        static let ping: Int32 = 11
        static let closeSession: Int32 = -11
    }
    private static let statBytes = 68
    private static let frameBytesMax: Int32 = 64 << 20
    private static let nodeExists: Int32 = -110

    func writeHello(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(Int32(45), Int32(0), Int64(0), Int32(sessionMilliseconds))
        buffer.writeMultipleIntegers(Int64(0), Int32(16), Int64(0), Int64(0), UInt8(0))
    }

    func writePing(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(Int32(8), Int32(-2), Opcode.ping)
    }

    mutating func writeFarewell(into buffer: inout ByteBuffer) -> Bool {
        Self.end(begin(Opcode.closeSession, in: &buffer), in: &buffer)
        return true
    }

    func parent(_ number: Int, ofCreations: Bool) -> String? {
        let paths = ofCreations ? [keys.prefix, keys.runName] : [keys.prefix]
        return number < paths.count ? "/" + paths[number] : nil
    }

    mutating func writeParent(_ path: String, into buffer: inout ByteBuffer) {
        let start = begin(Opcode.create, in: &buffer)
        buffer.writeInteger(Int32(path.utf8.count))
        buffer.writeString(path)
        buffer.writeInteger(Int32(0))
        Self.writeOpenACL(into: &buffer)
        Self.end(start, in: &buffer)
    }

    mutating func write(_ request: Request, into buffer: inout ByteBuffer) {
        switch request {
        case .set(let key, let sequence): writeSet(key, sequence, into: &buffer)
        case .get(let key), .learn(let key):
            writeQuestion(Opcode.getData, key, watch: 0, into: &buffer)
        case .arm(let key, _): writeQuestion(Opcode.exists, key, watch: 1, into: &buffer)
        case .create(let number): writeCreation(number, into: &buffer)
        case .load(let first, _): writeLoad(first, into: &buffer)
        }
    }

    private mutating func writeSet(
        _ key: UInt32,
        _ sequence: UInt64,
        into buffer: inout ByteBuffer
    ) {
        let start = begin(Opcode.setData, in: &buffer)
        writeName(key, into: &buffer)
        buffer.writeInteger(Int32(keys.valueBytes))
        keys.writeValue(key, sequence: sequence, into: &buffer)
        buffer.writeInteger(Int32(-1))
        Self.end(start, in: &buffer)
    }

    private mutating func writeQuestion(
        _ opcode: Int32,
        _ key: UInt32,
        watch: UInt8,
        into buffer: inout ByteBuffer
    ) {
        let start = begin(opcode, in: &buffer)
        writeName(key, into: &buffer)
        buffer.writeInteger(watch)
        Self.end(start, in: &buffer)
    }

    private mutating func writeCreation(_ number: UInt64, into buffer: inout ByteBuffer) {
        let start = begin(Opcode.create, in: &buffer)
        buffer.writeMultipleIntegers(Int32(keys.creationNameBytes + 1), UInt8(0x2f))
        keys.writeCreationName(number, into: &buffer)
        buffer.writeInteger(Int32(keys.valueBytes))
        keys.writeValue(UInt32(number % 100_000_000), sequence: 0, into: &buffer)
        Self.writeOpenACL(into: &buffer)
        Self.end(start, in: &buffer)
    }

    private mutating func writeLoad(_ key: UInt32, into buffer: inout ByteBuffer) {
        let start = begin(Opcode.create, in: &buffer)
        writeName(key, into: &buffer)
        buffer.writeInteger(Int32(keys.valueBytes))
        keys.writeValue(key, sequence: 0, into: &buffer)
        Self.writeOpenACL(into: &buffer)
        Self.end(start, in: &buffer)
    }

    private func writeName(_ key: UInt32, into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(Int32(keys.nameBytes + 1), UInt8(0x2f))
        keys.writeName(key, into: &buffer)
    }

    /// The ACL world:anyone with all permissions, and no flags.
    private static func writeOpenACL(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(Int32(1), Int32(31), Int32(5))
        buffer.writeStaticString("world")
        buffer.writeInteger(Int32(6))
        buffer.writeStaticString("anyone")
        buffer.writeInteger(Int32(0))
    }

    /// Where the frame begins; its length is known, and written, at its end.
    private mutating func begin(_ opcode: Int32, in buffer: inout ByteBuffer) -> Int {
        newestTag = newestTag == .max ? 1 : newestTag + 1
        let start = buffer.writerIndex
        buffer.writeMultipleIntegers(Int32(0), newestTag, opcode)
        return start
    }

    private static func end(_ start: Int, in buffer: inout ByteBuffer) {
        buffer.setInteger(Int32(buffer.writerIndex - start - 4), at: start)
    }

    mutating func nextReply(from buffer: inout ByteBuffer, pending: Pending?) -> Reply {
        let start = buffer.readerIndex
        guard let length = buffer.getInteger(at: start, as: Int32.self) else { return .incomplete }
        guard length >= 0, length <= Self.frameBytesMax else {
            return .broken("a frame of \(length) bytes")
        }
        guard buffer.readableBytes >= 4 + Int(length) else { return .incomplete }
        defer { buffer.moveReaderIndex(forwardBy: 4 + Int(length)) }
        guard welcomed else { return welcome(at: start + 4, length, in: buffer) }
        guard length >= 16,
            let (xid, _, error) = buffer.getMultipleIntegers(
                at: start + 4,
                as: (Int32, Int64, Int32).self
            )
        else { return .broken("an answer of \(length) bytes") }
        switch xid {
        case -1: return event(at: start + 20, in: buffer)
        case -2: return .pong
        default:
            guard let pending else { return .broken("answer \(xid) to no request") }
            guard xid == pending.tag else {
                return .broken("answer \(xid) where \(pending.tag) is due")
            }
            let body = start + 20
            let verdict = judge(pending, error, body: body, bytes: Int(length) - 16, in: buffer)
            return .answer(verdict, index: 0, closes: false)
        }
    }

    /// The answer to the connect request: version, timeout, session id, password.
    private mutating func welcome(at body: Int, _ length: Int32, in buffer: ByteBuffer) -> Reply {
        guard length >= 36,
            let (_, timeout, session) = buffer.getMultipleIntegers(
                at: body,
                as: (Int32, Int32, Int64).self
            ),
            timeout > 0, session != 0
        else { return .broken("the session was refused (\(length) bytes)") }
        welcomed = true
        return .handshake
    }

    private func event(at body: Int, in buffer: ByteBuffer) -> Reply {
        let dataChanged: Int32 = 3
        guard let type = buffer.getInteger(at: body, as: Int32.self), type == dataChanged else {
            return .broken("an event that nobody asked for")
        }
        return .fired
    }

    private func judge(
        _ pending: Pending,
        _ error: Int32,
        body: Int,
        bytes: Int,
        in buffer: ByteBuffer
    ) -> Verdict {
        if error == Self.nodeExists { return .exists }
        if error != 0 { return .refused("ZooKeeper error \(error) to a \(pending.operation)") }
        switch pending.operation {
        case .write, .arm:
            return bytes == Self.statBytes ? .good : .wrong("a stat of \(bytes) bytes")
        case .read, .learn:
            let length = Int(buffer.getInteger(at: body, as: Int32.self) ?? -1)
            let right =
                bytes == 4 + keys.valueBytes + Self.statBytes
                && keys.isValue(pending.key, at: body + 4, bytes: length, in: buffer)
            return right ? .good : .wrong("a value of \(length) bytes, or of another key")
        case .create:
            return bytes == 4 + 1 + keys.creationNameBytes
                ? .good : .wrong("a created path of \(bytes - 4) bytes")
        case .load, .parent, .farewell: return .good
        }
    }
}
