import Bytes
import Crypto
package import Disk
import RaftStore

/// Writes a backup piece by piece from a copy of the state that lies in a file. How long the whole
/// is, is known from the beginning.
package struct ArchiveWriter: ~Copyable, Sendable {
    /// Of the whole file.
    package let byteCount: Int

    private let state: File
    private let stateBytes: Int
    /// The tar before and after the state's bytes.
    private let before: [UInt8]
    private let after: [UInt8]
    private let tarBytes: Int
    /// How much of the tar was written.
    private var position = 0
    private var crc = CRC32()
    private var isEnded = false

    /// - Parameter state: the file that `head` describes.
    package init(_ head: ArchiveHead, state: consuming File) throws(BackupError) {
        let text = try head.encoded()
        let seconds = head.time / 1_000
        stateBytes = head.manifest.byteCount
        self.state = state
        before =
            Self.member(ArchiveLayout.headName, text, seconds)
            + TarHead(name: ArchiveLayout.stateName, size: stateBytes).encoded(seconds: seconds)
        let sums = ArchiveLayout.sums(
            head: Array(SHA256.hash(data: text)),
            state: head.manifest.sha256
        )
        after =
            Self.zeros(ArchiveLayout.padding(after: stateBytes))
            + Self.member(ArchiveLayout.sumsName, sums, seconds)
            + Self.zeros(ArchiveLayout.endBytes)
        tarBytes = before.count + stateBytes + after.count
        let blockBytesMax = ArchiveLayout.blockBytesMax
        let blocks = (tarBytes + blockBytesMax - 1) / blockBytesMax
        byteCount =
            ArchiveLayout.gzipHeader.count + tarBytes + (blocks + 1) * ArchiveLayout.blockHeadBytes
            + ArchiveLayout.trailerBytes
    }

    private static func member(_ name: String, _ bytes: [UInt8], _ seconds: Int64) -> [UInt8] {
        TarHead(name: name, size: bytes.count).encoded(seconds: seconds) + bytes
            + zeros(ArchiveLayout.padding(after: bytes.count))
    }

    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    /// The next piece of the file; nil when there is no more.
    package mutating func next() throws(BackupError) -> [UInt8]? {
        guard !isEnded else { return nil }
        var piece = position == 0 ? ArchiveLayout.gzipHeader : []
        piece.reserveCapacity(BackupLimits.pieceBytes + ArchiveLayout.blockBytesMax)
        while position < tarBytes, piece.count < BackupLimits.pieceBytes {
            let count = min(ArchiveLayout.blockBytesMax, tarBytes - position)
            piece += ArchiveLayout.blockHead(bytes: count, isLast: false)
            let start = piece.count
            try append(count, to: &piece)
            crc.add(piece.rawSpan.extracting(start..<piece.count))
            position += count
        }
        if position == tarBytes {
            piece += ArchiveLayout.blockHead(bytes: 0, isLast: true)
            piece += ArchiveLayout.littleEndian(crc.value)
            piece += ArchiveLayout.littleEndian(UInt32(truncatingIfNeeded: tarBytes))
            isEnded = true
        }
        return piece
    }

    /// The next bytes of the tar.
    private func append(_ count: Int, to piece: inout [UInt8]) throws(BackupError) {
        var place = position
        let end = position + count
        let stateEnd = before.count + stateBytes
        if place < before.count {
            let part = place..<min(end, before.count)
            piece += before[part]
            place = part.upperBound
        }
        if place < min(end, stateEnd) {
            let wanted = min(end, stateEnd) - place
            let read: [UInt8]
            do throws(DiskError) {
                read = try state.read(at: place - before.count, count: wanted)
            } catch { throw .disk(error) }
            guard read.count == wanted else { throw .truncated(at: place - before.count) }
            piece += read
            place += wanted
        }
        if place < end { piece += after[(place - stateEnd)..<(end - stateEnd)] }
    }
}
