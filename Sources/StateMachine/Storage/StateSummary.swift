internal import Bytes

/// What is known about the whole state: written once a batch, in the same transaction.
///
/// ```
/// UInt64 each, big-endian: format version, applied index, applied term, digest, znodes,
/// ephemerals, znode bytes, keys, ACL lists, ZooKeeper sessions, then the indexes in the order of
/// `TableIndexes`, and since format 2 the index from which on the digest covers records at rest
/// ```
public struct StateSummary: Equatable, Sendable {
    public internal(set) var appliedIndex: UInt64 = 0
    public internal(set) var appliedTerm: UInt64 = 0
    /// Depends on every entry so far and on what each one did; equal on all nodes at equal indexes.
    public internal(set) var digest: UInt64 = 0
    /// The index from which on it was made in the way of today's format: digests of states that
    /// differ in this cannot be compared.
    public internal(set) var digestSince: UInt64 = 0

    public internal(set) var znodeCount: UInt64 = 0
    public internal(set) var ephemeralCount: UInt64 = 0
    /// Bytes of all znodes' paths and data: ZooKeeper's approximate data size.
    public internal(set) var znodeBytes: UInt64 = 0
    public internal(set) var keyCount: UInt64 = 0
    /// Interned ACL lists besides the open one; the next one's number.
    public internal(set) var aclCount: UInt64 = 0
    public internal(set) var zooKeeperSessionCount: UInt64 = 0

    public internal(set) var indexes = TableIndexes()

    public var mark: StateMark { StateMark(index: appliedIndex, digest: digest) }

    /// Everything that is counted, as one number.
    var counted: UInt64 {
        var mixed: UInt64 = 0
        for field in fields { mixed = XXH64.combine(mixed, field) }
        return mixed
    }

    /// Of the empty state.
    public init() {}
}

/// For each of Consul's tables the index of the last entry that changed it; 0 if none did.
public struct TableIndexes: Equatable, Sendable {
    public internal(set) var keys: UInt64 = 0
    public internal(set) var tombstones: UInt64 = 0
    public internal(set) var nodes: UInt64 = 0
    public internal(set) var services: UInt64 = 0
    public internal(set) var checks: UInt64 = 0
    public internal(set) var sessions: UInt64 = 0
    /// When the last instance of some service went.
    public internal(set) var serviceExtinction: UInt64 = 0
    /// When some node went.
    public internal(set) var nodeExtinction: UInt64 = 0
}

extension StateSummary {
    func encode(into writer: inout ByteWriter) {
        writer.integer(StateTables.formatVersion)
        for field in fields { writer.integer(field) }
    }

    private var fields: [UInt64] {
        [
            appliedIndex, appliedTerm, digest, znodeCount, ephemeralCount, znodeBytes, keyCount,
            aclCount, zooKeeperSessionCount, indexes.keys, indexes.tombstones, indexes.nodes,
            indexes.services, indexes.checks, indexes.sessions, indexes.serviceExtinction,
            indexes.nodeExtinction, digestSince,
        ]
    }

    /// Decodes the record of `StateTables.summaryPlace`: for tools that read pages without LMDB.
    public init(decoding record: RawSpan) throws(StateError) {
        do throws(BytesError) {
            var reader = SpanReader(record)
            let format: UInt64 = try reader.integer()
            guard (1...StateTables.formatVersion).contains(format) else {
                throw BytesError.badTag(offset: 0, tag: format)
            }
            try readFields(&reader)
            digestSince = format == 1 ? appliedIndex : try reader.integer()
        } catch .badTag(offset: 0, let found) {
            throw .newerFormat(found: found, known: StateTables.formatVersion)
        } catch {
            throw .damaged(table: "meta", detail: "summary: \(error)")
        }
    }

    @_lifetime(reader: copy reader)
    private mutating func readFields(_ reader: inout SpanReader) throws(BytesError) {
        appliedIndex = try reader.integer()
        appliedTerm = try reader.integer()
        digest = try reader.integer()
        znodeCount = try reader.integer()
        ephemeralCount = try reader.integer()
        znodeBytes = try reader.integer()
        keyCount = try reader.integer()
        aclCount = try reader.integer()
        zooKeeperSessionCount = try reader.integer()
        indexes.keys = try reader.integer()
        indexes.tombstones = try reader.integer()
        indexes.nodes = try reader.integer()
        indexes.services = try reader.integer()
        indexes.checks = try reader.integer()
        indexes.sessions = try reader.integer()
        indexes.serviceExtinction = try reader.integer()
        indexes.nodeExtinction = try reader.integer()
    }
}
