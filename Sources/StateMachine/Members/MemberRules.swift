public import Bytes
internal import Commands

/// A node that joined the cluster after it began. The first voters are on no record here: every
/// node knows them from its start.
///
///     | name | address | incarnation, each length varint and bytes |
public struct MemberRecord: Equatable, Sendable {
    public var node: UInt64
    public var name: ByteString
    /// HOST:PORT of its peer port.
    public var address: ByteString
    /// The name of its data directory.
    public var incarnation: ByteString

    static let tag = Array("member".utf8) + [0]
    static let nextKey = Array("members".utf8)

    static func key(_ node: UInt64) -> [UInt8] {
        var writer = ByteWriter(reserving: 16)
        writer.append(tag)
        writer.integer(node)
        return writer.bytes
    }

    func encode(into writer: inout ByteWriter) {
        writer.varBytes(name.bytes)
        writer.varBytes(address.bytes)
        writer.varBytes(incarnation.bytes)
    }

    init(_ command: AdmitMember, node: UInt64) {
        self.node = node
        name = command.name
        address = command.address
        incarnation = command.incarnation
    }

    init(key: RawSpan, value: RawSpan) throws(StateError) {
        do throws(BytesError) {
            var names = SpanReader(key.extracting(Self.tag.count..<key.byteCount))
            node = try names.integer()
            var reader = SpanReader(value)
            name = ByteString(try reader.varBytes().copiedBytes())
            address = ByteString(try reader.varBytes().copiedBytes())
            incarnation = ByteString(try reader.varBytes().copiedBytes())
        } catch { throw .damaged(table: "meta", detail: "member: \(error)") }
    }
}

extension StateView {
    /// Every member on record, by number.
    public var members: [MemberRecord] {
        get throws(StateError) {
            var found: [MemberRecord] = []
            let tag = MemberRecord.tag
            try scan(tag.rawSpan, in: tables.meta) { key, value throws(StateError) in
                found.append(try MemberRecord(key: key, value: value))
                return true
            }
            return found
        }
    }
}

extension Batch {
    /// Asking again gives the same number, at the address that was said last.
    mutating func apply(_ command: AdmitMember) throws(StateError) -> MemberOutcome {
        let known = try view.members.first { $0.name == command.name }
        if let known, known.incarnation != command.incarnation {
            return .nameTaken(by: known.node)
        }
        let node: UInt64
        if let known { node = known.node } else { node = try nextNumber(command.least) }
        try store(MemberRecord(command, node: node))
        return .admitted(node)
    }

    /// A record without a name stays, so that nodes that know the member from elsewhere hear of
    /// it.
    mutating func apply(_ command: DismissMember) throws(StateError) -> MemberOutcome {
        let nobody = AdmitMember(least: 0, name: "", address: "", incarnation: "")
        try store(MemberRecord(nobody, node: command.node))
        try raiseNextNumber(above: command.node)
        return .dismissed
    }

    private mutating func store(_ record: MemberRecord) throws(StateError) {
        var writer = takeWriter()
        record.encode(into: &writer)
        try put(MemberRecord.key(record.node).rawSpan, writer.bytes.rawSpan, in: tables.meta)
        giveBack(writer)
        changes.append(.member(record.node))
    }

    /// The number to give now; no lower one is given after it.
    private mutating func nextNumber(_ least: UInt64) throws(StateError) -> UInt64 {
        let next = max(least, try recordedNext())
        try raiseNextNumber(above: next)
        return next
    }

    /// Numbers of first voters were given by nobody; when one goes, its number is spent as well.
    private mutating func raiseNextNumber(above node: UInt64) throws(StateError) {
        let (next, isPast) = node.addingReportingOverflow(1)
        guard !isPast, try recordedNext() < next else { return }
        var writer = ByteWriter(reserving: 8)
        writer.integer(next)
        let key = MemberRecord.nextKey
        try put(key.rawSpan, writer.bytes.rawSpan, in: tables.meta)
    }

    private func recordedNext() throws(StateError) -> UInt64 {
        let key = MemberRecord.nextKey
        guard let span = try view.get(key.rawSpan, in: tables.meta) else { return 0 }
        do throws(BytesError) {
            var reader = SpanReader(span)
            return try reader.integer()
        } catch { throw .damaged(table: "meta", detail: "members: \(error)") }
    }
}
