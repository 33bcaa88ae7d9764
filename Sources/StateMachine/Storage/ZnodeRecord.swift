internal import Bytes
internal import Commands

/// A znode as stored.
///
/// ```
/// 0   UInt8    marks: 1 data is null, 2 blob in pieces, 4 path shortened, 8 ACL, 16 owner
/// ..  varint   czxid
/// ..  varint   mzxid - czxid
/// ..  varint   pzxid - czxid
/// ..  zig-zag  ctime, milliseconds
/// ..  zig-zag  mtime - ctime
/// ..  zig-zag  version, cversion (internal: creates only), aversion
/// ..  varint   children
/// [8] varint   ACLID
/// [16] Int64   ephemeral owner
/// [4] varint   bytes of the path in the blob
/// [2] varint   blob: index, ordinal, bytes
/// ..  blob     path if shortened, then data (not here if in pieces)
/// ```
struct ZnodeRecord: Equatable {
    var czxid: UInt64
    var mzxid: UInt64
    var pzxid: UInt64
    var ctimeMilliseconds: Int64
    var mtimeMilliseconds: Int64
    var version: Int32
    /// ZooKeeper's internal count: one for each child ever created.
    var cversion: Int32
    var aversion: Int32
    var childCount: UInt32
    var owner: Int64
    var acl: ACLID
    var dataIsNull: Bool
    /// Bytes of the whole path at the blob's start; 0 unless the key is shortened.
    var pathBytes: Int
    var blob: BlobPlace

    static let containerOwner = Int64.min

    private enum Mark {
        static let nullData: UInt8 = 1
        static let pieces: UInt8 = 2
        static let shortened: UInt8 = 4
        static let acl: UInt8 = 8
        static let owner: UInt8 = 16
        static let all: UInt8 = 31
    }

    var dataBytes: Int { blob.byteCount - pathBytes }

    var isContainer: Bool { owner == Self.containerOwner }

    /// Owned by a session, and to go with it.
    var isEphemeral: Bool { owner != 0 && owner != Self.containerOwner }

    /// As a client sees it. ZooKeeper's DataNode.copyStat makes cversion count deletes too.
    var stat: Stat {
        Stat(
            czxid: czxid,
            mzxid: mzxid,
            ctimeMilliseconds: ctimeMilliseconds,
            mtimeMilliseconds: mtimeMilliseconds,
            version: version,
            cversion: cversion &* 2 &- Int32(truncatingIfNeeded: childCount),
            aversion: aversion,
            ephemeralOwner: isContainer ? 0 : owner,
            dataLength: Int32(truncatingIfNeeded: dataBytes),
            childCount: Int32(truncatingIfNeeded: childCount),
            pzxid: pzxid
        )
    }

    init(
        createdAt index: UInt64,
        timeMilliseconds: Int64,
        owner: Int64,
        acl: ACLID,
        dataIsNull: Bool,
        pathBytes: Int,
        blob: BlobPlace
    ) {
        czxid = index
        mzxid = index
        pzxid = index
        ctimeMilliseconds = timeMilliseconds
        mtimeMilliseconds = timeMilliseconds
        version = 0
        cversion = 0
        aversion = 0
        childCount = 0
        self.owner = owner
        self.acl = acl
        self.dataIsNull = dataIsNull
        self.pathBytes = pathBytes
        self.blob = blob
    }

    init(decoding span: RawSpan) throws(BytesError) {
        var reader = SpanReader(span)
        let marks: UInt8 = try reader.integer()
        guard marks & ~Mark.all == 0 else { throw .badTag(offset: 0, tag: UInt64(marks)) }
        czxid = try reader.varint()
        mzxid = czxid &+ (try reader.varint())
        pzxid = czxid &+ (try reader.varint())
        ctimeMilliseconds = try reader.signedVarint()
        mtimeMilliseconds = ctimeMilliseconds &+ (try reader.signedVarint())
        version = Int32(truncatingIfNeeded: try reader.signedVarint())
        cversion = Int32(truncatingIfNeeded: try reader.signedVarint())
        aversion = Int32(truncatingIfNeeded: try reader.signedVarint())
        childCount = UInt32(truncatingIfNeeded: try reader.varint())
        acl = .open
        if marks & Mark.acl != 0 { acl = ACLID(UInt32(truncatingIfNeeded: try reader.varint())) }
        owner = marks & Mark.owner != 0 ? try reader.integer() : 0
        dataIsNull = marks & Mark.nullData != 0
        pathBytes = marks & Mark.shortened != 0 ? Int(truncatingIfNeeded: try reader.varint()) : 0
        blob = try Self.blob(&reader, inPieces: marks & Mark.pieces != 0)
        guard pathBytes >= 0, pathBytes <= blob.byteCount else {
            let bound = blob.byteCount
            throw .badLength(offset: reader.offset, length: pathBytes, bound: bound)
        }
    }

    @_lifetime(reader: copy reader)
    private static func blob(
        _ reader: inout SpanReader,
        inPieces: Bool
    ) throws(BytesError) -> BlobPlace {
        guard inPieces else {
            return .inline(start: reader.offset, byteCount: reader.remaining)
        }
        let id = try BlobID(from: &reader)
        return .pieces(id, byteCount: Int(truncatingIfNeeded: try reader.varint()))
    }

    /// Writes all fields; an inline blob's bytes are to follow.
    func encodeFields(into writer: inout ByteWriter) {
        writer.integer(marks)
        writer.varint(czxid)
        writer.varint(mzxid &- czxid)
        writer.varint(pzxid &- czxid)
        writer.signedVarint(ctimeMilliseconds)
        writer.signedVarint(mtimeMilliseconds &- ctimeMilliseconds)
        writer.signedVarint(Int64(version))
        writer.signedVarint(Int64(cversion))
        writer.signedVarint(Int64(aversion))
        writer.varint(UInt64(childCount))
        if acl != .open { writer.varint(UInt64(acl.value)) }
        if owner != 0 { writer.integer(owner) }
        if pathBytes > 0 { writer.varint(UInt64(pathBytes)) }
        if case .pieces(let id, let byteCount) = blob {
            id.encode(into: &writer)
            writer.varint(UInt64(byteCount))
        }
    }

    private var marks: UInt8 {
        var marks: UInt8 = dataIsNull ? Mark.nullData : 0
        if case .pieces = blob { marks |= Mark.pieces }
        if pathBytes > 0 { marks |= Mark.shortened }
        if acl != .open { marks |= Mark.acl }
        if owner != 0 { marks |= Mark.owner }
        return marks
    }
}
