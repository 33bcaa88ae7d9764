internal import Bytes
package import Raft

/// What a snapshot is: kept beside its file, and in the write-ahead log once it is durable.
///
///     | format version varint | index 8 | term 8 | bytes 8 | SHA-256 32
///     | membership index 8 | membership |
///
/// The file INDEX-TERM.manifest (or `nameWithSum`) is "ROOSTSN1", then the body in a state record's
/// frame under the key of the manifest.
package struct SnapshotManifest: Hashable, Sendable {
    /// The newest format of a snapshot's content that this version reads and writes: that of the
    /// state's tables.
    package static let formatVersion = 2
    static let magic: [UInt8] = Array("ROOSTSN1".utf8)

    package var formatVersion = SnapshotManifest.formatVersion
    package var index: LogIndex
    package var term: Term
    /// The membership in force at `index`, and which entry brought it.
    package var membership: MembershipRecord
    /// The size of the copy of the state.
    package var byteCount: Int
    package var sha256: [UInt8]

    package init(
        index: LogIndex,
        term: Term,
        membership: MembershipRecord,
        byteCount: Int,
        sha256: [UInt8]
    ) {
        self.index = index
        self.term = term
        self.membership = membership
        self.byteCount = byteCount
        self.sha256 = sha256
    }

    package var descriptor: SnapshotDescriptor {
        SnapshotDescriptor(index: index, term: term, membership: membership.membership)
    }

    /// "INDEX-TERM", the name of the snapshot's files without their endings.
    package var name: String { "\(index.rawValue)-\(term.rawValue)" }

    /// "INDEX-TERM-SUM", their name where the other is taken by a snapshot of other bytes.
    package var nameWithSum: String { "\(name)-\(Hexadecimal.text(Array(sha256.prefix(4))))" }

    var key: [UInt8] { StoreKey.manifest(index: index, term: term) }

    var body: [UInt8] {
        var writer = ByteWriter(reserving: 128)
        writer.varint(UInt64(formatVersion))
        writer.integer(index.rawValue)
        writer.integer(term.rawValue)
        writer.integer(UInt64(byteCount))
        writer.append(sha256)
        writer.integer(membership.index.rawValue)
        MembershipCodec.write(membership.membership, to: &writer)
        return writer.bytes
    }

    init(body: [UInt8]) throws(Damage) {
        do {
            var reader = SpanReader(body.rawSpan)
            formatVersion = Int(clamping: try reader.varint())
            guard formatVersion <= SnapshotManifest.formatVersion else {
                throw BytesError.badTag(offset: 0, tag: UInt64(formatVersion))
            }
            index = LogIndex(try reader.integer())
            term = Term(try reader.integer())
            byteCount = Int(clamping: try reader.integer(as: UInt64.self))
            sha256 = try reader.bytes(32).copiedBytes()
            let membershipIndex = LogIndex(try reader.integer())
            membership = MembershipRecord(
                index: membershipIndex,
                membership: try MembershipCodec.read(&reader)
            )
        } catch {
            throw Damage(.snapshot, "manifest: \(error)")
        }
    }

    /// The manifest as the bytes of its file, which is also how it travels to a peer.
    package func encoded() throws(StoreError) -> [UInt8] {
        SnapshotManifest.magic + key + (try StateRecord.seal(body, under: key))
    }

    package init(encoded bytes: [UInt8]) throws(Damage) {
        let start = SnapshotManifest.magic.count
        guard bytes.count > start + 17, bytes.starts(with: SnapshotManifest.magic) else {
            throw Damage(.snapshot, "this is no manifest")
        }
        let key = bytes.rawSpan.extracting(start..<(start + 17))
        let record = bytes.rawSpan.extracting((start + 17)..<bytes.count)
        try self.init(body: StateRecord.open(record, under: key))
    }
}
