/// The bytes of a membership: the payload of a configuration entry, and part of the records and
/// snapshot manifests that a shell stores. All numbers are little-endian.
///
///     offset  bytes  what
///     0       1      version, 1
///     1       1      flags: bit 0 autoLeave; the others are 0
///     2       2      count of incoming        n0
///     4       2      count of outgoing        n1
///     6       2      count of learners        n2
///     8       2      count of learnersNext    n3
///     10      8*n    node IDs: n0 incoming, n1 outgoing, n2 learners, n3 learnersNext,
///                    each list ascending
///
/// Membership records, as `LogWrite.memberships` are stored:
///
///     0       1      version, 1
///     1       2      count of records
///     then for each: 8 bytes index, 2 bytes length, and so many bytes of a membership
extension Membership {
    package static let encodingVersion: UInt8 = 1

    /// More members than any cluster has. A joint membership has each voter twice, and must fit in
    /// one record of a store (2,000 bytes) and in a snapshot's manifest.
    package static let membersMax = 100

    package func encoded() -> [UInt8] {
        let lists = [incoming, outgoing, learners, learnersNext]
        var bytes: [UInt8] = [Membership.encodingVersion, autoLeave ? 1 : 0]
        bytes.reserveCapacity(10 + 8 * lists.reduce(0) { $0 + $1.count })
        for list in lists { bytes.appendLittleEndian(UInt16(list.count)) }
        for list in lists { for node in list { bytes.appendLittleEndian(node.rawValue) } }
        return bytes
    }

    /// Nil if the bytes are not exactly what `encoded()` writes for some membership.
    package init?(encoded bytes: ArraySlice<UInt8>) {
        var reader = LittleEndianReader(bytes)
        guard reader.read(UInt8.self) == Membership.encodingVersion,
            let flags = reader.read(UInt8.self), flags <= 1,
            let counts = reader.readCounts(4, sumMax: 2 * Membership.membersMax),
            let incoming = reader.readNodes(counts[0]),
            let outgoing = reader.readNodes(counts[1]),
            let learners = reader.readNodes(counts[2]),
            let learnersNext = reader.readNodes(counts[3]),
            reader.isAtEnd
        else { return nil }
        self.init(
            incoming: incoming,
            outgoing: outgoing,
            learners: learners,
            learnersNext: learnersNext,
            autoLeave: flags == 1
        )
        guard encoded().elementsEqual(bytes) else { return nil }
    }
}

extension MembershipRecord {
    package static func encoded(_ records: [MembershipRecord]) -> [UInt8] {
        var bytes: [UInt8] = [Membership.encodingVersion]
        bytes.appendLittleEndian(UInt16(records.count))
        for record in records {
            let membership = record.membership.encoded()
            bytes.appendLittleEndian(record.index.rawValue)
            bytes.appendLittleEndian(UInt16(membership.count))
            bytes += membership
        }
        return bytes
    }

    /// Nil if the bytes are not exactly what `encoded(_:)` writes.
    package static func records(encoded bytes: ArraySlice<UInt8>) -> [MembershipRecord]? {
        var reader = LittleEndianReader(bytes)
        guard reader.read(UInt8.self) == Membership.encodingVersion,
            let count = reader.read(UInt16.self)
        else { return nil }
        var records: [MembershipRecord] = []
        for _ in 0..<count {
            guard let index = reader.read(UInt64.self), let length = reader.read(UInt16.self),
                let slice = reader.readBytes(Int(length)),
                let membership = Membership(encoded: slice)
            else { return nil }
            records.append(MembershipRecord(index: LogIndex(index), membership: membership))
        }
        return reader.isAtEnd ? records : nil
    }
}

extension [UInt8] {
    fileprivate mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) {
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
}

/// Takes numbers off the front of bytes that may be anything.
private struct LittleEndianReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func readBytes(_ count: Int) -> ArraySlice<UInt8>? {
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func read<Value: FixedWidthInteger>(_: Value.Type) -> Value? {
        guard let bytes = readBytes(Value.bitWidth / 8) else { return nil }
        return bytes.reversed().reduce(0) { ($0 << 8) | Value(truncatingIfNeeded: $1) }
    }

    mutating func readCounts(_ count: Int, sumMax: Int) -> [Int]? {
        var counts: [Int] = []
        for _ in 0..<count {
            guard let value = read(UInt16.self) else { return nil }
            counts.append(Int(value))
        }
        return counts.reduce(0, +) <= sumMax ? counts : nil
    }

    mutating func readNodes(_ count: Int) -> [NodeID]? {
        var nodes: [NodeID] = []
        for _ in 0..<count {
            guard let value = read(UInt64.self) else { return nil }
            nodes.append(NodeID(value))
        }
        return nodes
    }
}
