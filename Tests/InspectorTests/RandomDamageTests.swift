import Bytes
import Disk
import SeededRandom
import Testing

@testable import Raft
@testable import RaftStore
@testable import roost_log

/// Any bytes may be wrong, and the inspector neither crashes nor keeps quiet about it.
@Suite struct RandomDamageTests {
    private struct Reading {
        var entries: [Entry] = []
        var isDamaged = false

        init(_ node: ScratchNode) throws(StoreError) {
            var entries: [Entry] = []
            var isDamaged = false
            let log = try InspectedDirectory(node.path).log
            try log.forEachEntry(LogIndex(1)...LogIndex(1_000)) { item in
                switch item {
                case .entry(let entry): entries.append(entry)
                case .damage: isDamaged = true
                }
                return true
            }
            self.entries = entries
            self.isDamaged = isDamaged
        }
    }

    /// Changes some bytes of a file, runs `body`, and puts them back.
    private func withDamage(
        _ file: String,
        pages: Int,
        _ random: inout SeededGenerator,
        _ body: () throws -> Void
    ) throws {
        let opened = try File(file, .readWrite)
        var before: [(offset: Int, bytes: [UInt8])] = []
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            // Half of them in the first bytes of a page, where most is decided.
            let offset = Int.random(
                in: 0..<(Bool.random(using: &random) ? 64 : 4_096),
                using: &random
            )
            let place = Int.random(in: 0..<pages, using: &random) * 4_096 + offset
            before.append((place, try opened.read(at: place, count: 1)))
            try opened.write([UInt8.random(in: .min ... .max, using: &random)].rawSpan, at: place)
        }
        defer {
            for (offset, bytes) in before.reversed() {
                try? opened.write(bytes.rawSpan, at: offset)
            }
        }
        try body()
    }

    @Test(arguments: 0..<8)
    func `either damage is told, or every entry is as it was`(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let node = ScratchNode()
        var entries = ScratchNode.entries(1...200)
        entries += ScratchNode.entries(201...230, valueBytes: 5_000)
        try node.fill(entries)
        if seed % 2 == 0 { try node.forgetTrust("wal") }
        let pages = try #require(try node.check().log).statistics.pages
        var found = 0
        for round in 0..<30 {
            try withDamage(node.logFile, pages: pages, &random) {
                let isFound = try node.check().worst != nil
                found += isFound ? 1 : 0
                do throws(StoreError) {
                    let reading = try Reading(node)
                    #expect(
                        isFound || (reading.entries == entries && !reading.isDamaged),
                        "seed \(seed), round \(round)"
                    )
                    // What is handed on was written like this, whatever else is wrong.
                    let isGenuine = reading.entries.allSatisfy {
                        $0 == entries[Int($0.index.rawValue) - 1]
                    }
                    #expect(isGenuine, "seed \(seed), round \(round)")
                } catch { #expect(isFound, "seed \(seed), round \(round): \(error)") }
            }
        }
        #expect(found > 5, "the damage met nothing")
        #expect(try Reading(node).entries == entries)
    }

    @Test(arguments: 0..<4)
    func `a state with wrong bytes crashes nothing`(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...300))
        let pages = try FileSystem.status(node.stateFile).size / 4_096
        for _ in 0..<60 {
            try withDamage(node.stateFile, pages: pages, &random) {
                _ = try? node.check()
                _ = try? DirectoryStatus(InspectedDirectory(node.path))
            }
        }
        #expect(try node.check().findings.isEmpty)
    }
}
