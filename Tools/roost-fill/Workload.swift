import Bytes
import Commands
import SeededRandom

/// Commands as clients would send them, from a seed.
struct Workload {
    private let keys: Int
    private var random: SeededGenerator
    private var sessions: [SessionID] = []
    private var nextSession: Int64 = 0x1_0000_0000_0001
    private let noise: [UInt8]
    private var znodes = 0
    private var parents = 0
    private var isNodeThere = false
    private var lockSession: ByteString?

    private static let startMilliseconds: Int64 = 1_790_000_000_000
    private static let parentCount = 100
    private static let sessionsMax = 50
    static let client = ClientAddress.ipv4(0x0A00_0001, port: 40_000)

    init(keys: Int, seed: UInt64) {
        self.keys = keys
        random = SeededGenerator(seed: seed)
        var noise: [UInt8] = []
        for _ in 0..<4_096 { noise.append(UInt8.random(in: 97...122, using: &random)) }
        self.noise = noise
    }

    /// The payload of the entry at `index`.
    mutating func payload(at index: UInt64) -> [UInt8] {
        var header = CommandHeader(
            timeMilliseconds: Self.startMilliseconds + Int64(index),
            client: Self.client
        )
        let command = next(&header)
        return command.encode(header)
    }

    private mutating func next(_ header: inout CommandHeader) -> Command {
        if let first = beginning(&header) { return first }
        let dice = Int.random(in: 0..<1_000, using: &random)
        switch dice {
        case 0..<450: return .key(KeyOperation(verb: .set, key: key(), value: value()))
        case 450..<500:
            return .key(KeyOperation(verb: .setIfUnchanged, key: key(), value: value(), index: 0))
        case 500..<540: return .key(KeyOperation(verb: .delete, key: key()))
        case 540..<560:
            let session = lockSession ?? ""
            return .key(KeyOperation(verb: .lock, key: key(), value: value(), session: session))
        case 560..<562: return .key(KeyOperation(verb: .deleteTree, key: key() + "/"))
        case 562..<567: return session(&header)
        case 567..<667:
            header.session = anySession()
            let path = ByteString("/tree/p\(parent())/e-")
            return .createZnode(CreateOperation(path: path, data: value(), flags: 3), .none)
        default:
            header.session = anySession()
            let number = Int.random(in: 0..<max(1, znodes), using: &random)
            let path = Self.znode(number)
            return .setData(SetDataOperation(path: path, data: value()), .none)
        }
    }

    /// What has to be there first: a session, the parents, the znodes, a node and its session.
    private mutating func beginning(_ header: inout CommandHeader) -> Command? {
        if sessions.isEmpty { return open(&header) }
        if parents <= Self.parentCount {
            header.session = anySession()
            let path = parents == 0 ? "/tree" : "/tree/p\(parents - 1)"
            parents += 1
            return .createZnode(CreateOperation(path: ByteString(path), data: nil), .none)
        }
        if !isNodeThere {
            isNodeThere = true
            return .register(Register(node: NodeDefinition(name: "n1", address: "10.0.0.1")))
        }
        if lockSession == nil {
            let id: ByteString = "d33fbe19-3f5a-927e-eb31-792f5fb43b78"
            lockSession = id
            return .createConsulSession(CreateConsulSession(SessionDefinition(id: id, node: "n1")))
        }
        guard znodes < keys else { return nil }
        header.session = anySession()
        znodes += 1
        let path = Self.znode(znodes - 1)
        return .createZnode(CreateOperation(path: path, data: value()), .none)
    }

    private static func znode(_ number: Int) -> ByteString {
        ByteString("/tree/p\(number % parentCount)/z\(number)")
    }

    private mutating func session(_ header: inout CommandHeader) -> Command {
        if sessions.count < Self.sessionsMax { return open(&header) }
        // The first one, which the znodes came from, stays.
        let place = Int.random(in: 1..<sessions.count, using: &random)
        header.session = sessions.remove(at: place)
        return .closeSession(CloseSession())
    }

    private mutating func open(_ header: inout CommandHeader) -> Command {
        let id = SessionID(nextSession)
        nextSession += 1
        sessions.append(id)
        header.session = id
        let password = [UInt8](repeating: 7, count: 16)
        return .createSession(CreateSession(timeoutMilliseconds: 10_000, password: password))
    }

    private mutating func anySession() -> SessionID {
        sessions[Int.random(in: 0..<sessions.count, using: &random)]
    }

    private mutating func key() -> ByteString {
        ByteString("app/\(Int.random(in: 0..<keys, using: &random))")
    }

    private mutating func parent() -> Int { Int.random(in: 0..<Self.parentCount, using: &random) }

    private mutating func value() -> [UInt8] {
        let count = Int.random(in: 20...140, using: &random)
        let start = Int.random(in: 0...noise.count - count, using: &random)
        return Array(noise[start..<start + count])
    }
}

extension ByteString {
    fileprivate static func + (left: ByteString, right: ByteString) -> ByteString {
        ByteString(left.bytes + right.bytes)
    }
}
