import Bytes
package import Commands

/// What stands before every reply, and before every watch event.
package struct ReplyHeader: Equatable, Sendable {
    package static let byteCount = 16
    /// With the frame's length before it.
    package static let frameBytes = 20

    package var xid: Int32
    package var zxid: Int64
    package var error: Int32

    package init(xid: Int32, zxid: Int64, error: Int32 = 0) {
        self.xid = xid
        self.zxid = zxid
        self.error = error
    }

    @_lifetime(reader: copy reader)
    package init(_ reader: inout JuteReader) throws(JuteError) {
        xid = try reader.int()
        zxid = try reader.long()
        error = try reader.int()
    }

    /// The frame's length and the header, before a record of `bodyBytes`.
    @_lifetime(output: copy output)
    package func write(bodyBytes: Int, into output: inout OutputRawSpan) {
        output.integer(Int32(truncatingIfNeeded: Self.byteCount + bodyBytes))
        output.integer(xid)
        output.integer(zxid)
        output.integer(error)
    }
}

extension Stat {
    package static let byteCount = 68

    /// ```
    /// czxid, mzxid, ctime, mtime Int64; version, cversion, aversion Int32;
    /// ephemeralOwner Int64; dataLength, numChildren Int32; pzxid Int64
    /// ```
    @_lifetime(output: copy output)
    package func write(into output: inout OutputRawSpan) {
        output.integer(czxid)
        output.integer(mzxid)
        output.integer(ctimeMilliseconds)
        output.integer(mtimeMilliseconds)
        output.integer(version)
        output.integer(cversion)
        output.integer(aversion)
        output.integer(ephemeralOwner)
        output.integer(dataLength)
        output.integer(childCount)
        output.integer(pzxid)
    }

    @_lifetime(reader: copy reader)
    package init(_ reader: inout JuteReader) throws(JuteError) {
        self.init(
            czxid: UInt64(bitPattern: try reader.long()),
            mzxid: UInt64(bitPattern: try reader.long()),
            ctimeMilliseconds: try reader.long(),
            mtimeMilliseconds: try reader.long(),
            version: try reader.int(),
            cversion: try reader.int(),
            aversion: try reader.int(),
            ephemeralOwner: try reader.long(),
            dataLength: try reader.int(),
            childCount: try reader.int(),
            pzxid: UInt64(bitPattern: try reader.long())
        )
    }
}

/// Jute's composite types, written into reserved memory.
extension OutputRawSpan {
    /// A buffer or ustring.
    @_lifetime(self: copy self)
    package mutating func juteBytes(_ bytes: RawSpan) {
        integer(Int32(truncatingIfNeeded: bytes.byteCount))
        copy(bytes)
    }

    @_lifetime(self: copy self)
    package mutating func juteACL(_ entries: [ACLEntry]) {
        integer(Int32(truncatingIfNeeded: entries.count))
        for entry in entries {
            integer(entry.permissions.rawValue)
            juteBytes(entry.identity.scheme.bytes.rawSpan)
            juteBytes(entry.identity.id.bytes.rawSpan)
        }
    }

    /// The record of a watch event; the session is connected (3).
    @_lifetime(self: copy self)
    package mutating func juteWatchEvent(kind: Int32, path: RawSpan) {
        integer(kind)
        integer(Int32(3))
        juteBytes(path)
    }
}

/// The sizes of what `OutputRawSpan` is asked to hold.
package enum JuteSize {
    package static func acl(_ entries: [ACLEntry]) -> Int {
        entries.reduce(4) { size, entry in
            size + 12 + entry.identity.scheme.bytes.count + entry.identity.id.bytes.count
        }
    }

    package static func watchEvent(path: RawSpan) -> Int { 12 + path.byteCount }
}
