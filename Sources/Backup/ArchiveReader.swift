import Bytes
import Crypto
import RaftStore

/// Reads a backup as its bytes come in, in pieces of any size: hands the state's bytes on, and
/// checks all that can be checked without them being kept: every length, gzip's checksum, both
/// SHA-256, and the manifest's word.
package struct ArchiveReader {
    /// What is expected next.
    private enum Place {
        case gzipHeader
        case blockHead
        case block(left: Int)
        case trailer
        case end
    }

    private enum Member {
        /// 512 bytes that say what comes.
        case head
        /// A small member, kept until it is whole.
        case kept(TarHead)
        case state(left: Int)
        case padding(left: Int)
        /// The zeros at the end.
        case zeros
    }

    /// There as soon as the description was read.
    package private(set) var head: ArchiveHead?
    /// How much was read.
    package private(set) var byteCount = 0
    package private(set) var isWhole = false

    private var place = Place.gzipHeader
    private var member = Member.head
    /// Of what has a length of its own: the beginning, as far as it is there.
    private var gathered: [UInt8] = []
    private var keptBytes: [UInt8] = []
    private var crc = CRC32()
    private var tarBytes = 0
    private var headHash: [UInt8] = []
    private var stateHash = SHA256()
    private var stateDigest: [UInt8]?
    private var sums: [UInt8]?

    package init() {}

    /// - Parameter sink: takes the bytes of the state, in their order.
    package mutating func read(
        _ bytes: RawSpan,
        _ sink: (RawSpan) throws(BackupError) -> Void
    ) throws(BackupError) {
        var offset = 0
        while offset < bytes.byteCount {
            let rest = bytes.extracting(offset..<bytes.byteCount)
            let taken: Int
            switch place {
            case .gzipHeader:
                taken = try gather(rest, ArchiveLayout.gzipHeader.count) {
                    reader,
                    bytes throws(BackupError) in
                    try reader.checkGzip(bytes)
                }
            case .blockHead:
                try checkBlockKind(rest)
                taken = try gather(rest, ArchiveLayout.blockHeadBytes) {
                    reader,
                    bytes throws(BackupError) in
                    try reader.begin(block: bytes)
                }
            case .block(let left):
                taken = min(left, rest.byteCount)
                try readTar(rest.extracting(first: taken), sink)
                place = left == taken ? .blockHead : .block(left: left - taken)
            case .trailer:
                taken = try gather(rest, ArchiveLayout.trailerBytes) {
                    reader,
                    bytes throws(BackupError) in
                    try reader.checkEnd(bytes)
                }
            case .end: throw .damaged("something follows its end")
            }
            offset += taken
            byteCount += taken
        }
    }

    /// After the last piece.
    package func finish() throws(BackupError) -> ArchiveHead {
        guard isWhole, let head else { throw .truncated(at: byteCount) }
        return head
    }

    /// Takes what is missing of `count` bytes; with all of them, hands them on.
    private mutating func gather(
        _ rest: RawSpan,
        _ count: Int,
        _ use: (inout Self, [UInt8]) throws(BackupError) -> Void
    ) throws(BackupError) -> Int {
        let taken = min(count - gathered.count, rest.byteCount)
        gathered += rest.extracting(first: taken).copiedBytes()
        guard gathered.count == count else { return taken }
        let whole = gathered
        gathered = []
        try use(&self, whole)
        return taken
    }

    // MARK: gzip

    private mutating func checkGzip(_ bytes: [UInt8]) throws(BackupError) {
        let magic = ArchiveLayout.gzipHeader.prefix(3)
        guard bytes.starts(with: magic) else { throw .foreign("it does not begin as gzip does") }
        guard bytes == ArchiveLayout.gzipHeader else { throw Self.compressed }
        place = .blockHead
    }

    private static var compressed: BackupError {
        .foreign(
            "its bytes are compressed, as those of Consul's snapshots are; one of Roost's that "
                + "was compressed again has to be saved anew"
        )
    }

    /// The kind is in the first byte; what follows it means something else in other kinds.
    private func checkBlockKind(_ rest: RawSpan) throws(BackupError) {
        guard gathered.isEmpty else { return }
        let first = rest.extracting(first: 1).copiedBytes()
        guard first[0] & 6 == 0 || head != nil else { throw Self.compressed }
        guard first[0] & ~1 == 0 else { throw .damaged("the kind of the block at \(byteCount)") }
    }

    private mutating func begin(block: [UInt8]) throws(BackupError) {
        let length = Int(block[1]) | Int(block[2]) << 8
        let inverse = Int(block[3]) | Int(block[4]) << 8
        guard length ^ inverse == 0xffff else {
            throw .damaged("the length of the block before \(byteCount)")
        }
        let isLast = block[0] & 1 == 1
        guard !isLast || length == 0 else { throw Self.compressed }
        place = isLast ? .trailer : length == 0 ? .blockHead : .block(left: length)
    }

    private mutating func checkEnd(_ bytes: [UInt8]) throws(BackupError) {
        let wanted =
            ArchiveLayout.littleEndian(crc.value)
            + ArchiveLayout.littleEndian(UInt32(truncatingIfNeeded: tarBytes))
        guard bytes == wanted else { throw .damaged("gzip's checksum is another") }
        guard case .zeros = member, let head, let sums, let stateDigest else {
            throw .damaged("a member is missing")
        }
        guard sums == ArchiveLayout.sums(head: headHash, state: stateDigest) else {
            throw .damaged("the SHA-256 of a member is another than \(ArchiveLayout.sumsName) says")
        }
        guard stateDigest == head.manifest.sha256 else {
            throw .damaged("the SHA-256 of the state is another than its manifest says")
        }
        place = .end
        isWhole = true
    }

    // MARK: tar

    private mutating func readTar(
        _ bytes: RawSpan,
        _ sink: (RawSpan) throws(BackupError) -> Void
    ) throws(BackupError) {
        crc.add(bytes)
        tarBytes += bytes.byteCount
        var offset = 0
        while offset < bytes.byteCount {
            let rest = bytes.extracting(offset..<bytes.byteCount)
            switch member {
            case .head: offset += try readHead(rest)
            case .kept(let head): offset += try keep(head, rest)
            case .state(let left):
                let taken = min(left, rest.byteCount)
                let part = rest.extracting(first: taken)
                stateHash.update(data: part.copiedBytes())
                try sink(part)
                offset += taken
                if left > taken { member = .state(left: left - taken) } else { endState() }
            case .padding(let left):
                let taken = min(left, rest.byteCount)
                offset += taken
                member = left == taken ? .head : .padding(left: left - taken)
            case .zeros: offset = bytes.byteCount
            }
        }
    }

    private mutating func readHead(_ rest: RawSpan) throws(BackupError) -> Int {
        let taken = min(ArchiveLayout.unitBytes - keptBytes.count, rest.byteCount)
        keptBytes += rest.extracting(first: taken).copiedBytes()
        guard keptBytes.count == ArchiveLayout.unitBytes else { return taken }
        let bytes = keptBytes
        keptBytes = []
        guard let found = try TarHead.decoded(bytes) else {
            member = .zeros
            return taken
        }
        switch (found.name, head) {
        case (ArchiveLayout.headName, nil):
            guard found.size <= BackupLimits.memberBytesMax else {
                throw .foreign("\(found.name) has \(found.size) bytes")
            }
            member = .kept(found)
        case (ArchiveLayout.stateName, let head?) where stateDigest == nil:
            guard found.size == head.manifest.byteCount else {
                throw .damaged("the state's length is another than its manifest says")
            }
            member = .state(left: found.size)
        case (ArchiveLayout.sumsName, .some) where stateDigest != nil:
            guard found.size <= BackupLimits.memberBytesMax else {
                throw .foreign("\(found.name) has \(found.size) bytes")
            }
            member = .kept(found)
        default: throw .foreign("it holds \(found.name) where that does not belong")
        }
        return taken
    }

    private mutating func keep(_ found: TarHead, _ rest: RawSpan) throws(BackupError) -> Int {
        let taken = min(found.size - keptBytes.count, rest.byteCount)
        keptBytes += rest.extracting(first: taken).copiedBytes()
        guard keptBytes.count == found.size else { return taken }
        if found.name == ArchiveLayout.headName {
            headHash = Array(SHA256.hash(data: keptBytes))
            head = try ArchiveHead(decoding: keptBytes)
        } else {
            sums = keptBytes
        }
        keptBytes = []
        pad(after: found.size)
        return taken
    }

    private mutating func endState() {
        stateDigest = Array(stateHash.finalize())
        pad(after: head?.manifest.byteCount ?? 0)
    }

    private mutating func pad(after bytes: Int) {
        let padding = ArchiveLayout.padding(after: bytes)
        member = padding == 0 ? .head : .padding(left: padding)
    }
}
