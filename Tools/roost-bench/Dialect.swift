import NIOCore

/// What one connection says and hears: the ZooKeeper protocol, or Consul's HTTP API. A dialect
/// writes requests, takes answers off a buffer, and judges them; it keeps no time and no counts.
protocol Dialect: Sendable {
    init(keys: KeySpace, host: String, query: String, sessionMilliseconds: Int)

    /// True where a connection begins with a handshake, which `writeHello` writes.
    static var hasHandshake: Bool { get }
    /// True where a watch is set by a request that is answered at once.
    static var armsAtOnce: Bool { get }
    /// How many keys one request of the `load` workload writes at most.
    static func loadBatch(_ wanted: Int) -> Int

    mutating func writeHello(into buffer: inout ByteBuffer)
    mutating func writePing(into buffer: inout ByteBuffer)
    /// False where a connection ends without a farewell.
    mutating func writeFarewell(into buffer: inout ByteBuffer) -> Bool
    /// Nodes that must be there before `create` and `load`; nil when there are no such.
    func parent(_ number: Int, ofCreations: Bool) -> String?
    mutating func writeParent(_ path: String, into buffer: inout ByteBuffer)
    mutating func write(_ request: Request, into buffer: inout ByteBuffer)
    /// The number that the answer to the newest request will carry; 0 where there is none.
    var newestTag: Int32 { get }

    /// Takes the next whole message off the buffer. `pending` is the oldest unanswered request.
    mutating func nextReply(from buffer: inout ByteBuffer, pending: Pending?) -> Reply
}

/// One request of a workload.
enum Request {
    case set(key: UInt32, sequence: UInt64)
    case get(key: UInt32)
    case create(number: UInt64)
    case load(first: UInt32, count: UInt32)
    /// Reads a key once, to learn its index.
    case learn(key: UInt32)
    /// Asks to be told when a key changes.
    case arm(key: UInt32, index: UInt64)
}

enum Operation: UInt8 {
    case write, read, create, load, parent, learn, arm, farewell
}

/// A request that is on its way.
struct Pending {
    var operation: Operation
    var tag: Int32
    var key: UInt32
    var count: UInt32 = 1
    var sentAt: UInt64
}

/// What came off the wire.
enum Reply {
    case incomplete
    case handshake
    case pong
    /// A watch event for a change of data.
    case fired
    case answer(Verdict, index: UInt64, closes: Bool)
    case broken(String)
}

enum Verdict {
    case good
    case exists
    case refused(String)
    case wrong(String)
}

extension Request {
    func pending(tag: Int32, at now: UInt64) -> Pending {
        switch self {
        case .set(let key, _): Pending(operation: .write, tag: tag, key: key, sentAt: now)
        case .get(let key): Pending(operation: .read, tag: tag, key: key, sentAt: now)
        case .create(let number):
            Pending(
                operation: .create,
                tag: tag,
                key: UInt32(number % 100_000_000),
                sentAt: now
            )
        case .load(let first, let count):
            Pending(operation: .load, tag: tag, key: first, count: count, sentAt: now)
        case .learn(let key): Pending(operation: .learn, tag: tag, key: key, sentAt: now)
        case .arm(let key, _): Pending(operation: .arm, tag: tag, key: key, sentAt: now)
        }
    }
}
