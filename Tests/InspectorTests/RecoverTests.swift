import ArgumentParser
import Bytes
import Disk
import Testing

@testable import Raft
@testable import RaftStore
@testable import roost_log

/// A snapshot that a leader sent just before the node stopped, which the log had not taken over:
/// a recovery that went by the log alone lost what was in it, or put what was never agreed on upon
/// it.
@Suite struct RecoverTests {
    /// Up to here all nodes have the same; behind it the survivor's entries are of term 1, with
    /// values of 40 bytes, and the leader's of term 2, with values of 41.
    private static let agreed: UInt64 = 20

    private func leader(_ last: UInt64) throws -> ScratchNode {
        let entries =
            ScratchNode.entries(1...Self.agreed)
            + ScratchNode.entries((Self.agreed + 1)...last, valueBytes: 41).map { entry in
                var entry = entry
                entry.term = Term(2)
                return entry
            }
        let node = ScratchNode()
        try node.fill(entries, snapshotAt: last, voters: 3)
        return node
    }

    private func survivor(logEnds last: UInt64) throws -> ScratchNode {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...last), voters: 3, appliedMax: Self.agreed)
        return node
    }

    private func send(_ part: String, of leader: ScratchNode, to node: ScratchNode) throws {
        for name in try FileSystem.list("\(leader.path)/\(part)") {
            let target = "\(node.path)/\(part)/\(name)"
            try FileSystem.remove(target)
            try FileSystem.copy("\(leader.path)/\(part)/\(name)", to: target)
        }
    }

    private func preview(_ node: ScratchNode) throws -> RecoveryPreview {
        let directory = try InspectedDirectory(node.path)
        let replay = try Replay(directory, scratch: "/tmp")
        return try RecoveryPreview(directory, replay, committedOnly: false)
    }

    /// How many bytes the values of some keys have in what `recover` makes.
    private func recovered(_ node: ScratchNode, _ indexes: [UInt64]) throws -> [Int?] {
        let target = "\(node.path)-new"
        defer { ScratchNode.remove(target) }
        let words = ["--data-dir", node.path, "--into", target, "--scratch", "/tmp", "--yes"]
        try RecoverCommand.parse(words).run()
        let replay = try Replay(InspectedDirectory(target), scratch: "/tmp")
        let source = try StateSource(replay, at: nil, usesState: false)
        let model = try source.read { try RandomHistory.Model($0) }
        return indexes.map { model.keys[ByteString("app/\($0)")]?.value.count }
    }

    @Test(arguments: [30, 50, 60] as [UInt64])
    func `a snapshot that the log does not lead to is taken`(_ last: UInt64) throws {
        let (leader, node) = (try leader(50), try survivor(logEnds: last))
        try send("snapshots", of: leader, to: node)
        let preview = try preview(node)
        #expect(preview.end == LogIndex(50))
        #expect(preview.warnings.contains { $0.hasPrefix("snapshot 50-2 is taken") })
        #expect(preview.rows.contains(["would be taken", "snapshot 50-2"]))
        #expect(try recovered(node, [20, 21, 50, 60]) == [40, 41, 41, nil])
    }

    /// A start rebuilt the state from the snapshot, and ended before the log began behind it.
    @Test(arguments: [30, 50, 60] as [UInt64])
    func `nothing of the log is put upon a state that a leader sent`(_ last: UInt64) throws {
        let (leader, node) = (try leader(50), try survivor(logEnds: last))
        try send("snapshots", of: leader, to: node)
        try send("state", of: leader, to: node)
        try TrustMarker(directory: "\(node.path)/state").markClean()
        #expect(try Replay(InspectedDirectory(node.path), scratch: "/tmp").committed == .zero)
        #expect(try preview(node).end == LogIndex(50))
        #expect(try recovered(node, [20, 21, 50, 60]) == [40, 41, 41, nil])
    }

    @Test func `a snapshot that the log leads to stands back behind the log`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...60), snapshotAt: 20, voters: 3, appliedMax: 20)
        #expect(try preview(node).end == LogIndex(60))
        #expect(try recovered(node, [20, 60]) == [40, 40])
    }

    @Test func `one that is damaged is named, and left out`() throws {
        let (leader, node) = (try leader(50), try survivor(logEnds: 30))
        try send("snapshots", of: leader, to: node)
        try node.spoil("\(node.path)/snapshots/50-2.mdb", at: 20_000)
        let preview = try preview(node)
        #expect(preview.end == LogIndex(30))
        #expect(preview.warnings.contains { $0.contains("50-2, which a leader sent, is damaged") })
        #expect(try recovered(node, [20, 30, 31]) == [40, 40, nil])
    }

    /// A node whose state was found wrong refuses clients, and its log is the cluster's. The new
    /// cluster was begun from the state all the same.
    private func diverged(snapshotAt snapshot: UInt64, equalAt: UInt64) throws -> ScratchNode {
        let node = ScratchNode()
        // The log holds 40 bytes in each value, the state 43 from entry 31 on.
        try node.fill(
            ScratchNode.entries(1...60),
            snapshotAt: snapshot,
            isCompacted: true,
            applying: { entry in
                let index = entry.index.rawValue
                return index > 30
                    ? ScratchNode.entries(index...index, valueBytes: 43)[0] : entry
            }
        )
        try DivergenceMarker(directory: "\(node.path)/state").write(
            equalAt: LogIndex(equalAt),
            differsAt: LogIndex(50)
        )
        return node
    }

    @Test func `a state that was found wrong is rebuilt from what was still equal`() throws {
        let node = try diverged(snapshotAt: 20, equalAt: 25)
        #expect(try recovered(node, [20, 40, 60]) == [40, 40, 40])
        let replay = try Replay(InspectedDirectory(node.path), scratch: "/tmp")
        let source = try StateSource(replay, at: nil, usesState: true)
        let model = try source.read { try RandomHistory.Model($0) }
        #expect(model.keys[ByteString("app/60")]?.value.count == 40)
    }

    @Test func `where only a wrong state leads there, it must be asked for`() throws {
        let node = try diverged(snapshotAt: 40, equalAt: 25)
        let target = "\(node.path)-new"
        defer { ScratchNode.remove(target) }
        let words = ["--data-dir", node.path, "--into", target, "--scratch", "/tmp", "--yes"]
        #expect(throws: ExitCode(1)) { try RecoverCommand.parse(words).run() }
        #expect(!FileSystem.exists(target))
        try RecoverCommand.parse(words + ["--use-diverged"]).run()
        #expect(FileSystem.exists(target))
    }

    @Test func `a copy of a running node keeps that its state was found wrong`() throws {
        let node = try diverged(snapshotAt: 20, equalAt: 25)
        let target = "\(node.path)-copy"
        defer { ScratchNode.remove(target) }
        let server = try DataDirectory(node.path)
        try InspectedDirectory(node.path).copy(to: target) { _ in }
        extendLifetime(server)
        #expect(try InspectedDirectory(target).divergence?.equalAt == LogIndex(25))
    }

    /// Of a server under load whose log went on while its state was copied.
    @Test func `a copied state that the log does not lead on from is left out`() throws {
        let node = ScratchNode()
        try node.fill(ScratchNode.entries(1...60), snapshotAt: 40, isCompacted: true)
        #expect(try !CopyCommand.dropStateBehind(node.path))
        try send("state", of: survivor(logEnds: 20), to: node)
        try TrustMarker(directory: "\(node.path)/state").markClean()
        #expect(try !node.check().findings.isEmpty)
        #expect(try CopyCommand.dropStateBehind(node.path))
        #expect(try node.check().findings.isEmpty)
    }
}
