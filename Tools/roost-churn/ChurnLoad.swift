import Disk
import Raft
import RaftStore
import SeededRandom
import Synchronization

/// A log under a steady load: one thread commits, a second one lengthens the file, as in the
/// server.
struct ChurnLoad {
    let settings = LogSettings()
    private let log: WriteAheadLog
    private let growing: GrowthThread
    private let tailBytesMax: Int
    private let batchMax: Int
    private var generator: SeededGenerator
    private let noise: [UInt8]
    private let start = monotonicNanoseconds()

    private var index = LogIndex.zero
    /// The payload sizes of what the log holds, oldest first, from `heldFrom` on.
    private var held: [Int] = []
    private var heldFrom = LogIndex(1)
    private var heldBytes = 0

    private static let entryBytesMax = 1 << 20

    init(path: String, tailBytesMax: Int, batchMax: Int, seed: UInt64) throws {
        self.tailBytesMax = tailBytesMax
        self.batchMax = batchMax
        generator = SeededGenerator(seed: seed)
        var noise: [UInt8] = []
        for _ in 0..<Self.entryBytesMax {
            noise.append(UInt8(truncatingIfNeeded: generator.next()))
        }
        self.noise = noise
        let identity = NodeIdentity(
            clusterID: [UInt8](repeating: 0, count: 16),
            node: NodeID(1),
            name: "churn"
        )
        let directory = try DataDirectory(path)
        try WriteAheadLog.create(
            directory.logPath,
            identity: identity,
            memberships: [Self.membership],
            settings: settings
        )
        log = try WriteAheadLog.open(directory.logPath, settings: settings)
        growing = try GrowthThread(log.growth)
    }

    private static let membership = MembershipRecord(
        index: .zero,
        membership: Membership(voters: [NodeID(1)])
    )

    var seconds: Double { Double(monotonicNanoseconds() - start) / 1e9 }

    /// Commits until so many entries were appended, or the time is over.
    mutating func run(until goal: Int, secondsMax: Double) throws -> Window {
        var window = Window(startSeconds: seconds)
        while index.rawValue < UInt64(goal), seconds < secondsMax {
            let count = min(
                Int.random(in: 1...batchMax, using: &generator),
                goal - Int(index.rawValue)
            )
            let write = nextWrite(count)
            try commit(write, &window)
            if heldBytes > tailBytesMax { try drop(&window) }
            window.noteSizes(log.growth.sizes, payloadBytes: heldBytes)
        }
        window.endSeconds = seconds
        window.entries = Int(index.rawValue)
        return window
    }

    private mutating func nextWrite(_ count: Int) -> LogWrite {
        var write = LogWrite(
            id: .zero,
            hardState: HardState(term: Term(1), vote: NodeID(1), commit: index)
        )
        for _ in 0..<count {
            index = index.next
            let bytes = nextSize()
            let from = Int.random(in: 0...noise.count - bytes, using: &generator)
            let payload = Array(noise[from..<from + bytes])
            write.entries.append(Entry(index: index, term: Term(1), payload: payload))
            held.append(bytes)
            heldBytes += bytes
        }
        return write
    }

    private mutating func nextSize() -> Int {
        switch Int.random(in: 0..<1_000, using: &generator) {
        case 0: Int.random(in: 64 << 10...Self.entryBytesMax, using: &generator)
        case 1..<50: Int.random(in: 4 << 10..<64 << 10, using: &generator)
        case 50..<300: Int.random(in: 256..<4 << 10, using: &generator)
        default: Int.random(in: 16..<256, using: &generator)
        }
    }

    private func commit(_ write: LogWrite, _ window: inout Window) throws {
        let cpu = threadNanoseconds()
        let begin = monotonicNanoseconds()
        try log.write(write)
        let bytes = write.entries.reduce(0) { $0 + $1.payload.count }
        window.note(
            nanoseconds: monotonicNanoseconds() - begin,
            cpuNanoseconds: threadNanoseconds() - cpu,
            bytes: bytes
        )
    }

    /// Drops the older half. The log itself deletes it bit by bit, with the commits that follow.
    private mutating func drop(_ window: inout Window) throws {
        var count = 0
        while heldBytes > tailBytesMax / 2 {
            heldBytes -= held[count]
            count += 1
        }
        held.removeFirst(count)
        heldFrom = heldFrom.advanced(by: count)
        let manifest = SnapshotManifest(
            index: heldFrom.previous,
            term: Term(1),
            membership: Self.membership,
            byteCount: 0,
            sha256: [UInt8](repeating: 0, count: 32)
        )
        try log.record(manifest)
        try log.compact(upTo: manifest.index)
    }

    /// Closes the log and checks every page and record of it; says what is wrong.
    func finish() throws -> [String] {
        growing.stop()
        try log.close()
        let closed = try InspectedLog(directory: log.directory, isServed: false)
        return try closed.verify().damage.map(\.description)
    }
}

/// Lengthens the log's file when it is due, as the server's keeper does.
private final class GrowthThread: Sendable {
    private let isStopping: StopFlag
    private let thread: OwnThread

    init(_ growth: FileGrowth) throws {
        let flag = StopFlag()
        isStopping = flag
        thread = try OwnThread(named: "churn-growth") {
            while !flag.isSet {
                do { try growth.growAhead() } catch { RoostChurn.give(up: "\(error)") }
                sleepThread(nanoseconds: 100_000_000)
            }
        }
    }

    func stop() {
        isStopping.set()
        thread.join()
    }
}

private final class StopFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
}
