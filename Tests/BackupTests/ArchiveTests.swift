import Bytes
import Crypto
import Disk
import Raft
import RaftStore
import StateMachine
import Testing

@testable import Backup

/// The file of a backup, without a server. What other people's tools say of it, the live tests ask.
@Suite struct ArchiveTests {
    private static func head(of state: [UInt8]) -> ArchiveHead {
        let voters = Membership(voters: [NodeID(1), NodeID(2), NodeID(3)])
        return ArchiveHead(
            manifest: SnapshotManifest(
                index: LogIndex(17),
                term: Term(3),
                membership: MembershipRecord(index: LogIndex(4), membership: voters),
                byteCount: state.count,
                sha256: Array(SHA256.hash(data: state))
            ),
            clusterID: [UInt8](repeating: 9, count: 16),
            node: "n\"1",
            time: 1_800_000_000_123,
            counts: StateCounts(StateSummary())
        )
    }

    private static func state(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
    }

    /// The whole file, and how long it was said to be.
    private static func archive(_ state: [UInt8]) throws -> (bytes: [UInt8], said: Int) {
        let path = "/tmp/roost-archive-\(Hexadecimal.text(UInt64.random(in: .min ... .max)))"
        let file = try File(path, .replace)
        try FileSystem.remove(path)
        try file.write(state.rawSpan, at: 0)
        var writer = try ArchiveWriter(head(of: state), state: file)
        let said = writer.byteCount
        var bytes: [UInt8] = []
        while let piece = try writer.next() { bytes += piece }
        return (bytes, said)
    }

    private static func read(
        _ bytes: [UInt8],
        pieceBytes: Int
    ) throws(BackupError) -> (ArchiveHead, [UInt8]) {
        var reader = ArchiveReader()
        var state: [UInt8] = []
        var offset = 0
        while offset < bytes.count {
            let end = min(bytes.count, offset + pieceBytes)
            try reader.read(bytes.rawSpan.extracting(offset..<end)) { part throws(BackupError) in
                state += part.copiedBytes()
            }
            offset = end
        }
        return (try reader.finish(), state)
    }

    @Test(arguments: [1, 511, 512, 513, 4_096, 65_535, 65_536, 300_001])
    func `what was written is read, in pieces of any size`(_ count: Int) throws {
        let state = Self.state(count)
        let (bytes, said) = try Self.archive(state)
        #expect(bytes.count == said)
        for pieceBytes in [1, 7, 512, 65_540, bytes.count] where bytes.count / pieceBytes < 20_000 {
            let (head, found) = try Self.read(bytes, pieceBytes: pieceBytes)
            #expect(head == Self.head(of: state))
            #expect(found == state, "pieces of \(pieceBytes)")
        }
    }

    @Test func `a changed byte is found, wherever it is`() throws {
        let (bytes, _) = try Self.archive(Self.state(600))
        let ends = Array(bytes.indices.prefix(64)) + bytes.indices.suffix(64)
        for place in ends + stride(from: 64, to: bytes.count, by: 7) {
            var changed = bytes
            changed[place] ^= 1 << UInt8(place % 8)
            #expect(throws: BackupError.self, "byte \(place)") {
                _ = try Self.read(changed, pieceBytes: changed.count)
            }
        }
    }

    @Test func `every file that is cut off is found`() throws {
        let (bytes, _) = try Self.archive(Self.state(600))
        for count in Array(0..<64) + stride(from: 64, to: bytes.count, by: 7) {
            do throws(BackupError) {
                _ = try Self.read(Array(bytes[..<count]), pieceBytes: 4_096)
                Issue.record("\(count) bytes pass for the whole")
            } catch {
                guard case .truncated(count) = error else {
                    Issue.record("\(count) bytes: \(error)")
                    continue
                }
            }
        }
    }

    @Test func `a member of more than 8 GiB keeps its size`() throws {
        for size in [0, 1, 1 << 33 - 1, 1 << 33, 1 << 40] {
            let head = TarHead(name: "state.bin", size: size).encoded(seconds: 1_800_000_000)
            let found = try #require(try TarHead.decoded(head))
            #expect((found.name, found.size) == ("state.bin", size))
        }
    }

    /// A size below zero trapped the reader.
    @Test(arguments: ["-0000000001", "+0000000001", "0000000008 ", "           "])
    func `a size that is no octal number is damage`(_ size: String) {
        var head = TarHead(name: "state.bin", size: 1).encoded(seconds: 1_800_000_000)
        head.replaceSubrange(124..<135, with: Array(size.utf8))
        var sum = 8 * 0x20
        for (place, byte) in head.enumerated() where !(148..<156).contains(place) {
            sum += Int(byte)
        }
        let digits = String(sum, radix: 8)
        let padded = String(repeating: "0", count: 6 - digits.count) + digits
        head.replaceSubrange(148..<154, with: Array(padded.utf8))
        #expect {
            try TarHead.decoded(head)
        } throws: { error in
            guard case .damaged? = error as? BackupError else { return false }
            return true
        }
    }

    @Test func `a later format is named as such`() throws {
        let text = try String(decoding: Self.head(of: [1]).encoded(), as: UTF8.self)
        for name in ["Format", "StateFormat"] {
            let known = text.firstRange(of: "\"\(name)\":")
            let place = try #require(known).upperBound
            let later = text[..<place] + "9" + text[place...]
            do throws(BackupError) {
                _ = try ArchiveHead(decoding: Array(later.utf8))
                Issue.record("\(name) 9x is taken for a known one")
            } catch {
                guard case .newerFormat(_, let found, _) = error else {
                    Issue.record("\(name): \(error)")
                    continue
                }
                #expect(found > 9)
            }
        }
    }

    @Test func `the checksum is gzip's, however it is fed`() {
        let text = Array("123456789".utf8)
        let long = Self.state(1_003)
        var whole = CRC32()
        whole.add(text.rawSpan)
        #expect(whole.value == 0xcbf4_3926)
        var once = CRC32()
        once.add(long.rawSpan)
        for cut in [0, 1, 7, 8, 9, 500, 1_003] {
            var twice = CRC32()
            twice.add(long.rawSpan.extracting(0..<cut))
            twice.add(long.rawSpan.extracting(cut..<long.count))
            #expect(twice.value == once.value, "cut at \(cut)")
        }
    }

    @Test func `only a node's own backups are counted and removed`() throws {
        let path = "/tmp/roost-shelf-\(Hexadecimal.text(UInt64.random(in: .min ... .max)))"
        try FileSystem.makeDirectory(path)
        defer { try? FileSystem.removeDirectory(path) }
        let shelf = BackupShelf(directory: path, node: "a/b")
        let others = [
            "a_b-20260101T000000Z-.snap", "a_b-20260101T000000Z-1.snap.bak", "a_b-x-1.snap",
            "a_b-c-20260101T000000Z-1.snap", "c-20260101T000000Z-1.snap",
        ]
        for name in others { _ = try File("\(path)/\(name)", .create) }
        for day in 1...5 {
            _ = try File(shelf.unfinishedPath, .create)
            _ = try shelf.publish(at: "2026010\(day)T000000Z", index: UInt64(100 - day))
        }
        let last = try #require(try shelf.list().last)
        #expect(try shelf.prune(keeping: 2, newest: last).count == 3)
        let left = try FileSystem.list(path)
        #expect(
            Set(left)
                == Set(others + ["a_b-20260104T000000Z-96.snap", "a_b-20260105T000000Z-95.snap"])
        )
        #expect(shelf.time(of: try #require(try shelf.list().last)) == "20260105T000000Z")
    }

    /// It was the one that was removed, and the shelf kept those of a clock that had been ahead.
    @Test func `a backup that was just written stays, whatever the names of others say`() throws {
        let path = "/tmp/roost-shelf-\(Hexadecimal.text(UInt64.random(in: .min ... .max)))"
        try FileSystem.makeDirectory(path)
        defer { try? FileSystem.removeDirectory(path) }
        let shelf = BackupShelf(directory: path, node: "n1")
        var newest = ""
        for time in ["20300101T000000Z", "20300102T000000Z", "20260103T000000Z"] {
            _ = try File(shelf.unfinishedPath, .create)
            newest = try shelf.publish(at: time, index: 1)
        }
        let removed = try shelf.prune(keeping: 2, newest: newest)
        #expect(removed == ["\(path)/n1-20300101T000000Z-1.snap"])
    }
}
