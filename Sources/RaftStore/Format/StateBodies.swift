internal import Bytes
package import Raft

/// Who a data directory belongs to.
///
///     | format version varint | cluster id 16 | node 8 | name: length varint, UTF-8 |
package struct NodeIdentity: Hashable, Sendable {
    /// The format of the whole data directory that this version writes.
    package static let formatVersion = 1

    /// Sixteen random bytes, made once for a cluster.
    package var clusterID: [UInt8]
    package var node: NodeID
    package var name: String

    package init(clusterID: [UInt8], node: NodeID, name: String) {
        precondition(clusterID.count == 16, "a cluster id of \(clusterID.count) bytes")
        self.clusterID = clusterID
        self.node = node
        self.name = name
    }

    var body: [UInt8] {
        var writer = ByteWriter(reserving: 32 + name.utf8.count)
        writer.varint(UInt64(NodeIdentity.formatVersion))
        writer.append(clusterID)
        writer.integer(node.rawValue)
        writer.varText(name)
        return writer.bytes
    }

    init(_ body: [UInt8], path: String) throws(StoreError) {
        do {
            var reader = SpanReader(body.rawSpan)
            let version = try reader.varint()
            guard version <= UInt64(NodeIdentity.formatVersion) else {
                throw StoreError.formatTooNew(
                    path: path,
                    found: Int(clamping: version),
                    known: NodeIdentity.formatVersion
                )
            }
            clusterID = try reader.bytes(16).copiedBytes()
            node = NodeID(try reader.integer())
            name = String(decoding: try reader.varBytes().copiedBytes(), as: UTF8.self)
        } catch let error as StoreError {
            throw error
        } catch {
            throw .damaged(path: path, [Damage(.record, "identity: \(error)")])
        }
    }
}

/// A membership: four lists of nodes and a flag.
///
///     (count varint, node 8 * count) * 4: incoming, outgoing, learners, learners next
///     | auto leave 1 |
enum MembershipCodec {
    static func write(_ membership: Membership, to writer: inout ByteWriter) {
        for nodes in [
            membership.incoming, membership.outgoing, membership.learners, membership.learnersNext,
        ] {
            writer.varint(UInt64(nodes.count))
            for node in nodes { writer.integer(node.rawValue) }
        }
        writer.integer(UInt8(membership.autoLeave ? 1 : 0))
    }

    @_lifetime(reader: copy reader)
    static func read(_ reader: inout SpanReader) throws(BytesError) -> Membership {
        var lists: [[NodeID]] = []
        for _ in 0..<4 {
            let count = try reader.varint()
            guard count <= UInt64(reader.remaining / 8) else {
                throw .badLength(
                    offset: reader.offset,
                    length: Int(clamping: count),
                    bound: reader.remaining / 8
                )
            }
            var nodes: [NodeID] = []
            for _ in 0..<count { nodes.append(NodeID(try reader.integer())) }
            lists.append(nodes)
        }
        let autoLeave: UInt8 = try reader.integer()
        return Membership(
            incoming: lists[0],
            outgoing: lists[1],
            learners: lists[2],
            learnersNext: lists[3],
            autoLeave: autoLeave != 0
        )
    }
}

/// A membership record: `| index 8 | membership |`.
enum MembershipRecordCodec {
    static func body(_ record: MembershipRecord) -> [UInt8] {
        var writer = ByteWriter()
        writer.integer(record.index.rawValue)
        MembershipCodec.write(record.membership, to: &writer)
        return writer.bytes
    }

    static func record(_ body: [UInt8]) throws(Damage) -> MembershipRecord {
        do {
            var reader = SpanReader(body.rawSpan)
            let index = LogIndex(try reader.integer())
            let membership = try MembershipCodec.read(&reader)
            return MembershipRecord(index: index, membership: membership)
        } catch {
            throw Damage(.record, "membership: \(error)")
        }
    }
}
