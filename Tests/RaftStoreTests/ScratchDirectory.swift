import Foundation
import SeededRandom

@testable import Raft
@testable import RaftStore

/// A directory that goes with the test.
final class ScratchDirectory {
    let path: String

    init(_ parent: String = "/tmp") {
        let pattern = String(repeating: "X", count: 6)
        var template = Array("\(parent)/roost-store-\(pattern)".utf8CString)
        path = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, let made = unsafe mkdtemp(start) else {
                preconditionFailure("mkdtemp: errno \(errno)")
            }
            return unsafe String(cString: made)
        }
    }

    deinit {
        // A test may have removed it.
        guard FileManager.default.fileExists(atPath: path) else { return }
        do { try FileManager.default.removeItem(atPath: path) } catch {
            preconditionFailure("the test's own directory: \(error)")
        }
    }
}

enum Sample {
    static let identity = NodeIdentity(
        clusterID: [UInt8](repeating: 7, count: 16),
        node: NodeID(1),
        name: "n1"
    )
    static let memberships = [
        MembershipRecord(index: .zero, membership: Membership(voters: [NodeID(1)]))
    ]

    static var settings: LogSettings {
        var settings = LogSettings()
        settings.growthBytes = 1 << 20
        settings.aheadBytesMin = 1 << 20
        settings.mapBytes = 1 << 30
        return settings
    }

    static func payload(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count {
            var word = generator.next()
            for _ in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: word))
                word >>= 8
            }
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    static func log(
        _ directory: ScratchDirectory,
        settings: LogSettings = settings
    ) throws -> WriteAheadLog {
        let path = "\(directory.path)/wal"
        try WriteAheadLog.create(
            path,
            identity: identity,
            memberships: memberships,
            settings: settings
        )
        return try WriteAheadLog.open(path, settings: settings)
    }

    /// A new log that is closed for this process when `body` returns.
    static func withNewLog(
        _ directory: ScratchDirectory,
        settings: LogSettings = settings,
        _ body: (WriteAheadLog) throws -> Void
    ) throws {
        try body(try log(directory, settings: settings))
    }

    static func manifest(_ index: LogIndex, term: Term) -> SnapshotManifest {
        SnapshotManifest(
            index: index,
            term: term,
            membership: memberships[0],
            byteCount: 0,
            sha256: [UInt8](repeating: 0, count: 32)
        )
    }
}
