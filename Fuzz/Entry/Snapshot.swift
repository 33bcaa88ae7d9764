import Backup
import Bytes

/// What may come as a snapshot: from the disk, or from a server that is asked for one.
package enum SnapshotEntry {
    package static func run(_ input: [UInt8]) {
        let atOnce = read(input, pieceBytes: max(1, input.count))
        let inPieces = read(input, pieceBytes: 7)
        precondition(atOnce == inPieces, "how it comes in decides what it is")
    }

    /// How far it was read, and whether that is all of a snapshot.
    private static func read(_ input: [UInt8], pieceBytes: Int) -> (Int, Bool) {
        var reader = ArchiveReader()
        var stateBytes = 0
        var offset = 0
        do throws(BackupError) {
            while offset < input.count {
                let end = min(input.count, offset + pieceBytes)
                try reader.read(input.rawSpan.extracting(offset..<end)) {
                    part throws(BackupError) in
                    stateBytes += part.byteCount
                }
                offset = end
            }
            _ = try reader.finish()
            return (stateBytes, true)
        } catch {
            return (stateBytes, false)
        }
    }
}
