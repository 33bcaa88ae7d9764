package import Bytes
package import Commands

/// What stands before every request but the first.
package struct RequestHeader: Equatable, Sendable {
    package static let byteCount = 8

    package var xid: Int32
    /// As sent; it may be no `Opcode`.
    package var opcode: Int32

    @_lifetime(reader: copy reader)
    package init(_ reader: inout JuteReader) throws(JuteError) {
        xid = try reader.int()
        opcode = try reader.int()
    }
}

/// create, create2, createContainer: path, data, ACL, flags. createTTL has a time to live as well.
package struct CreateRecord: ~Escapable {
    package let path: RawSpan
    package let data: RawSpan?
    /// The vector, undecoded: see `isOpen`.
    package let acl: RawSpan
    package let flags: Int32
    package let timeToLiveMilliseconds: Int64?

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    package init(_ reader: inout JuteReader, hasTimeToLive: Bool) throws(JuteError) {
        path = try reader.text()
        data = try reader.buffer()
        acl = try reader.skippedAccessControl()
        flags = try reader.int()
        timeToLiveMilliseconds = hasTimeToLive ? try reader.long() : nil
    }

    /// CreateMode's values.
    static let knownFlags: ClosedRange<Int32> = 0...6
    static let flagsWithoutTTL: ClosedRange<Int32> = 0...4
    static let containerFlags: Int32 = 4

    /// Whether the list is [world:anyone all], as nearly every list is.
    package var isOpen: Bool { acl.hasSameBytes(as: Self.openVector.rawSpan) }

    package func copiedData() -> [UInt8]? {
        guard let data else { return nil }
        return data.copiedBytes()
    }

    package func decodedACL() throws(JuteError) -> [ACLEntry] {
        var reader = JuteReader(acl)
        return try reader.accessControl()
    }

    private static let openVector: [UInt8] = {
        var writer = ByteWriter()
        writer.juteACL([.open])
        return writer.bytes
    }()
}

extension JuteReader {
    /// The bytes of an ACL vector, checked to be well formed.
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    mutating func skippedAccessControl() throws(JuteError) -> RawSpan {
        let whole = unread()
        let before = remaining
        let count = try count(itemBytes: 12) ?? 0
        for _ in 0..<count {
            _ = try int()
            _ = try textOrEmpty()
            _ = try text()
        }
        return whole.extracting(0..<(before - remaining))
    }
}

extension RawSpan {
    /// The path of a setData or a check as the log may hold it. One that begins with no slash names
    /// no znode, and those two rules look it up by its key, which counts on the slash; the empty
    /// path they refuse in the same words.
    var asLogged: RawSpan {
        @_lifetime(copy self)
        get {
            guard byteCount > 0, self[byte: 0] != UInt8(ascii: "/") else { return self }
            return extracting(first: 0)
        }
    }
}

/// delete and check: path, version.
package struct VersionedPathRecord: ~Escapable {
    package let path: RawSpan
    package let version: Int32

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    package init(_ reader: inout JuteReader) throws(JuteError) {
        path = try reader.text()
        version = try reader.int()
    }
}

/// exists, getData, getChildren, getChildren2: path, whether to leave a watch.
package struct PathWatchRecord: ~Escapable {
    package let path: RawSpan
    package let watch: Bool

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    package init(_ reader: inout JuteReader) throws(JuteError) {
        path = try reader.text()
        watch = try reader.bool()
    }
}

/// setData: path, data, version.
package struct SetDataRecord: ~Escapable {
    package let path: RawSpan
    package let data: RawSpan?
    package let version: Int32

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    package init(_ reader: inout JuteReader) throws(JuteError) {
        path = try reader.textOrEmpty().asLogged
        data = try reader.buffer()
        version = try reader.int()
    }

    package func copiedData() -> [UInt8]? {
        guard let data else { return nil }
        return data.copiedBytes()
    }
}

/// setACL: path, ACL, version.
package struct SetACLRecord: ~Escapable {
    package let path: RawSpan
    package let acl: [ACLEntry]
    package let version: Int32

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    package init(_ reader: inout JuteReader) throws(JuteError) {
        path = try reader.textOrEmpty()
        acl = try reader.accessControl()
        version = try reader.int()
    }
}

/// addWatch, checkWatches, removeWatches: path, and a mode or a type of watch.
package struct PathNumberRecord: ~Escapable {
    package let path: RawSpan
    package let number: Int32

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    package init(_ reader: inout JuteReader) throws(JuteError) {
        path = try reader.textOrEmpty()
        number = try reader.int()
    }
}

/// auth: a type that nobody uses, scheme, secret.
package struct AuthRecord: ~Escapable {
    package let scheme: RawSpan
    package let secret: [UInt8]?

    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    package init(_ reader: inout JuteReader) throws(JuteError) {
        _ = try reader.int()
        scheme = try reader.text()
        guard let bytes = try reader.buffer() else {
            secret = nil
            return
        }
        secret = bytes.copiedBytes()
    }
}

/// reconfig: joining and leaving servers, new members (all may be null), the configuration's id.
package struct ReconfigRecord: Equatable, Sendable {
    package var configurationID: Int64

    @_lifetime(reader: copy reader)
    package init(_ reader: inout JuteReader) throws(JuteError) {
        for _ in 0..<3 { _ = try reader.textOrEmpty() }
        configurationID = try reader.long()
    }
}

/// setWatches and setWatches2: what a client that reconnected wants to be told of.
package struct SetWatchesRecord: Equatable, Sendable {
    package var relativeZxid: Int64
    package var data: [ByteString]
    package var exist: [ByteString]
    package var child: [ByteString]
    package var persistent: [ByteString] = []
    package var recursive: [ByteString] = []

    @_lifetime(reader: copy reader)
    package init(_ reader: inout JuteReader, hasPersistent: Bool) throws(JuteError) {
        relativeZxid = try reader.long()
        data = try reader.texts()
        exist = try reader.texts()
        child = try reader.texts()
        guard hasPersistent else { return }
        persistent = try reader.texts()
        recursive = try reader.texts()
    }
}
