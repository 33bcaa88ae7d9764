import Foundation
import FuzzEntry
import Testing

/// Feeds the saved cases and the seeds through the functions that the fuzz targets call: an input
/// that once trapped must not trap again.
@Suite struct FuzzReplayTests {
    @Test func `ZooKeeper frames that were saved are survived`() throws {
        let inputs = try FuzzInputs.load("ZooKeeperFrame")
        #expect(!inputs.isEmpty)
        for input in inputs { ZooKeeperFrameEntry.run(input) }
    }

    @Test func `HTTP requests that were saved are survived`() throws {
        let inputs = try FuzzInputs.load("HTTPRequest")
        #expect(!inputs.isEmpty)
        for input in inputs { HTTPRequestEntry.run(input) }
    }

    @Test func `DNS messages that were saved are survived`() throws {
        let inputs = try FuzzInputs.load("DNSMessage")
        #expect(!inputs.isEmpty)
        for input in inputs { DNSMessageEntry.run(input) }
    }

    @Test func `log records that were saved are survived`() throws {
        let inputs = try FuzzInputs.load("LogRecord")
        #expect(!inputs.isEmpty)
        for input in inputs { LogRecordEntry.run(input) }
    }

    @Test func `snapshots that were saved are survived`() throws {
        let inputs = try FuzzInputs.load("Snapshot")
        #expect(!inputs.isEmpty)
        for input in inputs { SnapshotEntry.run(input) }
    }

    @Test func `peers' frames that were saved are survived`() throws {
        let inputs = try FuzzInputs.load("PeerFrame")
        #expect(!inputs.isEmpty)
        for input in inputs { PeerFrameEntry.run(input) }
    }
}

/// Saved cases, seeds, and for each seed its prefixes and its single-byte changes.
enum FuzzInputs {
    static func load(_ target: String) throws -> [[UInt8]] {
        // git keeps no empty folder: a target without a saved case has none.
        let saved = try files("FailCases/\(target)", mayBeAbsent: true)
        let seeds = try files("Seeds/\(target)")
        return saved + seeds + seeds.flatMap(neighbours)
    }

    /// What the first bytes say decides most; a bound keeps the test short.
    private static func neighbours(of seed: [UInt8]) -> [[UInt8]] {
        let reach = min(seed.count, 256)
        return (0..<reach).flatMap { place in
            [UInt8(0), 0x7f, 0x80, 0xff].map { byte in
                var changed = seed
                changed[place] = byte
                return changed
            } + [Array(seed.prefix(place))]
        }
    }

    private static func files(_ folder: String, mayBeAbsent: Bool = false) throws -> [[UInt8]] {
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let path = root.appendingPathComponent("Fuzz").appendingPathComponent(folder)
        if mayBeAbsent, !FileManager.default.fileExists(atPath: path.path) { return [] }
        let names = try FileManager.default.contentsOfDirectory(atPath: path.path).sorted()
        return try names.filter { !$0.hasPrefix(".") }.map {
            [UInt8](try Data(contentsOf: path.appendingPathComponent($0)))
        }
    }
}
