internal import Bytes
package import Raft

/// How a data directory stands in its cluster: its own name among directories, whether the node
/// has begun its part, and the members that it knew when it did.
///
///     | incarnation 16 | flags 1: bit 0 has begun
///     | count varint, (node 8, name, address: length varint, UTF-8 each; incarnation 16) * count
package struct NodeStanding: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package var node: NodeID
        package var name: String
        /// HOST:PORT of its peer port.
        package var address: String
        /// Its data directory; zeros if it is not known.
        package var incarnation: [UInt8]

        package init(node: NodeID, name: String, address: String, incarnation: [UInt8]) {
            precondition(incarnation.count == 16, "16 bytes")
            self.node = node
            self.name = name
            self.address = address
            self.incarnation = incarnation
        }
    }

    /// Sixteen random bytes, made with the directory: a node that comes back with another
    /// directory has another incarnation, and must not vote as if it remembered.
    package var incarnation: [UInt8]
    /// Until it has begun, a node has voted for nobody and stored nothing.
    package var hasBegun: Bool
    package var members: [Member]

    package init(incarnation: [UInt8], hasBegun: Bool, members: [Member] = []) {
        precondition(incarnation.count == 16, "16 bytes")
        self.incarnation = incarnation
        self.hasBegun = hasBegun
        self.members = members
    }

    /// A cluster of one: its random name is the directory's too.
    init(ofOne identity: NodeIdentity) {
        self.init(incarnation: identity.clusterID, hasBegun: true)
    }

    /// Whether it fits in its record.
    package var isStorable: Bool { body.count <= StateRecord.bodyBytesMax }

    var body: [UInt8] {
        var writer = ByteWriter(reserving: 64 + 64 * members.count)
        writer.append(incarnation)
        writer.integer(UInt8(hasBegun ? 1 : 0))
        writer.varint(UInt64(members.count))
        for member in members {
            writer.integer(member.node.rawValue)
            writer.varText(member.name)
            writer.varText(member.address)
            writer.append(member.incarnation)
        }
        return writer.bytes
    }

    init(_ body: [UInt8]) throws(Damage) {
        do throws(BytesError) {
            var reader = SpanReader(body.rawSpan)
            incarnation = try reader.bytes(16).copiedBytes()
            let flags: UInt8 = try reader.integer()
            hasBegun = flags & 1 != 0
            members = []
            for _ in 0..<(try reader.varint()) {
                members.append(
                    Member(
                        node: NodeID(try reader.integer()),
                        name: String(decoding: try reader.varBytes().copiedBytes(), as: UTF8.self),
                        address: String(
                            decoding: try reader.varBytes().copiedBytes(),
                            as: UTF8.self
                        ),
                        incarnation: try reader.bytes(16).copiedBytes()
                    )
                )
            }
        } catch { throw Damage(.record, "standing: \(error)") }
    }
}
