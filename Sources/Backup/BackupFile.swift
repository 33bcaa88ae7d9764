import Bytes
import Disk

/// A backup on the disk.
package struct BackupFile: Sendable {
    package let path: String
    package let byteCount: Int

    package init(_ path: String) throws(BackupError) {
        self.path = path
        do throws(DiskError) { byteCount = try FileSystem.status(path).size } catch {
            throw .disk(error)
        }
    }

    /// What it says of itself, from its beginning alone: the rest is not looked at.
    package func describe() throws(BackupError) -> ArchiveHead {
        let bytes: [UInt8]
        do throws(DiskError) {
            let file = try File(path, .readOnly)
            bytes = try file.read(at: 0, count: BackupLimits.pieceBytes)
        } catch { throw .disk(error) }
        var reader = ArchiveReader()
        do throws(BackupError) {
            try reader.read(bytes.rawSpan) { _ throws(BackupError) in }
        } catch {
            // What is wrong behind the description is for those who read it all.
            guard let head = reader.head else { throw error }
            return head
        }
        guard let head = reader.head else { throw .truncated(at: bytes.count) }
        return head
    }

    /// Reads the whole and checks every checksum in it.
    /// - Parameters:
    ///   - target: where the copy of the state is to lie; nil: nowhere.
    ///   - progress: is told now and then how much was read.
    package func read(
        stateTo target: String?,
        progress: (Int) -> Void = { _ in }
    ) throws(BackupError) -> ArchiveHead {
        let file = try Self.open(path, .readOnly)
        guard let target else {
            return try Self.read(file, progress) { _ throws(BackupError) in }
        }
        let state = try Self.open(target, .replace)
        var offset = 0
        let head = try Self.read(file, progress) { bytes throws(BackupError) in
            do throws(DiskError) { try state.write(bytes, at: offset) } catch { throw .disk(error) }
            offset += bytes.byteCount
        }
        do throws(DiskError) { try state.sync() } catch { throw .disk(error) }
        return head
    }

    private static func open(_ path: String, _ access: File.Access) throws(BackupError) -> File {
        do throws(DiskError) { return try File(path, access) } catch { throw .disk(error) }
    }

    private static func read(
        _ file: borrowing File,
        _ progress: (Int) -> Void,
        _ sink: (RawSpan) throws(BackupError) -> Void
    ) throws(BackupError) -> ArchiveHead {
        var reader = ArchiveReader()
        var piece = [UInt8](repeating: 0, count: BackupLimits.pieceBytes)
        while true {
            let count: Int
            do throws(DiskError) { count = try file.read(into: &piece, at: reader.byteCount) } catch
            { throw .disk(error) }
            if count == 0 { return try reader.finish() }
            try reader.read(piece.rawSpan.extracting(first: count), sink)
            progress(reader.byteCount)
        }
    }

    /// Reads the whole, opens the state in it, and checks that too.
    /// - Parameter scratch: a directory with room for the state; nothing stays there.
    package func verify(
        scratch: String,
        progress: (Int) -> Void = { _ in }
    ) throws(BackupError) -> ArchiveHead {
        let state = "\(scratch)/roost-verify-\(Self.randomName).tmp"
        defer { Self.discard(state) }
        let head = try read(stateTo: state, progress: progress)
        try StateCheck.run(head, stateAt: state)
        return head
    }

    private static var randomName: String {
        Hexadecimal.text(UInt64.random(in: .min ... .max))
    }

    /// It holds nothing that is not in the backup; the next to look sees it by its name.
    private static func discard(_ path: String) { _ = try? FileSystem.remove(path) }
}
