import Bytes
package import Raft

/// The first frame of who dials.
///
///     | cluster id 16 | from varint | to varint | incarnation 16 | name | address | purpose 1 |
package struct PeerHello: Hashable, Sendable {
    package enum Purpose: UInt8, Sendable {
        /// Raft's messages, forwarded requests and their answers.
        case messages = 1
        /// One snapshot.
        case snapshot = 2
        /// A first voter asks whether the others are new too, before the cluster begins.
        case founding = 3
    }

    /// What all nodes of the cluster have in common; 16 bytes.
    package var clusterID: [UInt8]
    package var from: NodeID
    package var to: NodeID
    /// The sender's data directory: a node with an emptied disk has another one. 16 bytes.
    package var incarnation: [UInt8]
    package var name: String
    /// HOST:PORT of the sender's peer port, for a receiver that has not met it yet.
    package var address: String
    package var purpose: Purpose

    package init(
        clusterID: [UInt8],
        from: NodeID,
        to: NodeID,
        incarnation: [UInt8],
        name: String,
        address: String,
        purpose: Purpose
    ) {
        precondition(clusterID.count == 16 && incarnation.count == 16, "16 bytes each")
        self.clusterID = clusterID
        self.from = from
        self.to = to
        self.incarnation = incarnation
        self.name = name
        self.address = address
        self.purpose = purpose
    }

    func write(to writer: inout ByteWriter) {
        writer.append(clusterID)
        writer.varint(from.rawValue)
        writer.varint(to.rawValue)
        writer.append(incarnation)
        writer.varText(name)
        writer.varText(address)
        writer.integer(purpose.rawValue)
    }

    @_lifetime(reader: copy reader)
    init(_ reader: inout SpanReader) throws(BytesError) {
        clusterID = try reader.bytes(16).copiedBytes()
        from = NodeID(try reader.varint())
        to = NodeID(try reader.varint())
        incarnation = try reader.bytes(16).copiedBytes()
        name = try reader.text()
        address = try reader.text()
        let tag: UInt8 = try reader.integer()
        guard let purpose = Purpose(rawValue: tag) else {
            throw .badTag(offset: reader.offset, tag: UInt64(tag))
        }
        self.purpose = purpose
    }
}

/// The answer to a hello that is good.
///
///     | incarnation 16 | flags 1: bit 0 is new, bit 1 knows the caller as a founder,
///     |                  bit 2 understands what is said of states |
package struct PeerWelcome: Hashable, Sendable {
    package var incarnation: [UInt8]
    /// The sender has not begun its part in the cluster yet: its log is empty.
    package var isNew: Bool
    /// The sender began the cluster together with the caller's data directory.
    package var knowsFounder: Bool
    /// Whether the sender takes frames about states; an older version ends the connection.
    package var comparesStates: Bool

    package init(
        incarnation: [UInt8],
        isNew: Bool,
        knowsFounder: Bool,
        comparesStates: Bool = true
    ) {
        precondition(incarnation.count == 16, "16 bytes")
        self.incarnation = incarnation
        self.isNew = isNew
        self.knowsFounder = knowsFounder
        self.comparesStates = comparesStates
    }

    func write(to writer: inout ByteWriter) {
        writer.append(incarnation)
        let flags = (isNew ? 1 : 0) | (knowsFounder ? 2 : 0) | (comparesStates ? 4 : 0)
        writer.integer(UInt8(flags))
    }

    @_lifetime(reader: copy reader)
    init(_ reader: inout SpanReader) throws(BytesError) {
        incarnation = try reader.bytes(16).copiedBytes()
        let flags: UInt8 = try reader.integer()
        isNew = flags & 1 != 0
        knowsFounder = flags & 2 != 0
        comparesStates = flags & 4 != 0
    }
}

/// Why a hello or a request to join is not answered as asked. `| reason 1 | text |`
package struct PeerRefusal: Error, Hashable, Sendable {
    package enum Reason: UInt8, Sendable {
        /// The caller belongs to another cluster.
        case otherCluster = 1
        /// The caller was given the address of another node.
        case otherNode = 2
        /// The caller's data directory is not the one that belonged to the cluster.
        case otherDirectory = 3
        /// Ask again: the node has no leader, or has not started yet.
        case notReady = 4
        case failed = 5
        /// The caller was removed from the cluster.
        case notMember = 6
        /// Ask the leader, whose address is the text.
        case notLeader = 7
    }

    package var reason: Reason
    package var text: String

    package init(_ reason: Reason, _ text: String) {
        self.reason = reason
        self.text = text
    }

    func write(to writer: inout ByteWriter) {
        writer.integer(reason.rawValue)
        writer.varText(text)
    }

    @_lifetime(reader: copy reader)
    init(_ reader: inout SpanReader) throws(BytesError) {
        let tag: UInt8 = try reader.integer()
        guard let reason = Reason(rawValue: tag) else {
            throw .badTag(offset: reader.offset, tag: UInt64(tag))
        }
        self.reason = reason
        text = try reader.text()
    }
}

/// A node asks any member to be taken into the cluster. `| name | address | incarnation 16 |`
package struct JoinRequest: Hashable, Sendable {
    package var name: String
    /// HOST:PORT of its peer port.
    package var address: String
    package var incarnation: [UInt8]

    package init(name: String, address: String, incarnation: [UInt8]) {
        precondition(incarnation.count == 16, "16 bytes")
        self.name = name
        self.address = address
        self.incarnation = incarnation
    }

    func write(to writer: inout ByteWriter) {
        writer.varText(name)
        writer.varText(address)
        writer.append(incarnation)
    }

    @_lifetime(reader: copy reader)
    init(_ reader: inout SpanReader) throws(BytesError) {
        name = try reader.text()
        address = try reader.text()
        incarnation = try reader.bytes(16).copiedBytes()
    }
}

/// The cluster takes the node in, as a learner.
///
///     | cluster id 16 | node varint | count varint, (node varint, name, address) * count |
package struct JoinGrant: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package var node: NodeID
        package var name: String
        package var address: String

        package init(node: NodeID, name: String, address: String) {
            self.node = node
            self.name = name
            self.address = address
        }
    }

    package var clusterID: [UInt8]
    package var node: NodeID
    package var members: [Member]

    package init(clusterID: [UInt8], node: NodeID, members: [Member]) {
        precondition(clusterID.count == 16, "16 bytes")
        self.clusterID = clusterID
        self.node = node
        self.members = members
    }

    func write(to writer: inout ByteWriter) {
        writer.append(clusterID)
        writer.varint(node.rawValue)
        writer.varint(UInt64(members.count))
        for member in members {
            writer.varint(member.node.rawValue)
            writer.varText(member.name)
            writer.varText(member.address)
        }
    }

    @_lifetime(reader: copy reader)
    init(_ reader: inout SpanReader) throws(BytesError) {
        clusterID = try reader.bytes(16).copiedBytes()
        node = NodeID(try reader.varint())
        members = []
        for _ in 0..<(try reader.count(bytesMin: 3)) {
            let node = NodeID(try reader.varint())
            let name = try reader.text()
            members.append(Member(node: node, name: name, address: try reader.text()))
        }
    }
}

/// A snapshot that a leader wants to send: its manifest's file, and the term that it leads in.
///
///     | term varint | manifest: length varint, bytes |
package struct SnapshotOffer: Hashable, Sendable {
    package var term: Term
    package var manifest: [UInt8]

    package init(term: Term, manifest: [UInt8]) {
        self.term = term
        self.manifest = manifest
    }

    func write(to writer: inout ByteWriter) {
        writer.varint(term.rawValue)
        writer.varBytes(manifest)
    }

    @_lifetime(reader: copy reader)
    init(_ reader: inout SpanReader) throws(BytesError) {
        term = Term(try reader.varint())
        manifest = try reader.varBytes().copiedBytes()
    }
}
