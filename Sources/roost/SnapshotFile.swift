import Backup
import Bytes
import Disk
import Foundation
import Raft
import RaftStore

/// What the snapshot commands do with a file, with their failures.
enum SnapshotFile {
    /// Runs a command's body; a failure is printed and becomes the exit code.
    static func reporting(_ body: () throws -> Void) throws {
        do { try body() } catch let failure as CommandFailure { throw failure.reported() }
    }

    /// Says in what way a step on a file failed.
    static func naming<Result>(
        _ path: String,
        _ body: () throws -> Result
    ) throws(CommandFailure) -> Result {
        do { return try body() } catch let error as BackupError {
            throw failure(error, on: path, "\(error)")
        } catch {
            throw .file(path: path, reason: "\(error)")
        }
    }

    static func failure(
        _ error: BackupError,
        on path: String,
        _ reason: String
    ) -> CommandFailure {
        switch error {
        case .damaged, .truncated: .damaged(path: path, reason: reason)
        case .foreign, .newerFormat: .foreign(path: path, reason: reason)
        case .occupied: .configuration(reason)
        case .disk, .store, .state: .file(path: path, reason: reason)
        }
    }

    static func verified(
        _ path: String,
        reported: String,
        scratch: String? = nil
    ) throws(CommandFailure) -> ArchiveHead {
        try naming(reported) {
            let file = try BackupFile(path)
            let progress = TransferProgress("verified", of: file.byteCount)
            defer { progress.end() }
            return try file.verify(scratch: scratch ?? directory(of: path)) { progress.note($0) }
        }
    }

    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// - Parameter verdict: what became of it; nil: nothing.
    static func tell(
        _ head: ArchiveHead,
        of path: String,
        _ asJSON: Bool,
        _ verdict: String?
    ) throws {
        let description = Description(head, path, verdict)
        if asJSON { return try Terminal.json(description) }
        Terminal.table(["WHAT", "VALUE"], description.rows)
        if let verdict { Terminal.line("\(path): \(verdict)") }
    }

    private struct Description: Encodable {
        var file: String
        var verdict: String?
        var id: String
        var index: UInt64
        var term: UInt64
        var taken: String
        var node: String
        var cluster: String
        var voters: [UInt64]
        var stateBytes: Int
        var stateFormat: Int
        var sha256: String
        var digest: String
        var counts: [String: UInt64]

        init(_ head: ArchiveHead, _ path: String, _ verdict: String?) {
            file = path
            self.verdict = verdict
            id = head.id
            index = head.manifest.index.rawValue
            term = head.manifest.term.rawValue
            taken = Date(timeIntervalSince1970: Double(head.time / 1_000))
                .formatted(.iso8601)
            node = head.node
            cluster = Hexadecimal.text(head.clusterID)
            voters = head.manifest.membership.membership.incoming.map(\.rawValue)
            stateBytes = head.manifest.byteCount
            stateFormat = head.manifest.formatVersion
            sha256 = Hexadecimal.text(head.manifest.sha256)
            digest = Hexadecimal.text(head.counts.digest)
            counts = Dictionary(uniqueKeysWithValues: head.counts.named.map { ($0.name, $0.value) })
        }

        var rows: [[String]] {
            [
                ["id", id], ["index", "\(index)"], ["term", "\(term)"], ["taken", taken],
                ["node", node], ["cluster", cluster],
                ["voters", voters.map(String.init).joined(separator: " ")],
                ["state bytes", "\(stateBytes)"], ["state format", "\(stateFormat)"],
                ["sha256", sha256], ["digest", digest],
            ] + counts.keys.sorted().map { [$0, "\(counts[$0] ?? 0)"] }
        }
    }
}

/// A snapshot on its way to the disk, checked as it comes in.
struct SnapshotWriting: ~Copyable {
    private let file: File
    private let reported: String
    private var reader = ArchiveReader()
    private var syncedBytes = 0

    /// So much is left to the page cache at most.
    private static let unsyncedBytesMax = 8 << 20

    init(_ path: String, reported: String) throws(CommandFailure) {
        self.reported = reported
        file = try Self.opened(path, reported)
    }

    private static func opened(_ path: String, _ reported: String) throws(CommandFailure) -> File {
        do throws(DiskError) { return try File(path, .replace) } catch {
            throw .file(path: reported, reason: "\(error)")
        }
    }

    var byteCount: Int { reader.byteCount }

    mutating func take(_ bytes: [UInt8]) throws(CommandFailure) {
        let offset = reader.byteCount
        do throws(DiskError) {
            try file.write(bytes.rawSpan, at: offset)
            if offset + bytes.count - syncedBytes > Self.unsyncedBytesMax {
                try file.syncData()
                syncedBytes = offset + bytes.count
            }
        } catch { throw .file(path: reported, reason: "\(error)") }
        do throws(BackupError) {
            try reader.read(bytes.rawSpan) { _ throws(BackupError) in }
        } catch { throw failure(error) }
    }

    private func failure(_ error: BackupError) -> CommandFailure {
        SnapshotFile.failure(error, on: reported, "what came from the server: \(error)")
    }

    func finish() throws(CommandFailure) {
        do throws(BackupError) { _ = try reader.finish() } catch {
            throw failure(error)
        }
        do throws(DiskError) { try file.sync() } catch {
            throw .file(path: reported, reason: "\(error)")
        }
    }
}

/// How far something is, on a terminal only; a line that is written over.
final class TransferProgress {
    private let word: String
    private let wholeBytes: Int?
    private let isShown = isatty(2) == 1
    private var lastTime: UInt64 = 0
    private var hasLine = false

    private static let pauseNanoseconds: UInt64 = 200_000_000

    init(_ word: String, of wholeBytes: Int?) {
        self.word = word
        self.wholeBytes = wholeBytes
    }

    func note(_ bytes: Int) {
        let now = monotonicNanoseconds()
        guard isShown, now - lastTime > Self.pauseNanoseconds else { return }
        lastTime = now
        hasLine = true
        let whole = wholeBytes.map { " of \($0 >> 20) MiB (\(bytes * 100 / max(1, $0)) %)" } ?? ""
        Self.show("\r\(word) \(bytes >> 20)\(whole)   ")
    }

    func end() {
        if hasLine { Self.show("\n") }
        hasLine = false
    }

    private static func show(_ text: String) {
        // What only shows that work goes on must not end it.
        try? StandardStream.error.write(text)
    }
}
