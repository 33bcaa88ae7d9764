import Disk
import DiskRecorder
import Glibc
import Testing

@testable import Raft
@testable import RaftStore

/// The proof of `LogRecovery`: the real log writes, a recorder notes the order of what reaches the
/// kernel, and for each place in that order the power goes, leaving what it may leave.
///
/// A short form by default. The long one: `ROOST_SEED=100-130 ROOST_CUTS=all`, which tries every
/// place in every style for each of these seeds.
@Suite(.serialized) struct PowerCutTests {
    static let seeds: [UInt64] = {
        let parts = (environment("ROOST_SEED") ?? "11-12").split(separator: "-").compactMap {
            UInt64($0)
        }
        guard let first = parts.first, let last = parts.last, first <= last else { return [11] }
        return Array(first...last)
    }()

    /// How many cuts are tried, `short` by default; nil: all.
    static func casesMax(short: Int) -> Int? {
        guard let text = environment("ROOST_CUTS") else { return short }
        return text == "all" ? nil : Int(text) ?? short
    }

    private static func environment(_ name: String) -> String? {
        guard let text = unsafe getenv(name) else { return nil }
        return unsafe String(cString: text)
    }

    static func repeating(_ seed: UInt64) -> String {
        let cuts = environment("ROOST_CUTS").map { "ROOST_CUTS=\($0) " } ?? ""
        return "reproduce: ROOST_SEED=\(seed) \(cuts)swift test --filter PowerCutTests"
    }

    static func scratch(_ body: (String) throws -> Void) throws {
        let scratch = ScratchDirectory("/dev/shm")
        defer { try? DiskImage.remove(scratch.path) }
        try FileSystem.makeDirectory("\(scratch.path)/recorded")
        try body(scratch.path)
    }

    static func replay(
        seed: UInt64,
        steps: Int = 70,
        lies: Bool = false,
        _ configure: (inout LogReplay) -> Void = { _ in }
    ) throws -> LogReplay {
        var result: LogReplay?
        try scratch { path in
            let history = try LogHistory(
                seed: seed,
                steps: steps,
                in: "\(path)/recorded",
                lies: lies
            )
            var replay = LogReplay(history, seed: seed)
            replay.casesMax = casesMax(short: 90)
            configure(&replay)
            try replay.run(below: path)
            result = replay
        }
        return try #require(result)
    }

    @Test(arguments: seeds)
    func `a power cut anywhere leaves a log with all that was acknowledged`(
        seed: UInt64
    ) throws {
        let replay = try Self.replay(seed: seed)
        print(
            "\(replay.caseCount) power cuts in \(replay.history.operations.count) operations, "
                + "\(replay.outcomes.sorted { $0.key < $1.key }); \(Self.repeating(seed))"
        )
        #expect(replay.caseCount > 50)
        #expect(replay.outcomes["fellBack", default: 0] > 10)
        #expect(replay.outcomes["verified", default: 0] > 10)
        for violation in replay.violations.prefix(5) {
            Issue.record("seed \(seed): \(violation)\n\(Self.repeating(seed))")
        }
    }

    /// The canary: were this not found, the test above could not fail.
    @Test func `a flush that lies is found out`() throws {
        let replay = try Self.replay(seed: 5, steps: 20, lies: true) { $0.stopsAtFirst = true }
        #expect(!replay.violations.isEmpty)
    }

    private static func shortReplay(bootID: String) throws -> LogReplay {
        try replay(seed: 6, steps: 40) {
            $0.bootID = bootID
            $0.casesMax = 60
            $0.stopsAtFirst = true
        }
    }

    /// The other canary, in a process of its own: LMDB may well crash on what it believes, which
    /// counts as found. That the same cuts, not believed, are survived is seen here.
    @Test func `a log that is believed unseen is found out`() async throws {
        #expect(try Self.shortReplay(bootID: "another boot").violations.isEmpty)
        await #expect(processExitsWith: .failure) {
            do {
                let replay = try PowerCutTests.shortReplay(bootID: LogHistory.bootID)
                exit(replay.violations.isEmpty ? 0 : 17)
            } catch { exit(0) }
        }
    }

    private static func replayNode(
        seed: UInt64,
        casesMax: Int?,
        trusts: Bool = false
    ) throws -> NodeReplay {
        var result: NodeReplay?
        try scratch { path in
            let history = try NodeHistory(
                seed: seed,
                in: "\(path)/recorded",
                path: "\(path)/recorded/var/node",
                trusts: trusts
            )
            var replay = NodeReplay(history, seed: seed)
            replay.casesMax = casesMax
            try replay.run(below: path, node: "var/node")
            result = replay
        }
        return try #require(result)
    }

    @Test(arguments: seeds)
    func `a power cut anywhere leaves a node whose state is that of its log`(
        seed: UInt64
    ) throws {
        let replay = try Self.replayNode(seed: seed, casesMax: Self.casesMax(short: 200))
        print(
            "\(replay.caseCount) power cuts in \(replay.history.operations.count) operations, "
                + "\(replay.origins.sorted { $0.key < $1.key }); \(Self.repeating(seed))"
        )
        #expect(replay.origins["rebuilt", default: 0] > 10)
        #expect(replay.origins["anew", default: 0] > 10)
        for violation in replay.violations.prefix(5) {
            Issue.record("seed \(seed): \(violation)\n\(Self.repeating(seed))")
        }
    }

    /// A canary: a state that is marked as closed while it is written to. A torn map may end the
    /// process, which counts as found; that the same cuts do no harm without the lie is seen here.
    @Test func `a mark of trust that lies is found out`() async throws {
        #expect(try Self.replayNode(seed: 7, casesMax: 300).violations.isEmpty)
        await #expect(processExitsWith: .failure) {
            do {
                let replay = try PowerCutTests.replayNode(seed: 7, casesMax: 300, trusts: true)
                exit(replay.violations.isEmpty ? 0 : 17)
            } catch { exit(0) }
        }
    }

    /// The state is written through a map, which no recorder sees; that it is flushed before it
    /// is marked as closed, the recorder does see.
    @Test func `a write-mapped state is flushed before it is marked as closed`() throws {
        try Self.scratch { path in
            let directory = "\(path)/recorded/state"
            let snapshots = try SnapshotStore(directory: "\(path)/snapshots")
            var settings = StateSettings()
            settings.mapBytes = 64 << 20
            let state = try StateDirectory.open(directory, snapshots: snapshots, settings: settings)
            let operations = try DiskRecording.operations(below: directory) { try state.close() }
            let flush = operations.firstIndex { if case .syncMap = $0 { true } else { false } }
            let mark = operations.firstIndex {
                guard case .write(_, _, let bytes) = $0 else { return false }
                return bytes.suffix(7).elementsEqual("\nclean\n".utf8)
            }
            #expect(try #require(flush) < #require(mark))
        }
    }
}
