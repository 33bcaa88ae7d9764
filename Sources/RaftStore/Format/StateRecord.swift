internal import Bytes
internal import Raft

/// The frame of every record that is no log record.
///
///     0      1           9
///     | kind | checksum  | body
///
///     kind       0x1K: format 1, kind K (the key's first byte)
///     checksum   XXH64 of the body, begun from the XXH64 of the key
///
/// The commit record holds a digest of all the others' checksums.
enum StateRecord {
    static let headerBytes = 9
    static let bodyBytesMax = 2000

    static func seal(_ body: [UInt8], under key: [UInt8]) throws(StoreError) -> [UInt8] {
        guard body.count <= bodyBytesMax else {
            throw .tooLong(
                what: "record \(Hexadecimal.text(key))",
                bytes: body.count,
                bytesMax: bodyBytesMax
            )
        }
        var writer = ByteWriter(reserving: headerBytes + body.count)
        writer.integer(UInt8(0x10) | key[0])
        writer.integer(XXH64.hash(body, seed: XXH64.hash(key)))
        writer.append(body)
        return writer.bytes
    }

    /// The body of a record that verifies.
    static func open(_ value: RawSpan, under key: RawSpan) throws(Damage) -> [UInt8] {
        let name = "record \(Hexadecimal.text(key.copiedBytes()))"
        guard value.byteCount >= headerBytes, value[byte: 0] == UInt8(0x10) | key[byte: 0] else {
            throw Damage(.record, "\(name): unknown kind or length \(value.byteCount)")
        }
        let body = value.extracting(headerBytes..<value.byteCount)
        guard XXH64.hash(body, seed: XXH64.hash(key)) == checksum(value) else {
            throw Damage(.record, "\(name): checksum differs")
        }
        return body.copiedBytes()
    }

    static func checksum(_ value: RawSpan) -> UInt64 { LogRecord.word(value, 1) }

    /// Adds one record to the digest; the records come in the order of their keys.
    static func digest(_ digest: UInt64, adding key: RawSpan, _ value: RawSpan) -> UInt64 {
        XXH64.combine(digest, XXH64.combine(XXH64.hash(key), checksum(value)))
    }
}

/// What one commit made true: written anew by each, in the same transaction.
///
///     0   transaction 8 | era 2 | first index 8 | base term 8 | last index 8 | last term 8
///     42  chain 8 | hard state: term 8, vote 8 (0: none), commit 8 | digest 8
///
/// `base term` is the term of the entry before the first one; `chain` is the newest log record's
/// checksum (or what the next record has to link to); `digest` covers all state records but this.
struct CommitRecord: Hashable {
    static let byteCount = 82

    /// The number of the LMDB transaction that wrote it.
    var transaction: UInt64 = 0
    var era: UInt16 = 1
    var firstIndex = LogIndex(1)
    var baseTerm = Term.zero
    var lastIndex = LogIndex.zero
    var lastTerm = Term.zero
    var chain: UInt64 = 0
    var hardState = HardState()
    var digest: UInt64 = 0

    var body: [UInt8] {
        var writer = ByteWriter(reserving: CommitRecord.byteCount)
        writer.integer(transaction)
        writer.integer(era)
        for word in [
            firstIndex.rawValue, baseTerm.rawValue, lastIndex.rawValue, lastTerm.rawValue, chain,
            hardState.term.rawValue, hardState.vote?.rawValue ?? 0, hardState.commit.rawValue,
            digest,
        ] {
            writer.integer(word)
        }
        return writer.bytes
    }

    init() {}

    init(_ body: [UInt8]) throws(Damage) {
        do {
            guard body.count == CommitRecord.byteCount else {
                throw BytesError.badLength(
                    offset: 0,
                    length: body.count,
                    bound: CommitRecord.byteCount
                )
            }
            var reader = SpanReader(body.rawSpan)
            transaction = try reader.integer()
            era = try reader.integer()
            firstIndex = LogIndex(try reader.integer())
            baseTerm = Term(try reader.integer())
            lastIndex = LogIndex(try reader.integer())
            lastTerm = Term(try reader.integer())
            chain = try reader.integer()
            hardState.term = Term(try reader.integer())
            let vote: UInt64 = try reader.integer()
            hardState.vote = vote == 0 ? nil : NodeID(vote)
            hardState.commit = LogIndex(try reader.integer())
            digest = try reader.integer()
        } catch {
            throw Damage(.commit, "commit record: \(error)")
        }
        guard firstIndex.rawValue >= 1, firstIndex <= lastIndex.next else {
            throw Damage(
                .commit,
                "commit record: log \(firstIndex.rawValue)...\(lastIndex.rawValue)"
            )
        }
    }
}
